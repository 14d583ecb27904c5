// Turns on the few connections to the database: first come, first served. The pool's own queue fails after the time that a
// connection may take, which a burst of joins exceeds while the database works well.

export interface TurnLimits {
  /** Turns at once. */
  concurrent: number
  /** Waiting turns. */
  backlog: number
  /** The longest wait, in milliseconds. It is checked when another turn ends. */
  wait: number
}

interface Waiting {
  readonly since: number
  start(): void
  fail(error: Error): void
}

export class Turns {
  readonly #limits: TurnLimits
  readonly #now: () => number
  readonly #waiting = new Set<Waiting>()
  #running = 0

  /** `now` is a clock in milliseconds. */
  constructor(limits: TurnLimits, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  /** Runs the action in its turn. Rejects if too many wait, or if it has waited too long. */
  async run<T>(action: () => Promise<T>): Promise<T> {
    await this.#turn()
    try {
      return await action()
    } finally {
      this.#running--
      this.#next()
    }
  }

  #turn(): Promise<void> {
    if (this.#running < this.#limits.concurrent) {
      this.#running++
      return Promise.resolve()
    }
    if (this.#waiting.size >= this.#limits.backlog)
      return Promise.reject(new Error('too many queries wait for the database'))
    return new Promise((start, fail) => this.#waiting.add({ since: this.#now(), start, fail }))
  }

  #next(): void {
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting)
      if (this.#now() - waiting.since > this.#limits.wait) {
        waiting.fail(new Error('the database is too slow'))
        continue
      }
      this.#running++
      return waiting.start()
    }
  }
}
