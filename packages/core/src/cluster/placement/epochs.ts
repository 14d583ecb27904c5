// The fencing numbers of placements: each is higher than every earlier one of its tenant that this front knows of.
import { PROTOCOL_LIMITS } from '@parley/protocol'
import type { BackendId } from '../../channel/channel-ref.ts'
import type { FrontChannel } from '../front-channel.ts'

export class Epochs {
  readonly #wallClock: () => number
  /**
   * The highest one of all channels of each tenant, so that the epochs of a channel grow over its ends and creations and over fronts: a
   * record that the coordinator returns to, or a command that waited, is older than every later placement. A backend that acts as a front
   * of its own sets the epochs of its channels, and so those of no other tenant.
   */
  readonly #highest = new Map<BackendId, number>()

  /** `wallClock`: milliseconds since 1970. */
  constructor(wallClock: () => number) {
    this.#wallClock = wallClock
  }

  /** An epoch that another front used: later ones are higher. */
  observe(tenant: BackendId, epoch: number): void {
    if (isEpoch(epoch)) this.#highest.set(tenant, Math.max(this.#of(tenant), epoch))
  }

  /** For another placement of the channel. Beyond the highest one that can be sent there is none: it is used again. */
  next({ tenant, epoch, placed }: FrontChannel): number {
    const known = Math.max(this.#of(tenant), epoch, placed?.record.epoch ?? 0)
    const next = Math.min(Math.max(known + 1, this.#wallClock()), PROTOCOL_LIMITS.clusterEpoch)
    this.#highest.set(tenant, next)
    return next
  }

  #of(tenant: BackendId): number {
    return this.#highest.get(tenant) ?? 0
  }
}

/** Whether another front may have used it. */
export const isEpoch = (epoch: number): boolean => epoch <= PROTOCOL_LIMITS.clusterEpoch
