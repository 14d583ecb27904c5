// The list of a SYNC as a front receives it, part by part. Nodes are sent the whole list: they may have channels that the front does not know.
import { LvspFailure } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { type ListedChannel, type Refusal, refuse, type Sync } from '../lvsp/node-control.ts'
import { ok, type Result } from '../result.ts'

type Finish = (channels: ReadonlyMap<string, ListedChannel>, grace: number) => void

/** It takes no more than the tables of its tenant. */
export class SyncList implements Sync {
  readonly #listed = new Map<string, ListedChannel & { readonly userIds: string[] }>()
  readonly #finish: Finish
  #users = 0
  #isDropped = false

  constructor(finish: Finish) {
    this.#finish = finish
  }

  list(channels: readonly ListedChannel[]): Result<undefined, Refusal> {
    if (this.#isDropped) return refuse(LvspFailure.Unavailable, 'the backend has begun another SYNC')
    for (const { userIds, ...ref } of channels) {
      const channel = this.#listed.get(ref.channelId) ?? { ...ref, userIds: [] }
      this.#listed.set(ref.channelId, channel)
      channel.userIds.push(...userIds)
      this.#users += userIds.length
      if (this.#listed.size > LIMITS.clusterChannels)
        return refuse(LvspFailure.TooManyChannels, `SYNC lists more than ${LIMITS.clusterChannels} channels`)
      if (this.#users > LIMITS.clusterVoiceStates)
        return refuse(LvspFailure.TooManyVoiceStates, `SYNC lists more than ${LIMITS.clusterVoiceStates} voice states`)
    }
    return ok(undefined)
  }

  finish(grace: number): undefined {
    this.#finish(this.#listed, grace)
  }

  /** Another connection of the backend has begun a list, or none is left: the connection of this one may be dead. */
  drop(): void {
    this.#isDropped = true
    this.#listed.clear()
  }
}
