// When an allocation takes effect: less at once, more after it has been possible for a while, so that layers do not flap.
import { LIMITS } from '../../limits.ts'

/** One per viewer and source. */
export class Hysteresis {
  /** The best layer that the viewer may be sent; Infinity before the first allocation. */
  limit = Infinity
  /** Since when more has been permitted without a break. */
  #since = Infinity

  /** When `allow` may change the limit by itself. */
  get deadline(): number {
    return this.#since + LIMITS.raiseDelay
  }

  /** Applies an allocation. Returns whether the limit changed. */
  allow(permitted: number, now: number): boolean {
    if (permitted <= this.limit) {
      this.#since = Infinity
      return this.#set(permitted)
    }
    this.#since = Math.min(this.#since, now)
    if (now < this.deadline) return false
    this.#since = Infinity
    return this.#set(permitted)
  }

  #set(limit: number): boolean {
    const isChanged = limit !== this.limit
    this.limit = limit
    return isChanged
  }
}
