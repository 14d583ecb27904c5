// When packets of one browser came, by their transport-wide sequence, until it is told: its congestion control lives on that.
import {
  LONGEST_TRANSPORT_FEEDBACK,
  sequenceDistance,
  TRANSPORT_FEEDBACK_PACKETS,
  writeTransportFeedback,
} from '@parley/protocol'
import { LIMITS } from '../../limits.ts'

export class TransportFeedback {
  /** From #base on; NaN for what did not come. */
  readonly #times = new Float64Array(TRANSPORT_FEEDBACK_PACKETS).fill(Number.NaN)
  readonly #bytes = new Uint8Array(LONGEST_TRANSPORT_FEEDBACK)
  readonly #view = new DataView(this.#bytes.buffer)
  /** The sequence that the next feedback begins with; −1 before the first packet. */
  #base = -1
  #count = 0
  #number = 0
  /** The SSRC that a packet last came with: feedback has to name one. */
  #ssrc = 0
  /** When feedback is due. */
  deadline = Infinity

  /** A packet came. Returns false if it does not fit any more: feedback has to be sent first. Per packet: no allocation. */
  arrived(sequence: number, ssrc: number, now: number): boolean {
    if (this.#base < 0) this.#base = sequence
    const index = sequenceDistance(sequence, this.#base)
    // What was told as missing already, or repeated.
    if (index < 0) return true
    if (index >= TRANSPORT_FEEDBACK_PACKETS) return false
    if (this.#count === 0) this.deadline = now + LIMITS.transportFeedbackInterval
    this.#ssrc = ssrc
    this.#times[index] = now
    this.#count = Math.max(this.#count, index + 1)
    return true
  }

  /** Feedback about what came since the last, and its length; 0 if nothing did. */
  take(sender: number): number {
    const first = this.#times.findIndex(time => !Number.isNaN(time))
    this.deadline = Infinity
    if (first < 0) return 0
    const times = this.#times.subarray(first)
    const arrivals = { base: (this.#base + first) & 0xffff, times, count: this.#count - first }
    const length = writeTransportFeedback(this.#view, { sender, media: this.#ssrc }, arrivals, this.#number++)
    this.#base = (this.#base + this.#count) & 0xffff
    this.#times.fill(Number.NaN)
    this.#count = 0
    return length
  }

  /** A gap that feedback cannot span: begins anew. */
  restart(sequence: number): void {
    this.#base = sequence
  }

  /** What `take` wrote. */
  get bytes(): Uint8Array {
    return this.#bytes
  }
}
