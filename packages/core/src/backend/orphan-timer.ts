// What happens to the channels of a backend that is gone: calls go on, but what is empty is collected.
import type { Timed } from '../deadlines.ts'
import { LIMITS } from '../limits.ts'

export interface OrphanActions {
  /** Removes what nobody uses. */
  collect(now: number): void
  /** Ends everything. */
  endAll(now: number): void
}

export class OrphanTimer implements Timed {
  readonly #actions: OrphanActions
  #endAt: number
  #collectAt: number

  /** `grace` in milliseconds; 0 means that calls are never ended for want of a backend. */
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
    // Whatever becomes empty later goes at one of the next rounds.
    this.#collectAt = now + LIMITS.orphanTimeout
    this.#actions.collect(now)
  }
}
