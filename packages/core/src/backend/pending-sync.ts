// A SYNC with a grace period: what it did not list, until that is created again or the period ends.
import type { Channel } from '../channel/channel.ts'
import type { Timed } from '../deadlines.ts'

export class PendingSync implements Timed {
  #deadline: number
  /** Channels to destroy. */
  readonly channels = new Set<Channel>()
  /** Voice states to remove, by user id. */
  readonly users = new Map<Channel, Set<string>>()
  readonly #end: (now: number) => void

  /** `end` destroys what is left. */
  constructor(deadline: number, end: (now: number) => void) {
    this.#deadline = deadline
    this.#end = end
  }

  get deadline(): number {
    return this.#deadline
  }

  add(channel: Channel, userId: string): void {
    const users = this.users.get(channel)
    if (users === undefined) this.users.set(channel, new Set([userId]))
    else users.add(userId)
  }

  /** The voice state was created again, and with it its channel. */
  keep(channel: Channel, userId: string): void {
    this.channels.delete(channel)
    this.users.get(channel)?.delete(userId)
  }

  tick(now: number): void {
    if (now < this.#deadline) return
    this.#deadline = Infinity
    this.#end(now)
  }
}
