// Runs parts of a simulation on one virtual clock, each at its deadline.

/** A part of a simulation. `deadline` is read before each step and may change in any tick; `Infinity` rests. */
export interface Timed {
  readonly deadline: number
  tick(now: number): void
}

/** Runs until `end`, in the order of the deadlines. `parts` are served in their order at one moment. */
export class VirtualTime {
  now: number
  readonly #parts: Timed[]

  constructor(now: number, parts: Timed[]) {
    this.now = now
    this.#parts = parts
  }

  /** A flow that joins later. Its deadline may be in the past: it is served in the next step. */
  add(part: Timed): void {
    this.#parts.push(part)
  }

  run(end: number): void {
    for (;;) {
      let next = end
      for (const { deadline } of this.#parts) if (deadline < next) next = deadline
      // A part whose deadline has passed is due now; timers are no more precise than a fraction of a millisecond.
      this.now = Math.max(this.now + SHORTEST, next)
      if (this.now >= end) break
      for (const part of this.#parts) if (part.deadline <= this.now) part.tick(this.now)
    }
    this.now = end
  }
}

const SHORTEST = 0.05
