// Bits per second that arrive at the viewer, by its own clock.

/** Milliseconds of a bucket, and buckets, a power of two: the rate is that of the last half second. */
const BUCKET = 62.5
const BUCKETS = 8
const RECENT = 2
const RECENT_PACKETS = 10
const WINDOW = BUCKET * BUCKETS

/** A ring of byte counts. Per packet: no allocation. */
export class ReceivedRate {
  readonly #bytes = new Float64Array(BUCKETS)
  readonly #packets = new Int32Array(BUCKETS)
  #newest = -Infinity
  #started = -Infinity
  #last = -Infinity
  #sum = 0

  add(bytes: number, arrival: number): void {
    const bucket = Math.floor(arrival / BUCKET)
    if (bucket > this.#newest) this.#advance(bucket)
    if (bucket <= this.#newest - BUCKETS) return
    this.#bytes[bucket & (BUCKETS - 1)]! += bytes
    this.#packets[bucket & (BUCKETS - 1)]!++
    this.#sum += bytes
    this.#last = Math.max(this.#last, arrival)
  }

  /** Undefined until packets have arrived for half a second without a longer gap. */
  get bitsPerSecond(): number | undefined {
    if (this.#last - this.#started < WINDOW) return undefined
    // The newest bucket is not complete yet.
    const span = WINDOW - BUCKET + (this.#last - this.#newest * BUCKET)
    return (this.#sum * 8_000) / span
  }

  /** The same over as few of the last complete buckets as hold enough packets: for a link whose rate fell. */
  get recentBitsPerSecond(): number | undefined {
    let bytes = 0
    let packets = 0
    for (let back = 1; back < BUCKETS; back++) {
      const place = (this.#newest - back) & (BUCKETS - 1)
      bytes += this.#bytes[place]!
      packets += this.#packets[place]!
      if (back >= RECENT && packets >= RECENT_PACKETS) return (bytes * 8_000) / (back * BUCKET)
    }
    return this.bitsPerSecond
  }

  #advance(bucket: number): void {
    const passed = bucket - this.#newest
    if (passed >= BUCKETS) {
      this.#bytes.fill(0)
      this.#packets.fill(0)
      this.#sum = 0
      this.#started = bucket * BUCKET
    }
    for (let step = 0; step < Math.min(passed, BUCKETS); step++) {
      const place = (bucket - step) & (BUCKETS - 1)
      this.#sum -= this.#bytes[place]!
      this.#bytes[place] = 0
      this.#packets[place] = 0
    }
    this.#newest = bucket
  }
}
