// Bits per second that a link carries, by the clock of the viewer: what arrives, and what the link loses at any rate, behind its queue.

/** Milliseconds of a bucket, and buckets, a power of two: the rate is that of the last half second. */
const BUCKET = 62.5
const BUCKETS = 8
const RECENT = 2
const RECENT_PACKETS = 6
/** Packets after which the rate since a queue has formed is known. */
const FILLED_PACKETS = 4
/** Weight of a new bucket in the smoothed rate, and below which part of it the rate has changed. */
const SMOOTHING = 0.08
const CHANGED = 0.7
const WINDOW = BUCKET * BUCKETS
/** Inherent losses come in bursts of so many at most. */
const MOST_CREDIT = 4
/** Packets of a lost feedback are spread over so many parts of the time that it covers. */
const PARTS = 4

/** A ring of byte counts. Per packet: no allocation. */
export class ReceivedRate {
  readonly #bytes = new Float64Array(BUCKETS)
  readonly #packets = new Int32Array(BUCKETS)
  #newest = -Infinity
  #started = -Infinity
  #last = -Infinity
  #sum = 0
  #smoothed = 0
  /** When the last packet arrived that had not waited in the queue of the link, and what arrived since. */
  #filledAt = -Infinity
  #filledBytes = 0
  #filledPackets = 0
  /** Losses that the inherent loss of the link explains, and that have not happened yet. */
  #credit = 0

  /** A packet arrived. `inherent` is the part of the packets that the link loses at any rate. `hasWaited`: in the queue of the link. */
  arrived(bytes: number, inherent: number, hasWaited: boolean, arrival: number): void {
    if (!hasWaited) {
      this.#filledAt = arrival
      this.#filledBytes = this.#filledPackets = 0
    }
    this.#credit = Math.min(MOST_CREDIT, this.#credit + inherent / (1 - inherent))
    this.#add(bytes, arrival)
  }

  /** A packet was lost after the last that arrived. It counts if it is one of those that the link loses at any rate. */
  lost(bytes: number): void {
    if (this.#credit < 1 || this.#last === -Infinity) return
    this.#credit--
    this.#add(bytes, this.#last)
  }

  /** Packets of a lost feedback arrived, until `until`, as those before and after them did. */
  skipped(bytes: number, until: number): void {
    const from = this.#last
    if (bytes === 0 || from === -Infinity) return
    const part = Math.max(0, until - from) / PARTS
    for (let index = 0.5; index < PARTS; index++) this.#add(bytes / PARTS, from + part * index)
  }

  #add(bytes: number, arrival: number): void {
    const bucket = Math.floor(arrival / BUCKET)
    if (bucket > this.#newest) this.#advance(bucket)
    if (bucket <= this.#newest - BUCKETS) return
    this.#bytes[bucket & (BUCKETS - 1)]! += bytes
    this.#packets[bucket & (BUCKETS - 1)]!++
    this.#sum += bytes
    if (arrival > this.#filledAt) {
      this.#filledBytes += bytes
      this.#filledPackets++
    }
    this.#last = Math.max(this.#last, arrival)
  }

  /** Undefined until packets have arrived for half a second without a longer gap. */
  get bitsPerSecond(): number | undefined {
    // Before the first arrival the difference of both is NaN.
    if (!(this.#last - this.#started >= WINDOW)) return undefined
    // The newest bucket is not complete yet.
    const span = WINDOW - BUCKET + (this.#last - this.#newest * BUCKET)
    return (this.#sum * 8_000) / span
  }

  /**
   * The same, smoothed: packets of a slow link are few. A change that is no noise counts at once, as does a queue that has just formed:
   * what arrived before it is what was sent.
   */
  get smoothedBitsPerSecond(): number | undefined {
    const rate = this.bitsPerSecond
    if (rate === undefined || this.#smoothed === 0) return rate
    const isOther = rate < CHANGED * this.#smoothed || this.#smoothed < CHANGED * rate
    return this.#ofLink(isOther ? rate : this.#smoothed, BUCKETS - 1)
  }

  /** A rate over the last buckets is that of the link if its queue has formed before them; otherwise that since then may be higher. */
  #ofLink(rate: number, buckets: number): number {
    const isFilled = this.#filledAt <= (this.#newest - buckets) * BUCKET
    if (isFilled || this.#filledPackets < FILLED_PACKETS) return rate
    return Math.max(rate, (this.#filledBytes * 8_000) / (this.#last - this.#filledAt))
  }

  /** The same over as few of the last complete buckets as hold enough packets: for a link whose rate fell. */
  get recentBitsPerSecond(): number | undefined {
    let bytes = 0
    let packets = 0
    for (let back = 1; back < BUCKETS; back++) {
      const place = (this.#newest - back) & (BUCKETS - 1)
      bytes += this.#bytes[place]!
      packets += this.#packets[place]!
      if (back >= RECENT && packets >= RECENT_PACKETS) return this.#ofLink((bytes * 8_000) / (back * BUCKET), back)
    }
    return this.bitsPerSecond
  }

  #advance(bucket: number): void {
    const rate = this.bitsPerSecond
    if (rate === undefined) this.#smoothed = 0
    else this.#smoothed = this.#smoothed === 0 ? rate : this.#smoothed + SMOOTHING * (rate - this.#smoothed)
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
