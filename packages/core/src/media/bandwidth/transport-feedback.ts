// When packets of one WebRTC client arrived, by their transport-wide sequence, until feedback is sent: its congestion control
// depends on it (draft-holmer-rmcat-transport-wide-cc-extensions-01).
import {
  MAX_TRANSPORT_FEEDBACK_LENGTH,
  sequenceDistance,
  TRANSPORT_FEEDBACK_PACKETS,
  writeTransportFeedback,
} from '@parley/protocol'
import { LIMITS } from '../../limits.ts'

const NO_TIMES = new Float64Array(0)
const NO_BYTES = new Uint8Array(0)

/**
 * One per client. Storage is fixed from the first packet on: a listener sends none. A gap longer than one feedback can span makes
 * it start over.
 */
export class TransportFeedback {
  /** Arrivals from #base on; NaN for packets that did not arrive. */
  #times = NO_TIMES
  #bytes = NO_BYTES
  #view: DataView | undefined
  /** The sequence that the next feedback begins with; −1 before the first packet. */
  #base = -1
  #count = 0
  #number = 0
  /** The SSRC of the last packet: feedback has to name one. */
  #ssrc = 0
  /** When the last packet arrived that was not behind. */
  #arrivedAt = -Infinity
  /** When feedback is due. */
  deadline = Infinity

  /** A packet arrived. Returns false if it does not fit: feedback has to be sent first. Per packet: no allocation. */
  arrived(sequence: number, ssrc: number, now: number): boolean {
    if (this.#base < 0) this.#begin(sequence)
    const index = sequenceDistance(sequence, this.#base)
    // Repeated, or reported as missing already; further behind after a while, packets of more than half a cycle may be missing.
    if (index < 0 && (index > -TRANSPORT_FEEDBACK_PACKETS || now - this.#arrivedAt < LIMITS.longestOvertaking))
      return true
    if (Math.abs(index) >= TRANSPORT_FEEDBACK_PACKETS) return false
    this.#arrivedAt = now
    if (this.#count === 0) this.deadline = now + LIMITS.transportFeedbackInterval
    this.#ssrc = ssrc
    this.#times[index] = now
    this.#count = Math.max(this.#count, index + 1)
    return true
  }

  #begin(sequence: number): void {
    this.#base = sequence
    if (this.#view !== undefined) return
    this.#times = new Float64Array(TRANSPORT_FEEDBACK_PACKETS).fill(Number.NaN)
    this.#bytes = new Uint8Array(MAX_TRANSPORT_FEEDBACK_LENGTH)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** Writes the feedback on the packets since the last. Returns its length; 0 if there were none. */
  take(sender: number): number {
    this.deadline = Infinity
    if (this.#count === 0 || this.#view === undefined) return 0
    // Packets that are missing before the first arrival were lost too: no other feedback mentions them.
    const arrivals = { base: this.#base, times: this.#times, count: this.#count }
    const length = writeTransportFeedback(this.#view, { sender, media: this.#ssrc }, arrivals, this.#number++)
    this.#base = (this.#base + this.#count) & 0xffff
    this.#times.fill(Number.NaN)
    this.#count = 0
    return length
  }

  /** Continues at `sequence` after a gap that feedback cannot span. */
  restart(sequence: number): void {
    this.#begin(sequence)
  }

  /** What `take` wrote. */
  get bytes(): Uint8Array {
    return this.#bytes
  }
}
