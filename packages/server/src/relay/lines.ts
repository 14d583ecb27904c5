// Work of many clients, a few at a time for each key and the others in order: the clients of one address or of one node delay no others.
interface Line {
  active: number
  readonly waiting: (() => void)[]
}

export class Lines {
  readonly #most: number
  readonly #lines = new Map<string, Line>()

  /** `most`: at once for one key. Callers bound how many wait. */
  constructor(most: number) {
    this.#most = most
  }

  /** Keys with work. */
  get size(): number {
    return this.#lines.size
  }

  async run<Outcome>(key: string, work: () => Promise<Outcome>): Promise<Outcome> {
    const line = this.#lines.get(key) ?? { active: 0, waiting: [] }
    this.#lines.set(key, line)
    if (line.active >= this.#most) await new Promise<void>(resolve => line.waiting.push(resolve))
    else line.active++
    try {
      return await work()
    } finally {
      this.#next(key, line)
    }
  }

  /** The place passes to the next in line. */
  #next(key: string, line: Line): void {
    const next = line.waiting.shift()
    if (next !== undefined) return next()
    line.active--
    if (line.active === 0) this.#lines.delete(key)
  }
}
