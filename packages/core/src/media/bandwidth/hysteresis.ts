// When an allocation takes effect: less at once, more after it has been possible for a while, so that layers do not flap.
import { LIMITS } from '../../limits.ts'

/** One per viewer and source. */
export class Hysteresis {
  /** The best step that the viewer may be sent; Infinity before the first allocation. */
  limit = Infinity
  /** Since when more has been permitted without a break. */
  #since = Infinity

  /** When `allow` may change the limit by itself. */
  get deadline(): number {
    return this.#since + LIMITS.raiseDelay
  }

  /** Applies an allocation. Returns whether the limit changed. */
  allow(permitted: number, now: number): boolean {
    if (permitted <= this.limit) return this.set(permitted)
    this.#since = Math.min(this.#since, now)
    return now < this.deadline ? false : this.set(permitted)
  }

  /** Applies an allocation at once, also one that permits more. */
  set(limit: number): boolean {
    this.#since = Infinity
    const isChanged = limit !== this.limit
    this.limit = limit
    return isChanged
  }
}
