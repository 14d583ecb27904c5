// When an allocation takes effect: less at once; more after it has been possible for a while, or at once where a probe has shown that
// the link carries it. A raise that had to be withdrawn makes the next one wait longer, so that layers do not flap.
import { LIMITS } from '../../limits.ts'
import { NONE } from './allocation.ts'

/** A raise that is withdrawn within this many ms has failed. */
const TRIAL = 30_000
/** On a link that carries less than this part of the estimate of the raise, only if within this many ms: later the link has changed. */
const SLOWER = 0.5
const SLOWER_TRIAL = 5_000
/** Milliseconds that the next raise waits after the first failure; each further one doubles that, up to the longest … */
const FIRST_DELAY = 8_000
const LONGEST_DELAY = 64_000
/** … and so long without a failure halves it. The wait ends when the estimate is this multiple of that of the raise that failed. */
const FORGOTTEN = 60_000
const BETTER = 1.5
/** A source that is paused waits no longer than this: no picture is worse than one that changes. It returns in its lowest layer. */
const RESUME_DELAY = 2_000

/** One per viewer and source. */
export class Hysteresis {
  /** The best step that the viewer may be sent; Infinity before the first allocation. */
  limit = Infinity
  /** Since when more has been permitted without a break. */
  #since = Infinity
  /** The last raise, and its estimate. */
  #raisedAt = -Infinity
  #raisedWith = 0
  /** The last raise that failed: when, its estimate, and how long the next one waits because of that. */
  #failedAt = -Infinity
  #failedWith = 0
  #delay: number = LIMITS.raiseDelay

  /** When `allow` may change the limit by itself. */
  get deadline(): number {
    return this.#since + (this.limit === NONE ? Math.min(RESUME_DELAY, this.#delay) : this.#delay)
  }

  /**
   * Applies an allocation at this estimate. `isConfirmed`: a probe has just shown that the link carries it. `lowest`: the step with
   * which a paused source returns. Returns whether the limit changed.
   */
  allow(permitted: number, estimate: number, isConfirmed: boolean, now: number, lowest = 0): boolean {
    const trial = estimate < SLOWER * this.#raisedWith ? SLOWER_TRIAL : TRIAL
    if (permitted < this.limit && now - this.#raisedAt < trial) this.#fail(now)
    if (permitted <= this.limit) return this.set(permitted)
    this.#forget(now)
    this.#since = Math.min(this.#since, now)
    const isDue = now >= this.#since + this.#delay || (isConfirmed && this.#isSure(estimate))
    if (!isDue) return now >= this.deadline && this.set(Math.min(permitted, lowest))
    this.#raisedAt = now
    this.#raisedWith = estimate
    return this.set(permitted)
  }

  /** Applies an allocation at once, also one that permits more. */
  set(limit: number): boolean {
    this.#since = Infinity
    const isChanged = limit !== this.limit
    this.limit = limit
    return isChanged
  }

  /** A raise that failed is tried again at once only on a link that has become much better. */
  #isSure(estimate: number): boolean {
    return this.#delay === LIMITS.raiseDelay || estimate > BETTER * this.#failedWith
  }

  /** After a time without failures. */
  #forget(now: number): void {
    while (this.#delay > LIMITS.raiseDelay && now - this.#failedAt >= FORGOTTEN) {
      this.#delay /= 2
      this.#failedAt += FORGOTTEN
    }
  }

  #fail(now: number): void {
    this.#failedAt = now
    this.#failedWith = this.#raisedWith
    this.#raisedAt = -Infinity
    this.#delay = Math.min(LONGEST_DELAY, Math.max(FIRST_DELAY, 2 * this.#delay))
  }
}
