// Numbered messages kept for resume, for the voice gateway (16 bits, 0 skipped) and for LVSP (no wrap in practice).

export interface ReplayLimits {
  /** The highest number; 1 follows it. Number 0 means "no message received" and is not used. */
  highest: number
  messages: number
  bytes: number
}

/** Memory that several buffers share. */
export interface MemoryBudget {
  /** Bytes. */
  used: number
  readonly max: number
}

interface Kept<T> {
  seq: number
  size: number
  message: T
}

/** Numbers messages from 1 and keeps the newest. `size` is the length of a message in bytes or characters, for the bound. */
export class ReplayBuffer<T> {
  readonly #limits: ReplayLimits
  readonly #budget: MemoryBudget | undefined
  #kept: Kept<T>[] = []
  #bytes = 0
  #last = 0
  /** Whether every message since number 1 is kept. */
  #whole = true

  /** While the budget is exceeded, the buffer removes its own messages. */
  constructor(limits: ReplayLimits, budget?: MemoryBudget) {
    this.#limits = limits
    this.#budget = budget
  }

  /** The number of the newest message; 0 before the first. */
  get last(): number {
    return this.#last
  }
  /** The number of the next message. */
  get next(): number {
    return this.#last >= this.#limits.highest ? 1 : this.#last + 1
  }
  get size(): number {
    return this.#kept.length
  }

  /** Keeps the message with the number `next`; removes the oldest beyond the bounds. */
  push(message: T, size: number): void {
    this.#last = this.next
    this.#kept.push({ seq: this.#last, size, message })
    this.#bytes += size
    if (this.#budget !== undefined) this.#budget.used += size
    this.#trim()
  }

  /** Removes everything; nothing can be replayed from now on. */
  clear(): void {
    this.#forget(this.#kept.length)
  }

  /** Removes the messages that the peer acknowledges. Numbers that were never sent or are not kept are ignored. */
  acknowledge(seq: number): void {
    const missing = this.#missingAfter(seq)
    if (missing === undefined) return
    if (missing < this.#kept.length) this.#forget(this.#kept.length - missing)
  }

  /** The messages after number `seq`, oldest first; undefined if one of them is not kept, or `seq` was never sent. */
  after(seq: number): T[] | undefined {
    const missing = this.#missingAfter(seq)
    return missing === undefined ? undefined : this.#kept.slice(this.#kept.length - missing).map(kept => kept.message)
  }

  #trim(): void {
    const overBudget = this.#budget === undefined ? 0 : this.#budget.used - this.#budget.max
    const most = Math.min(this.#limits.bytes, this.#bytes - Math.max(0, overBudget))
    let surplus = 0
    let bytes = this.#bytes
    while (surplus < this.#kept.length && (this.#kept.length - surplus > this.#limits.messages || bytes > most))
      bytes -= this.#kept[surplus++]!.size
    if (surplus > 0) this.#forget(surplus)
  }

  #forget(count: number): void {
    for (const { size } of this.#kept.splice(0, count)) {
      this.#bytes -= size
      if (this.#budget !== undefined) this.#budget.used -= size
    }
    this.#whole = false
  }

  /** The number of kept messages after `seq`, counted on the circle of numbers. */
  #missingAfter(seq: number): number | undefined {
    if (seq === 0) return this.#whole ? this.#kept.length : undefined
    if (seq < 0 || seq > this.#limits.highest) return undefined
    const wrapped = this.#last < seq
    // A number above the last one is from before the wrap. 0 is not on the circle.
    const distance = wrapped ? this.#last + this.#limits.highest - seq : this.#last - seq
    return distance <= this.#kept.length ? distance : undefined
  }
}
