// The deadlines of the node in one table: which is next, and which are due.

/** An object to be ticked at its deadline; `Infinity` is never. */
export interface Timed {
  readonly deadline: number
  tick(now: number): void
}

interface Entry {
  at: number
  timed: Timed
}

/** Smaller heaps are not searched for stale entries. */
const SMALLEST_COMPACTED = 512

/**
 * A binary heap with one entry per item. An entry may be early: a deadline that moves later is sorted again only when its old
 * moment comes, because an active connection moves its deadline thousands of times for each time it is due.
 */
export class Deadlines {
  #heap: Entry[] = []
  #entries = new Map<Timed, Entry>()

  /** Called whenever the item's deadline may have changed. */
  update(timed: Timed): void {
    const at = timed.deadline
    const entry = this.#entries.get(timed)
    if (entry !== undefined && entry.at <= at) return
    if (at === Infinity) return
    const fresh = { at, timed }
    this.#entries.set(timed, fresh)
    this.#push(fresh)
  }

  /** Removes the item. */
  remove(timed: Timed): void {
    if (this.#entries.delete(timed)) this.#compact()
  }

  /** The number of items. */
  get size(): number {
    return this.#entries.size
  }

  /** The size of the heap, with the entries of removed items. */
  get places(): number {
    return this.#heap.length
  }

  /** The earliest moment at which `tick` may have something to do. */
  get next(): number {
    this.#dropStale()
    return this.#heap[0]?.at ?? Infinity
  }

  /** Ticks every item that is due. An item that sets a deadline not after `now` is ticked again at the next call. */
  tick(now: number): void {
    const due: Timed[] = []
    for (;;) {
      this.#dropStale()
      const first = this.#heap[0]
      if (first === undefined || first.at > now) break
      this.#pop()
      this.#entries.delete(first.timed)
      if (first.timed.deadline <= now) due.push(first.timed)
      else this.update(first.timed)
    }
    for (const timed of due) {
      timed.tick(now)
      this.update(timed)
    }
  }

  /** Drops entries of items that were removed or have an earlier entry. */
  #dropStale(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#entries.get(first.timed) === first) return
      this.#pop()
    }
  }

  /** Without it, entries of closed connections would stay in memory until their deadline. */
  #compact(): void {
    if (this.#heap.length < SMALLEST_COMPACTED || this.#heap.length < 2 * this.#entries.size) return
    this.#heap = [...this.#entries.values()].sort((a, b) => a.at - b.at)
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let index = heap.push(entry) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (heap[parent]!.at <= entry.at) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let child = index * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++
      if (heap[child]!.at >= last.at) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
  }
}
