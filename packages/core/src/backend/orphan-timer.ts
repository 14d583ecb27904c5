// The channels of a backend without a connection: calls continue, empty channels are collected, and after a grace period all end.
import type { Timed } from '../deadlines.ts'
import { LIMITS } from '../limits.ts'

export interface OrphanActions {
  /** Removes unused voice states and empty channels. */
  collect(now: number): void
  /** Ends everything. */
  endAll(now: number): void
}

export class OrphanTimer implements Timed {
  readonly #actions: OrphanActions
  #endAt: number
  #collectAt: number

  /** `grace` in milliseconds, after which the calls end; 0 is never. */
  constructor(now: number, grace: number, actions: OrphanActions) {
    this.#actions = actions
    this.#endAt = grace > 0 ? now + grace : Infinity
    this.#collectAt = now + LIMITS.orphanTimeout
  }

  get deadline(): number {
    return Math.min(this.#collectAt, this.#endAt)
  }

  tick(now: number): void {
    if (now >= this.#endAt) {
      this.#endAt = Infinity
      this.#actions.endAll(now)
    }
    if (now < this.#collectAt) return
    // Channels that become empty later are collected in the next round.
    this.#collectAt = now + LIMITS.orphanTimeout
    this.#actions.collect(now)
  }
}
