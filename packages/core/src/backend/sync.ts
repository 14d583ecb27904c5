// SYNC: removes the channels and voice states of a backend that it does not list.
import type { Channel } from '../channel/channel.ts'
import type { BackendId } from '../channel/channel-ref.ts'
import type { Channels } from '../channel/channels.ts'
import type { VoiceState } from '../channel/voice-states/voice-state.ts'
import type { Timed } from '../deadlines.ts'
import type { ListedChannel, Sync } from '../lvsp/node-control.ts'
import { runSlice, type Work } from '../lvsp/work.ts'
import { ok, type Result } from '../result.ts'

/** What a SYNC needs of `BackendControl`. */
export interface SyncActions {
  close(channel: Channel, now: number): void
  remove(channel: Channel, state: VoiceState, now: number): void
  /** The list is complete. Returns `work` if it is due; otherwise it is done at `at`. */
  finish(work: Work, at: number, now: number): Work | undefined
}

/**
 * Listing a channel or voice state marks it and moves it to the end of its order, as creating it does. So what is not listed is
 * at the front, and a SYNC costs what it lists and what it removes, not what the backend has.
 */
export class SyncRun implements Sync {
  readonly #backend: BackendId
  readonly #channels: Channels
  readonly #actions: SyncActions
  /** Channels and voice states with a lower mark are not listed. */
  readonly #mark: number

  constructor(backend: BackendId, channels: Channels, actions: SyncActions) {
    this.#backend = backend
    this.#channels = channels
    this.#actions = actions
    this.#mark = channels.newMark(backend)
  }

  /** Unknown channels and users are ignored: SYNC removes, it does not create. */
  list(channels: readonly ListedChannel[]): Result<undefined, never> {
    for (const { channelId, userIds } of channels) {
      const channel = this.#channels.find(this.#backend, channelId)
      if (channel === undefined) continue
      this.#channels.touch(channel)
      for (const userId of userIds) {
        const state = channel.voiceStates.get(userId)
        if (state !== undefined) this.#channels.touchVoiceState(channel, state)
      }
      const mixed = this.#channels.mixedOf(this.#backend)
      if (this.#unlisted(channel) === undefined) mixed.delete(channel)
      else mixed.add(channel)
    }
    return ok(undefined)
  }

  finish(grace: number, now: number): Work | undefined {
    return this.#actions.finish(this.#removeUnlisted(), now + grace, now)
  }

  /**
   * First whole channels, from the front of the order, then single voice states of listed channels. One removal per
   * step.
   */
  *#removeUnlisted(): Work {
    for (;;) {
      const now = yield
      const channel = this.#channels.firstOf(this.#backend)
      if (channel === undefined || channel.mark >= this.#mark) break
      this.#actions.close(channel, now)
    }
    const mixed = this.#channels.mixedOf(this.#backend)
    for (const channel of mixed) {
      for (let state = this.#unlisted(channel); state !== undefined; state = this.#unlisted(channel))
        this.#actions.remove(channel, state, yield)
      mixed.delete(channel)
    }
  }

  /** The first voice state of the channel if it is not listed; undefined if all are. */
  #unlisted({ voiceStates }: Channel): VoiceState | undefined {
    const [first] = voiceStates.values()
    return first !== undefined && first.mark < this.#mark ? first : undefined
  }
}

/** A SYNC in its grace period: at its end everything is destroyed that was neither listed nor created again. */
export class PendingSync implements Timed {
  /** What removes the rest, a slice per tick. */
  readonly #work: Work
  /** Called once, when nothing is left to remove. */
  readonly #done: () => void
  #deadline: number

  constructor(work: Work, deadline: number, done: () => void) {
    this.#work = work
    this.#deadline = deadline
    this.#done = done
  }

  get deadline(): number {
    return this.#deadline
  }

  tick(now: number): void {
    if (now < this.#deadline || runSlice(this.#work, now)) return
    this.#deadline = Infinity
    this.#done()
  }
}
