// Long operations, done in slices so that one backend does not delay the others, and the messages that wait for them.
import { LIMITS } from '../limits.ts'
import type { MemoryBudget } from '../replay-buffer.ts'

/** An operation in steps. Each `next(now)` does one step; `yield` returns the time of the next. */
export type Work = Iterator<void, void, number>

/** Bytes that may wait on any connection, whatever waits on others of its backend: a heartbeat closes no connection that waits with little. */
const RESERVE = LIMITS.lvspWaitingBytes / 64

/** Does at most one slice. Returns whether steps are left. */
export function runSlice(work: Work, now: number): boolean {
  for (let steps = 0; steps < LIMITS.workSlice; steps++) if (work.next(now).done === true) return false
  return true
}

/** The operation of one connection, and the messages that arrive before it is done, in order. */
export class WorkQueue<Message> {
  readonly #execute: (message: Message, now: number) => Work | undefined
  #work: Work | undefined
  #waiting: { message: Message; size: number }[] = []
  #bytes = 0
  #isClosed = false
  readonly #budget: MemoryBudget | undefined

  /** `execute` processes a message; it may return work that the next message has to wait for. `budget` is that of all of a backend. */
  constructor(execute: (message: Message, now: number) => Work | undefined, budget?: MemoryBudget) {
    this.#execute = execute
    this.#budget = budget
  }

  get isBusy(): boolean {
    return this.#work !== undefined || this.#waiting.length > 0
  }

  /** Starts work and does its first slice. */
  begin(work: Work, now: number): void {
    if (runSlice(work, now)) this.#work = work
  }

  /** Processes a message, or keeps it until the work is done. Returns false if too many bytes wait, here or of the backend. */
  push(message: Message, size: number, now: number): boolean {
    if (!this.isBusy) {
      const work = this.#execute(message, now)
      if (work !== undefined) this.begin(work, now)
      return true
    }
    this.#waiting.push({ message, size })
    this.#count(size)
    if (this.#bytes > LIMITS.lvspWaitingBytes) return false
    return this.#bytes <= RESERVE || this.#budget === undefined || this.#budget.used <= this.#budget.max
  }

  /** Does one slice: of the work, or of the messages that waited for it. */
  run(now: number): void {
    if (this.#work !== undefined && runSlice(this.#work, now)) return
    this.#work = undefined
    const slice = this.#waiting.slice(0, LIMITS.workSlice)
    let processed = 0
    for (const { message, size } of slice) {
      if (this.#isClosed) return
      processed++
      this.#count(-size)
      const work = this.#execute(message, now)
      if (work !== undefined) this.begin(work, now)
      if (this.#work !== undefined) break
    }
    this.#waiting = this.#waiting.slice(processed)
  }

  /** The connection has ended: its memory is released, and nothing that waits is processed. */
  close(): void {
    this.#isClosed = true
    this.#count(-this.#bytes)
    this.#waiting = []
    this.#work = undefined
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    if (this.#budget !== undefined) this.#budget.used += bytes
  }
}
