// The channels of a backend without a connection: calls continue, empty channels are collected, and after a grace period all end.
import type { Channel } from '../channel/channel.ts'
import type { Place } from '../channel/voice-states/voice-state-index.ts'
import type { Timed } from '../deadlines.ts'
import { LIMITS } from '../limits.ts'
import { runSlice, type Work } from '../lvsp/work.ts'

/** What the timer needs of `BackendControl`. */
export interface OrphanActions {
  /** The channels of the backend. */
  channels(): Iterable<Channel>
  close(channel: Channel, now: number): void
  remove(place: Place, now: number): void
}

export class OrphanTimer implements Timed {
  readonly #actions: OrphanActions
  #endAt: number
  #collectAt: number
  /** In progress. */
  #work: Work | undefined

  /** `grace` in milliseconds, after which the calls end; 0 is never. */
  constructor(now: number, grace: number, actions: OrphanActions) {
    this.#actions = actions
    this.#endAt = grace > 0 ? now + grace : Infinity
    this.#collectAt = now + LIMITS.orphanTimeout
  }

  get deadline(): number {
    return this.#work === undefined ? Math.min(this.#collectAt, this.#endAt) : 0
  }

  tick(now: number): void {
    if (now >= this.#endAt) {
      this.#endAt = Infinity
      this.#work = this.#endAll()
    }
    if (this.#work === undefined && now >= this.#collectAt) {
      // Channels that become empty later are collected in the next round.
      this.#collectAt = now + LIMITS.orphanTimeout
      this.#work = this.#collect()
    }
    if (this.#work !== undefined && !runSlice(this.#work, now)) this.#work = undefined
  }

  /** Removes voice states without a session, then channels without sessions. */
  *#collect(): Work {
    for (const channel of this.#actions.channels()) {
      for (const state of channel.voiceStates.values()) {
        const now = yield
        if (channel.sessionOf(state.userId) === undefined) this.#actions.remove({ channel, state }, now)
      }
      const now = yield
      if (channel.sessionCount === 0 && channel.voiceStates.size === 0) this.#actions.close(channel, now)
    }
  }

  /** Closes every channel, calls included. */
  *#endAll(): Work {
    for (const channel of this.#actions.channels()) this.#actions.close(channel, yield)
  }
}
