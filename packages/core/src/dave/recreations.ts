// How often a group may be made anew: seldom, and not again and again.
import { LIMITS } from '../limits.ts'

export type Decision = 'now' | 'later' | 'give up'

export class Recreations {
  #times: number[] = []
  /** When one that came too soon is due; Infinity if none is. */
  #dueAt = Infinity

  get deadline(): number {
    return this.#dueAt
  }
  get isDue(): boolean {
    return this.#dueAt !== Infinity
  }

  /** Asks for one now. `later` means that the deadline will ask again. */
  ask(now: number): Decision {
    this.#times = this.#times.filter(time => now - time < LIMITS.daveRecreateWindow)
    const allowedAt = (this.#times.at(-1) ?? -Infinity) + LIMITS.daveRecreateInterval
    if (now < allowedAt) {
      this.#dueAt = allowedAt
      return 'later'
    }
    this.#dueAt = Infinity
    if (this.#times.length >= LIMITS.daveRecreates) return 'give up'
    this.#times.push(now)
    return 'now'
  }

  /** The one that was due is not needed any more. */
  cancel(): void {
    this.#dueAt = Infinity
  }
  forget(): void {
    this.#times = []
    this.#dueAt = Infinity
  }
}
