// A SYNC with a grace period: at its end everything is destroyed that was neither listed nor created again.
import type { Timed } from '../deadlines.ts'
import { runSlice, type Work } from '../lvsp/work.ts'

export class PendingSync implements Timed {
  /** What removes the rest, a slice per tick. */
  readonly #work: Work
  /** Called once, when nothing is left to remove. */
  readonly #done: () => void
  #deadline: number

  constructor(work: Work, deadline: number, done: () => void) {
    this.#work = work
    this.#deadline = deadline
    this.#done = done
  }

  get deadline(): number {
    return this.#deadline
  }

  tick(now: number): void {
    if (now < this.#deadline || runSlice(this.#work, now)) return
    this.#deadline = Infinity
    this.#done()
  }
}
