// What the first packets to a viewer tell of its link, before any probe does: they leave at the rate of the start, and a slower link
// delivers them at its own.

/** Packets and milliseconds of arrivals that a measurement takes at least. */
const PACKETS = 12
const SPAN = 80
/** The link is slower than what is sent if less than this part arrives per time. Loss alone is far from it. */
const SLOWER = 0.6

/** Per packet: no allocation. */
export class FirstRate {
  #packets = 0
  #sentBits = 0
  #arrivedBits = 0
  #firstSent = Infinity
  #lastSent = -Infinity
  #firstArrival = Infinity
  #lastArrival = -Infinity

  /** Feedback covers a packet of `bytes`; `arrival` is NaN for a lost one. */
  add(bytes: number, sent: number, arrival: number): void {
    // The first packet begins both spans: its bits count for neither.
    if (this.#firstSent < Infinity) this.#sentBits += bytes * 8
    this.#firstSent = Math.min(this.#firstSent, sent)
    this.#lastSent = Math.max(this.#lastSent, sent)
    this.#packets++
    if (Number.isNaN(arrival)) return
    if (this.#firstArrival < Infinity) this.#arrivedBits += bytes * 8
    this.#firstArrival = Math.min(this.#firstArrival, arrival)
    this.#lastArrival = Math.max(this.#lastArrival, arrival)
  }

  /** Bits per second of a link that is slower than what is sent; undefined if nothing shows that it is. */
  get bitsPerSecond(): number | undefined {
    const span = this.#lastArrival - this.#firstArrival
    if (this.#packets < PACKETS || span < SPAN) return undefined
    const arrived = (this.#arrivedBits * 1_000) / span
    const sent = (this.#sentBits * 1_000) / (this.#lastSent - this.#firstSent)
    return arrived < SLOWER * sent ? arrived : undefined
  }
}
