// A token bucket: an average rate of messages per second, and a burst.

export class MessageRate {
  readonly #perSecond: number
  readonly #burst: number
  #left: number
  #since: number

  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#left = burst
    this.#since = now
  }

  /** Counts one message; false if it exceeds the rate. */
  take(now: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#since) * this.#perSecond) / 1_000)
    this.#since = now
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
