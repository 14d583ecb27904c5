// Changes of what members of a large channel do: each is a message to every member, so they share a budget of messages per slice.
import type { Deadlines, Timed } from '../../deadlines.ts'
import { LIMITS } from '../../limits.ts'
import type { ChannelSession } from '../channel-session.ts'

/**
 * While the budget lasts, changes are announced at once. Then sessions wait in turn, once each, and their latest state is announced: a
 * client that changes it twenty times a second delays no other member by more than its one turn.
 */
export class AnnouncementQueue implements Timed {
  readonly #announce: (session: ChannelSession) => number
  readonly #deadlines: Deadlines
  readonly #waiting = new Set<ChannelSession>()
  #left: number = LIMITS.announcementsPerSlice
  #sliceAt = -Infinity

  /** `announce` returns the number of messages, at most. */
  constructor(announce: (session: ChannelSession) => number, deadlines: Deadlines) {
    this.#announce = announce
    this.#deadlines = deadlines
  }

  get deadline(): number {
    return this.#left < LIMITS.announcementsPerSlice ? this.#sliceAt + LIMITS.announcementInterval : Infinity
  }

  tick(now: number): void {
    if (now < this.deadline) return
    this.#sliceAt = now
    this.#left = LIMITS.announcementsPerSlice
    for (const session of this.#waiting) {
      if (this.#left <= 0) return
      this.#waiting.delete(session)
      this.#left -= this.#announce(session)
    }
  }

  push(session: ChannelSession): void {
    if (this.#left > 0) this.#left -= this.#announce(session)
    else this.#waiting.add(session)
    this.#deadlines.update(this)
  }

  remove(session: ChannelSession): void {
    this.#waiting.delete(session)
  }

  close(): void {
    this.#waiting.clear()
    this.#deadlines.remove(this)
  }
}
