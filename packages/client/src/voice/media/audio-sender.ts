// Turns Opus frames into the RTP packets of one audio source.
import { encodeRtp, OPUS_PAYLOAD_TYPE, OPUS_SILENCE } from '@parley/protocol'
import { OPUS_RATE } from '../../ogg/opus-packet.ts'

/** Samples at 48 kHz of the frame that everybody sends: 20 ms. */
export const FRAME_SAMPLES = OPUS_RATE / 50
/** Frames of silence that end an utterance, so that decoders do not make up its continuation. */
const SILENCE_FRAMES = 5

export class AudioSender {
  readonly #ssrc: number
  #sequence: number
  #timestamp: number
  /** When the last utterance ended; undefined while one goes on. */
  #endedAt: number | undefined

  /** `random` is 32 bits to start sequence and timestamp from (RFC 3550 §5.1). */
  constructor(ssrc: number, random: number) {
    this.#ssrc = ssrc
    this.#sequence = random & 0xffff
    this.#timestamp = random >>> 0
  }

  /** The next packet, with a frame that plays for `samples` at 48 kHz. */
  packet(payload: Uint8Array, samples: number, now: number): Uint8Array {
    this.#passPause(now)
    const { sequence, timestamp } = { sequence: this.#sequence, timestamp: this.#timestamp }
    this.#sequence = (sequence + 1) & 0xffff
    this.#timestamp = (timestamp + samples) >>> 0
    return encodeRtp({ payloadType: OPUS_PAYLOAD_TYPE, sequence, timestamp, ssrc: this.#ssrc, payload })
  }

  /** The packets that end an utterance. */
  end(now: number): Uint8Array[] {
    const silence = Uint8Array.from(OPUS_SILENCE)
    const packets = Array.from({ length: SILENCE_FRAMES }, () => this.packet(silence, FRAME_SAMPLES, now))
    this.#endedAt = now
    return packets
  }

  /** Media time goes on during a pause, in whole frames; sequence numbers do not. */
  #passPause(now: number): void {
    if (this.#endedAt === undefined) return
    const frames = Math.max(0, Math.round((now - this.#endedAt) / 20) - SILENCE_FRAMES)
    this.#timestamp = (this.#timestamp + frames * FRAME_SAMPLES) >>> 0
    this.#endedAt = undefined
  }
}
