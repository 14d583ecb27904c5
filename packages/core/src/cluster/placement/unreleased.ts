// Placements of channels that ended while the coordinator was away: it is sent them when it returns.
import { encodePlacementKey, type PlacementKey } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'
import type { FrontChannel } from '../front-channel.ts'
import type { FrontPorts, Placed } from '../front-ports.ts'

export class Unreleased {
  /** By `encodePlacementKey`. */
  readonly #ended = new Map<string, { key: PlacementKey; epoch: number; placed: Placed | undefined }>()

  add({ key, epoch, placed }: FrontChannel): void {
    if (this.#ended.size < LIMITS.clusterChannels) this.#ended.set(encodePlacementKey(key), { key, epoch, placed })
  }

  /** A new channel continues the epochs of an ended one whose placement is still registered. */
  continue(channel: FrontChannel): void {
    const name = encodePlacementKey(channel.key)
    const left = this.#ended.get(name)
    if (left === undefined) return
    this.#ended.delete(name)
    channel.placed = left.placed
    channel.epoch = left.epoch
  }

  release(ports: Pick<FrontPorts, 'release'>): void {
    for (const { key, epoch, placed } of this.#ended.values()) ports.release(key, epoch, placed?.revision)
    this.#ended.clear()
  }
}
