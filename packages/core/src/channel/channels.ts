// All channels of all backends: found by backend and channel id, or by the `server_id` that clients send.
import { Channel } from './channel.ts'
import type { BackendId, ChannelRef } from './channel-ref.ts'
import type { Ending } from './channel-session.ts'
import type { EncryptionHost } from './encryption.ts'
import type { Lanes } from './lane-handle.ts'

export class Channels {
  readonly #lanes: Lanes
  readonly #host: EncryptionHost
  readonly #byBackend = new Map<BackendId, Map<string, Channel>>()
  readonly #byServer = new Map<string, Set<Channel>>()

  constructor(lanes: Lanes, host: EncryptionHost) {
    this.#lanes = lanes
    this.#host = host
  }

  find(backend: BackendId, channelId: string): Channel | undefined {
    return this.#byBackend.get(backend)?.get(channelId)
  }

  /** In order of creation. */
  ofBackend(backend: BackendId): readonly Channel[] {
    return [...(this.#byBackend.get(backend)?.values() ?? [])]
  }

  countOfBackend(backend: BackendId): number {
    return this.#byBackend.get(backend)?.size ?? 0
  }

  /** The channels of one `server_id`, possibly of several backends. */
  ofServer(serverId: string): Iterable<Channel> {
    return this.#byServer.get(serverId) ?? []
  }

  open(backend: BackendId, ref: ChannelRef): Channel {
    const channel = new Channel(backend, ref, this.#host.crypto.randomToken(32), this.#lanes.place(), this.#host)
    entry(this.#byBackend, backend, () => new Map<string, Channel>()).set(channel.channelId, channel)
    entry(this.#byServer, channel.serverId, () => new Set<Channel>()).add(channel)
    return channel
  }

  close(channel: Channel, ending: Ending, now: number): void {
    this.#byBackend.get(channel.backend)?.delete(channel.channelId)
    const sameServer = this.#byServer.get(channel.serverId)
    sameServer?.delete(channel)
    if (sameServer?.size === 0) this.#byServer.delete(channel.serverId)
    channel.close(ending, now)
    this.#lanes.release(channel.lane)
  }

  *all(): Iterable<Channel> {
    for (const channels of this.#byBackend.values()) yield* channels.values()
  }
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}
