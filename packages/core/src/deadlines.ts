// The deadlines of the node in one table: which is next, and which are due.
import { actOnEach } from './errors.ts'

/** An object to be ticked at its deadline; `Infinity` is never. */
export interface Timed {
  readonly deadline: number
  tick(now: number): void
}

interface Entry {
  readonly at: number
  readonly timed: Timed
  /** Its item was removed or has an earlier entry. */
  isStale: boolean
}

/** Before an item whose tick threw is ticked again, in milliseconds: it may still be due, and throw again. */
const FAILED_PAUSE = 1_000

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
    // No comparison holds for it: it would stay the first of the heap, and never be due.
    if (Number.isNaN(at)) throw new Error('expected a deadline, found NaN')
    const entry = this.#entries.get(timed)
    if (entry !== undefined && entry.at <= at) return
    if (at === Infinity) return
    this.#add(timed, at)
  }

  /** Removes the item. */
  remove(timed: Timed): void {
    if (this.#forget(timed)) this.#compact()
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

  /**
   * Ticks every item that is due. An item that sets a deadline not after `now` is ticked again at the next call. One that throws takes
   * nothing from the others, and is due again after a pause. The first error is thrown at the end.
   */
  tick(now: number): void {
    actOnEach(this.#take(now), timed => this.#turn(timed, now))
  }

  /** Removes the items whose entries are due, earliest first. */
  #take(now: number): Timed[] {
    const taken: Timed[] = []
    for (;;) {
      this.#dropStale()
      const first = this.#heap[0]
      if (first === undefined || first.at > now) return taken
      this.#pop()
      this.#entries.delete(first.timed)
      taken.push(first.timed)
    }
  }

  /** Its entry may be early. One whose deadline is not a number is not added again: it would never be due. */
  #turn(timed: Timed, now: number): void {
    if (!(timed.deadline <= now)) return this.update(timed)
    try {
      timed.tick(now)
      this.update(timed)
    } catch (error) {
      this.#add(timed, now + FAILED_PAUSE)
      throw error
    }
  }

  #add(timed: Timed, at: number): void {
    this.#forget(timed)
    const entry = { at, timed, isStale: false }
    this.#entries.set(timed, entry)
    this.#push(entry)
  }

  /** Returns whether the item had an entry. */
  #forget(timed: Timed): boolean {
    const entry = this.#entries.get(timed)
    if (entry === undefined) return false
    entry.isStale = true
    return this.#entries.delete(timed)
  }

  #dropStale(): void {
    while (this.#heap[0]?.isStale === true) this.#pop()
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
