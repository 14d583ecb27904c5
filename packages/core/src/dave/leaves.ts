// The leaves of a group's ratchet tree, tracked as RFC 9420 §7.7 and §12.4.2 require of every member.

/** The leaf array; blank leaves are undefined. Its capacity is a power of two. */
export class Leaves<T> {
  readonly #leaves: (T | undefined)[]

  constructor(leaves: readonly (T | undefined)[] = []) {
    this.#leaves = [...leaves]
  }

  /** Leaves that the tree has room for. */
  get capacity(): number {
    return capacityFor(this.#leaves.length)
  }
  /** Leaves that are not blank. */
  get used(): number {
    return this.#leaves.reduce((sum, leaf) => sum + Number(leaf !== undefined), 0)
  }

  at(index: number): T | undefined {
    return this.#leaves[index]
  }

  /** The leaves that are not blank, with their indices. */
  *entries(): Iterable<[index: number, leaf: T]> {
    for (const [index, leaf] of this.#leaves.entries()) if (leaf !== undefined) yield [index, leaf]
  }

  /** The leaves after a commit: Removes blank theirs, the tree shrinks, each Add takes the leftmost blank leaf. */
  after(removed: readonly number[], added: readonly T[]): Leaves<T> {
    const leaves = [...this.#leaves]
    for (const index of removed) leaves[index] = undefined
    leaves.length = leaves.findLastIndex(leaf => leaf !== undefined) + 1
    for (const leaf of added) {
      const blank = leaves.indexOf(undefined)
      leaves[blank < 0 ? leaves.length : blank] = leaf
    }
    return new Leaves(leaves)
  }
}

/** The smallest power of two that is at least `count`. */
function capacityFor(count: number): number {
  let capacity = 1
  while (capacity < count) capacity *= 2
  return capacity
}
