// A source of items that can be ended while it waits for its next one.

/** Iterates a source until it ends, or `end` is called. */
export class Interruptible<T> implements AsyncIterable<T> {
  readonly #source: AsyncIterable<T> | Iterable<T>
  #isEnded = false
  /** Ends the wait for the next item. */
  #wake: () => void = () => {}

  constructor(source: AsyncIterable<T> | Iterable<T>) {
    this.#source = source
  }

  /** Ends the iteration at once. */
  end(): void {
    this.#isEnded = true
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    const source = this.#source
    const items = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
    try {
      while (!this.#isEnded) {
        const next = await this.#nextOf(items)
        if (next === undefined || next.done === true) return
        yield next.value
      }
    } finally {
      // Not awaited: a generator returns only when it has the item that it waits for.
      void (async () => items.return?.())().catch(() => {})
    }
  }

  /** Undefined if it was ended first. */
  #nextOf(items: AsyncIterator<T> | Iterator<T>): Promise<IteratorResult<T> | undefined> {
    return new Promise((resolve, reject) => {
      this.#wake = () => resolve(undefined)
      Promise.resolve(items.next()).then(resolve, reject)
    })
  }
}
