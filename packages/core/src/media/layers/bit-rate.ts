// Bits per second over the last second in which packets arrived.

/** Power of two. */
const BUCKETS = 8
/** Milliseconds. */
export const BUCKET = 125
const WINDOW = BUCKETS * BUCKET
/** Without a packet for so long the stream has paused: until it returns, its rate is what it was. */
const PAUSED = 300
/** A stream that was silent for so long starts again: the silence is no part of its rate. A screen may send a frame a second. */
const RESTARTED = 2_000
/** The rate of a stream that has just started is that of so many ms at least. */
const LEAST_TIME = 250

/** A ring of byte counts. Per packet: no allocation. */
export class BitRate {
  readonly #bytes = new Float64Array(BUCKETS)
  /** Number of the newest bucket: time divided by BUCKET. */
  #newest = -Infinity
  #sum = 0
  #startedAt = -Infinity
  #last = -Infinity

  add(bytes: number, now: number): void {
    if (now - this.#last >= RESTARTED) this.#startedAt = now
    this.#last = now
    this.#advance(now)
    this.#bytes[this.#newest & (BUCKETS - 1)]! += bytes
    this.#sum += bytes
  }

  /** Whether the stream has lasted long enough for a rate of a whole second. */
  isWhole(now: number): boolean {
    return now - this.#startedAt >= WINDOW
  }

  /** 0 after a second without a packet. */
  at(now: number): number {
    const silence = now - this.#last
    if (silence >= WINDOW) return 0
    const end = silence > PAUSED ? this.#last : now
    this.#advance(end)
    return (this.#sum * 8_000) / Math.min(WINDOW, Math.max(LEAST_TIME, end - this.#startedAt))
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
