// Members that a lane lost with it: most identify again within seconds, and a departure and an arrival of each would be two messages to
// every other member. Those that do not come back are announced as departed, some at a time.
import type { Deadlines, Timed } from '../../deadlines.ts'
import { LIMITS } from '../../limits.ts'

export class Departures implements Timed {
  readonly #announce: (userId: string) => number
  readonly #deadlines: Deadlines
  readonly #missing = new Set<string>()
  #nextAt = Infinity

  /** `announce` returns the number of messages. */
  constructor(announce: (userId: string) => number, deadlines: Deadlines) {
    this.#announce = announce
    this.#deadlines = deadlines
  }

  get deadline(): number {
    return this.#nextAt
  }

  lost(userIds: Iterable<string>, now: number): void {
    for (const userId of userIds) this.#missing.add(userId)
    this.#wakeAt(this.#missing.size === 0 ? Infinity : now + LIMITS.returnTime)
  }

  /** The user has a session again, or is announced otherwise. */
  returned(userId: string): void {
    this.#missing.delete(userId)
  }

  tick(now: number): void {
    if (now < this.#nextAt) return
    let messages = 0
    for (const userId of this.#missing) {
      if (messages >= LIMITS.announcementsPerSlice) break
      this.#missing.delete(userId)
      messages += this.#announce(userId)
    }
    this.#wakeAt(this.#missing.size === 0 ? Infinity : now + LIMITS.announcementInterval)
  }

  close(): void {
    this.#missing.clear()
    this.#nextAt = Infinity
    this.#deadlines.remove(this)
  }

  #wakeAt(at: number): void {
    this.#nextAt = at
    this.#deadlines.update(this)
  }
}
