// The sound to send: the microphone, or a sound that the page generates.
import { openDevice } from '../devices/open-device.ts'

export type SoundKind = 'microphone' | 'speech' | 'tone'

/** A running sound. `stop` frees the microphone. */
export interface SoundSource {
  readonly node: AudioNode
  /** Of the microphone; undefined for a sound that the page generates. It ends by itself where the device is unplugged. */
  readonly track?: MediaStreamTrack | undefined
  stop(): void
}

/** Hertz, amplitude, and seconds on and in total. */
const TONE = { frequency: 330, gain: 0.12, on: 0.6, period: 1.4 } as const
/** Lines of the bundled dialogue that are played in a loop. */
const LINES = ['ana-1', 'ana-2', 'ana-3', 'ana-4'] as const
/** Seconds of silence after each line. */
const PAUSE = 0.8

/**
 * `microphone` is the id of a device; undefined for the default one. Rejects with the DOMException of getUserMedia, or with the error
 * of fetching or decoding speech.
 */
export function openSound(kind: SoundKind, context: AudioContext, microphone?: string): Promise<SoundSource> {
  switch (kind) {
    case 'microphone':
      return openMicrophone(context, microphone)
    case 'speech':
      return openSpeech(context)
    case 'tone':
      return Promise.resolve(openTone(context))
  }
}

/** With the browser's processing for speech. */
async function openMicrophone(context: AudioContext, deviceId: string | undefined): Promise<SoundSource> {
  const processing = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }
  const stream = await openDevice(id => ({ audio: { ...processing, ...id } }), deviceId)
  const stop = () => {
    for (const track of stream.getTracks()) track.stop()
  }
  try {
    return { node: context.createMediaStreamSource(stream), track: stream.getAudioTracks()[0], stop }
  } catch (error) {
    // Browsers refuse it in a context that was closed until the user permitted the microphone, or that has another sample rate.
    stop()
    throw error
  }
}

/** Plays one buffer in a loop. */
function looped(context: AudioContext, buffer: AudioBuffer): SoundSource {
  const node = new AudioBufferSourceNode(context, { buffer, loop: true })
  node.start()
  return { node, stop: () => node.stop() }
}

/** Short tones with pauses, so that speaking indicators switch on and off. */
function openTone(context: AudioContext): SoundSource {
  const { sampleRate } = context
  const buffer = context.createBuffer(1, TONE.period * sampleRate, sampleRate)
  const samples = buffer.getChannelData(0)
  const length = TONE.on * sampleRate
  for (let index = 0; index < length; index++) {
    const envelope = Math.sin((Math.PI * index) / length)
    samples[index] = TONE.gain * envelope * Math.sin((2 * Math.PI * TONE.frequency * index) / sampleRate)
  }
  return looped(context, buffer)
}

/** The lines of one speaker in a row, with pauses. */
async function openSpeech(context: AudioContext): Promise<SoundSource> {
  const lines = await Promise.all(LINES.map(name => readLine(context, name)))
  const { sampleRate } = context
  const pause = PAUSE * sampleRate
  const whole = context.createBuffer(
    1,
    lines.reduce((sum, line) => sum + line.length + pause, 0),
    sampleRate,
  )
  let offset = 0
  for (const line of lines) {
    whole.copyToChannel(line.getChannelData(0), 0, offset)
    offset += line.length + pause
  }
  return looped(context, whole)
}

async function readLine(context: AudioContext, name: string): Promise<AudioBuffer> {
  const response = await fetch(`speech/${name}.opus`)
  if (!response.ok) throw new Error(`speech/${name}.opus: ${response.status}`)
  return context.decodeAudioData(await response.arrayBuffer())
}
