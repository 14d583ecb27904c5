// Plays the other members: their sources are mixed, each with the volume of its user, and played on the chosen speaker.

import { Remembered } from '../memory/remembered.ts'

/** One source of a user. */
interface Playing {
  readonly userId: string
  /** Chromium decodes a remote track only while an element plays it; this one is muted. */
  readonly element: HTMLAudioElement
  readonly input: MediaStreamAudioSourceNode
  readonly gain: GainNode
}

interface Mixer {
  readonly context: AudioContext
  readonly mix: GainNode
  /** Plays the mix: unlike the context, an element can choose its speaker in every browser that lets pages do so. */
  readonly element: HTMLAudioElement
}

const LOUDEST = 2
const isVolume = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= LOUDEST

/** Whether this browser lets pages choose a speaker. */
export const canChooseSpeaker = (): boolean => 'setSinkId' in HTMLMediaElement.prototype

export class Playback {
  readonly #playing = new Map<number, Playing>()
  /** Volume by user, 0 to 2. */
  readonly #volumes = new Remembered('volumes', isVolume)
  #mixer: Mixer | undefined
  #isDeafened = false
  #speaker = ''

  /** Plays a source at the user's volume. Browsers play only after the user has clicked on the page. */
  add(ssrc: number, userId: string, track: MediaStreamTrack): void {
    const { context, mix } = this.#open()
    const stream = new MediaStream([track])
    const element = new Audio()
    element.srcObject = stream
    element.muted = true
    element.play().catch(() => {})
    const input = context.createMediaStreamSource(stream)
    const gain = new GainNode(context, { gain: this.volumeOf(userId) })
    input.connect(gain).connect(mix)
    this.#playing.set(ssrc, { userId, element, input, gain })
  }

  remove(ssrc: number): void {
    const playing = this.#playing.get(ssrc)
    if (playing === undefined) return
    playing.input.disconnect()
    playing.gain.disconnect()
    playing.element.srcObject = null
    this.#playing.delete(ssrc)
  }

  /** Ends all sources, and frees the speaker. */
  clear(): void {
    for (const ssrc of [...this.#playing.keys()]) this.remove(ssrc)
    if (this.#mixer !== undefined) this.#mixer.element.srcObject = null
    void this.#mixer?.context.close()
    this.#mixer = undefined
  }

  /** 0 to 2; 1 unless it was set. */
  volumeOf(userId: string): number {
    return this.#volumes.get(userId) ?? 1
  }

  setVolume(userId: string, volume: number): void {
    if (volume === 1) this.#volumes.delete(userId)
    else this.#volumes.set(userId, volume)
    for (const playing of this.#playing.values()) if (playing.userId === userId) playing.gain.gain.value = volume
  }

  /** While deafened, nothing is played. */
  set isDeafened(isDeafened: boolean) {
    this.#isDeafened = isDeafened
    if (this.#mixer !== undefined) this.#mixer.mix.gain.value = isDeafened ? 0 : 1
  }

  /** Plays on this device from now on; `''` is the default one. Rejects with a DOMException if it is gone. */
  async setSpeaker(id: string): Promise<void> {
    if (id === this.#speaker) return
    const before = this.#speaker
    this.#speaker = id
    try {
      if (canChooseSpeaker()) await this.#mixer?.element.setSinkId(id)
    } catch (error) {
      if (this.#speaker === id) this.#speaker = before
      throw error
    }
  }

  #open(): Mixer {
    if (this.#mixer !== undefined) return this.#mixer
    const context = new AudioContext()
    const mix = new GainNode(context, { gain: this.#isDeafened ? 0 : 1 })
    const output = context.createMediaStreamDestination()
    mix.connect(output)
    const element = new Audio()
    element.srcObject = output.stream
    // A speaker that was unplugged since: the default one plays.
    if (canChooseSpeaker() && this.#speaker !== '') element.setSinkId(this.#speaker).catch(() => {})
    element.play().catch(() => {})
    void context.resume()
    this.#mixer = { context, mix, element }
    return this.#mixer
  }
}
