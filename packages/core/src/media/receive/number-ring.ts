// Marks on the last numbers of a sequence, one bit each: which packets were received, or requested.

const BITS = 32

/**
 * Numbers may be of 16 bits or more. Those that differ by a multiple of the size share a bit: the owner knows the newest number, asks only
 * for the `size` up to it, and clears what it advances over. Per packet: no allocation.
 */
export class NumberRing {
  readonly #words: Int32Array
  /** Of a number divided by 32: which word. */
  readonly #mask: number

  /** `size` is a power of two, at least 32. */
  constructor(size: number) {
    this.#words = new Int32Array(size / BITS)
    this.#mask = size / BITS - 1
  }

  has(number: number): boolean {
    return ((this.#words[(number >>> 5) & this.#mask]! >>> (number & (BITS - 1))) & 1) === 1
  }

  mark(number: number): void {
    this.#words[(number >>> 5) & this.#mask]! |= 1 << (number & (BITS - 1))
  }

  /** Clears the marks of `count` numbers from `first` on, at most all: a word in one step. */
  clear(first: number, count: number): void {
    if (count >= this.#words.length * BITS) return void this.#words.fill(0)
    for (let cleared = 0; cleared < count; ) {
      const number = first + cleared
      const bit = number & (BITS - 1)
      const inWord = Math.min(count - cleared, BITS - bit)
      this.#words[(number >>> 5) & this.#mask]! &= inWord === BITS ? 0 : ~(((1 << inWord) - 1) << bit)
      cleared += inWord
    }
  }
}
