// Members that leave and join again at a given rate while others send.
import type { Member } from './member.ts'

export class Churn {
  /** Milliseconds of each join. */
  readonly joins: number[] = []
  /** Number of failed joins. */
  failed = 0
  readonly #visitors: readonly Member[]
  readonly #timer: NodeJS.Timeout
  readonly #underWay = new Set<Promise<void>>()
  #next = 0

  constructor(visitors: readonly Member[], perSecond: number) {
    if (visitors.length === 0) throw new Error('expected at least one visitor')
    this.#visitors = visitors
    this.#timer = setInterval(() => this.#move(), 1_000 / perSecond)
  }

  /** Resolves when all visitors have joined again. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#underWay)
  }

  #move(): void {
    const visitor = this.#visitors[this.#next++ % this.#visitors.length]!
    // A visitor that is still joining is skipped; the number of joins shows that the rate was not reached.
    if (!visitor.isJoined) return
    const coming = this.#rejoin(visitor)
    this.#underWay.add(coming)
    void coming.finally(() => this.#underWay.delete(coming))
  }

  async #rejoin(visitor: Member): Promise<void> {
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
