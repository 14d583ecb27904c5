// When a call that goes without DAVE tries it again: a while after everyone can, and longer after groups have failed.
import { LIMITS } from '../limits.ts'

export class UpgradePlan {
  #at = Infinity
  #notBefore = -Infinity

  /** Infinity while no upgrade is possible. */
  get deadline(): number {
    return this.#at
  }

  /** To be called whenever it may have changed whether an upgrade is possible. */
  consider(isPossible: boolean, now: number): void {
    if (!isPossible) this.#at = Infinity
    else if (this.#at === Infinity) this.#at = Math.max(now + LIMITS.daveUpgradeDelay, this.#notBefore)
  }

  /** Groups have failed. */
  postpone(now: number): void {
    this.#notBefore = now + LIMITS.daveRetryDelay
  }

  /** A new call. */
  reset(): void {
    this.#at = Infinity
    this.#notBefore = -Infinity
  }
}
