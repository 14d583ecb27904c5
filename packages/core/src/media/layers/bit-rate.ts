// Bits per second over the last second.

/** Power of two. */
const BUCKETS = 8
/** Milliseconds. */
const BUCKET = 125

/** A ring of byte counts. Per packet: no allocation. */
export class BitRate {
  readonly #bytes = new Float64Array(BUCKETS)
  /** Number of the newest bucket: time divided by BUCKET. */
  #newest = -Infinity
  #sum = 0

  add(bytes: number, now: number): void {
    this.#advance(now)
    this.#bytes[this.#newest & (BUCKETS - 1)]! += bytes
    this.#sum += bytes
  }

  at(now: number): number {
    this.#advance(now)
    return (this.#sum * 8_000) / (BUCKETS * BUCKET)
  }

  /** Empties the buckets that are older than a second. */
  #advance(now: number): void {
    const bucket = Math.floor(now / BUCKET)
    if (bucket <= this.#newest) return
    const passed = Math.min(BUCKETS, bucket - this.#newest)
    for (let step = 0; step < passed; step++) {
      const place = (bucket - step) & (BUCKETS - 1)
      this.#sum -= this.#bytes[place]!
      this.#bytes[place] = 0
    }
    this.#newest = bucket
  }
}
