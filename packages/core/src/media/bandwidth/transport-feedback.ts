// When packets of one WebRTC client arrived, by their transport-wide sequence, until feedback is sent: its congestion control
// depends on it (draft-holmer-rmcat-transport-wide-cc-extensions-01).
import {
  MAX_TRANSPORT_FEEDBACK_LENGTH,
  sequenceDistance,
  TRANSPORT_FEEDBACK_PACKETS,
  writeTransportFeedback,
} from '@parley/protocol'
import { LIMITS } from '../../limits.ts'

/** One per client. Storage is fixed; a gap longer than one feedback can span makes it start over. */
export class TransportFeedback {
  /** Arrivals from #base on; NaN for packets that did not arrive. */
  readonly #times = new Float64Array(TRANSPORT_FEEDBACK_PACKETS).fill(Number.NaN)
  readonly #bytes = new Uint8Array(MAX_TRANSPORT_FEEDBACK_LENGTH)
  readonly #view = new DataView(this.#bytes.buffer)
  /** The sequence that the next feedback begins with; −1 before the first packet. */
  #base = -1
  #count = 0
  #number = 0
  /** The SSRC of the last packet: feedback has to name one. */
  #ssrc = 0
  /** When feedback is due. */
  deadline = Infinity

  /** A packet arrived. Returns false if it does not fit: feedback has to be sent first. Per packet: no allocation. */
  arrived(sequence: number, ssrc: number, now: number): boolean {
    if (this.#base < 0) this.#base = sequence
    const index = sequenceDistance(sequence, this.#base)
    // Further away, also behind: packets of more than half a cycle may be missing.
    if (Math.abs(index) >= TRANSPORT_FEEDBACK_PACKETS) return false
    // Repeated, or reported as missing already.
    if (index < 0) return true
    if (this.#count === 0) this.deadline = now + LIMITS.transportFeedbackInterval
    this.#ssrc = ssrc
    this.#times[index] = now
    this.#count = Math.max(this.#count, index + 1)
    return true
  }

  /** Writes the feedback on the packets since the last. Returns its length; 0 if there were none. */
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

  /** Continues at `sequence` after a gap that feedback cannot span. */
  restart(sequence: number): void {
    this.#base = sequence
  }

  /** What `take` wrote. */
  get bytes(): Uint8Array {
    return this.#bytes
  }
}
