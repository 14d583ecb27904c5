// Packetises the Opus frames of one audio source as RTP (RFC 7587).
import { encodeRtp, OPUS_PAYLOAD_TYPE, OPUS_SILENCE } from '@parley/protocol'
import { OPUS_RATE } from '../../ogg/opus-packet.ts'

/** Samples at 48 kHz of the usual Opus frame of 20 ms. */
export const FRAME_SAMPLES = OPUS_RATE / 50
/** Frames of silence at the end of a talkspurt, so that decoders do not extrapolate it. */
const SILENCE_FRAMES = 5

export class AudioSender {
  readonly #ssrc: number
  #sequence: number
  #timestamp: number
  /** When the last talkspurt ended; undefined during one. */
  #endedAt: number | undefined

  /** `random`: 32 bits, the initial sequence number and timestamp (RFC 3550 §5.1). */
  constructor(ssrc: number, random: number) {
    this.#ssrc = ssrc
    this.#sequence = random & 0xffff
    this.#timestamp = random >>> 0
  }

  /** The next packet. `samples` is the duration of the frame at 48 kHz. */
  packet(payload: Uint8Array, samples: number, now: number): Uint8Array {
    this.#passPause(now)
    const sequence = this.#sequence
    const timestamp = this.#timestamp
    this.#sequence = (sequence + 1) & 0xffff
    this.#timestamp = (timestamp + samples) >>> 0
    return encodeRtp({ payloadType: OPUS_PAYLOAD_TYPE, sequence, timestamp, ssrc: this.#ssrc, payload })
  }

  /** The packets that end a talkspurt. */
  end(now: number): Uint8Array[] {
    const silence = Uint8Array.from(OPUS_SILENCE)
    const packets = Array.from({ length: SILENCE_FRAMES }, () => this.packet(silence, FRAME_SAMPLES, now))
    this.#endedAt = now
    return packets
  }

  /** The timestamp advances during a pause, in whole frames; the sequence number does not. */
  #passPause(now: number): void {
    if (this.#endedAt === undefined) return
    const frames = Math.max(0, Math.round((now - this.#endedAt) / 20) - SILENCE_FRAMES)
    this.#timestamp = (this.#timestamp + frames * FRAME_SAMPLES) >>> 0
    this.#endedAt = undefined
  }
}
