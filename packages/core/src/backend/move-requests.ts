// While the node drains: asks backends to move the users of its channels. At its start in slices, because a backend may have 100,000 channels.
import type { BackendId, ChannelRef } from '../channel/channel-ref.ts'
import type { Deadlines, Timed } from '../deadlines.ts'
import type { DrainingChannel } from '../lvsp/node-control.ts'
import { runSlice, type Work } from '../lvsp/work.ts'

/** What it needs of the node. */
export interface MoveRequestActions {
  channels(backend: BackendId): Iterable<ChannelRef & { readonly sessionCount: number }>
  /** When the remaining sessions close; undefined while the node does not drain. */
  until(): number | undefined
  /** Sends the request to the backend; its `timeout` is in milliseconds. */
  request(backend: BackendId, channel: DrainingChannel): void
}

/** At most one pass per backend is in progress. A pass ends early when the node no longer drains. */
export class MoveRequests implements Timed {
  readonly #actions: MoveRequestActions
  readonly #deadlines: Deadlines
  readonly #works = new Map<BackendId, Work>()

  constructor(actions: MoveRequestActions, deadlines: Deadlines) {
    this.#actions = actions
    this.#deadlines = deadlines
  }

  get deadline(): number {
    return this.#works.size > 0 ? 0 : Infinity
  }

  /** Asks for every channel with sessions, from the first again if requests are in progress. Sends the first slice. */
  begin(backend: BackendId, now: number): void {
    const work = this.#requestAll(backend)
    this.#works.delete(backend)
    if (!runSlice(work, now)) return
    this.#works.set(backend, work)
    this.#deadlines.update(this)
  }

  /** A session has entered. The first of a channel without others is the first that the channel has to be moved for. */
  sessionEntered(
    channel: ChannelRef & { readonly backend: BackendId; readonly presentCount: number },
    now: number,
  ): void {
    const until = this.#actions.until()
    if (until === undefined || until <= now || channel.presentCount > 1) return
    const { backend, channelId, guildId } = channel
    this.#actions.request(backend, { channelId, guildId, timeout: until - now })
  }

  tick(now: number): void {
    for (const [backend, work] of this.#works) if (!runSlice(work, now)) this.#works.delete(backend)
  }

  *#requestAll(backend: BackendId): Work {
    for (const { channelId, guildId, sessionCount } of this.#actions.channels(backend)) {
      if (sessionCount === 0) continue
      const now = yield
      const until = this.#actions.until()
      if (until === undefined) return
      this.#actions.request(backend, { channelId, guildId, timeout: until - now })
    }
  }
}
