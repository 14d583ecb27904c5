// Members who come and go while others talk: so many leave in a second, and as many join.
import type { Member } from './member.ts'

export class Churn {
  /** Milliseconds that each join took. */
  readonly joins: number[] = []
  /** Joins that did not succeed. */
  failed = 0
  readonly #visitors: readonly Member[]
  readonly #timer: NodeJS.Timeout
  readonly #underWay = new Set<Promise<void>>()
  #next = 0

  constructor(visitors: readonly Member[], perSecond: number) {
    if (visitors.length === 0) throw new Error('expected somebody who comes and goes')
    this.#visitors = visitors
    this.#timer = setInterval(() => this.#move(), 1_000 / perSecond)
  }

  /** Resolves when everybody is back. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#underWay)
  }

  #move(): void {
    const visitor = this.#visitors[this.#next++ % this.#visitors.length]!
    // Still on its way: then fewer come and go than were meant to, which the count tells.
    if (!visitor.isIn) return
    const coming = this.#comeAgain(visitor)
    this.#underWay.add(coming)
    void coming.finally(() => this.#underWay.delete(coming))
  }

  async #comeAgain(visitor: Member): Promise<void> {
    visitor.leave()
    const started = performance.now()
    try {
      await visitor.join()
      this.joins.push(performance.now() - started)
    } catch {
      this.failed++
    }
  }
}
