// All channels of all backends: found by backend and channel id, or by the `server_id` that clients send.
import { LIMITS } from '../limits.ts'
import { BackendUsage, backendLimits, type PartialBackendLimits } from './backend-usage.ts'
import { Channel } from './channel.ts'
import type { BackendId, ChannelRef } from './channel-ref.ts'
import type { Ending } from './channel-session.ts'
import type { EncryptionHost } from './encryption.ts'
import type { Lanes } from './lane-handle.ts'
import type { VoiceState } from './voice-states/voice-state.ts'
import { type Place, VoiceStateIndex } from './voice-states/voice-state-index.ts'

/**
 * The channels of one backend, by id in order of creation and touch: SYNC finds those that were not listed at the
 * front.
 */
interface BackendChannels {
  readonly byId: Map<string, Channel>
  readonly usage: BackendUsage
  /** The mark of new and touched channels and voice states. */
  mark: number
  /** Channels that may have voice states with a lower mark than their own. */
  readonly mixed: Set<Channel>
}

/**
 * Also counts what each backend occupies (`usageOf`), and keeps the index of voice states in step. Bounds are checked
 * by the caller.
 */
export class Channels {
  readonly #lanes: Lanes
  readonly #host: EncryptionHost
  readonly #limits: Map<BackendId, PartialBackendLimits>
  readonly #backends = new Map<BackendId, BackendChannels>()
  /** By `server_id` and backend, the number of channels. */
  readonly #servers = new Map<string, Map<BackendId, number>>()
  readonly #voiceStates = new VoiceStateIndex()
  /** Called when a channel has ended, or with the user when a voice state has. */
  ended: (channel: Channel, userId?: string) => void = () => {}

  constructor(lanes: Lanes, host: EncryptionHost, limits: ReadonlyMap<BackendId, PartialBackendLimits>) {
    this.#lanes = lanes
    this.#host = host
    this.#limits = new Map(limits)
  }

  /** Undefined for a channel of another backend with the same id. */
  find(backend: BackendId, channelId: string): Channel | undefined {
    return this.#backends.get(backend)?.byId.get(channelId)
  }

  /** In order of creation and touch. Channels may be opened and closed while the caller iterates. */
  ofBackend(backend: BackendId): Iterable<Channel> {
    return this.#of(backend).byId.values()
  }

  /** The channel that was created or touched least recently. */
  firstOf(backend: BackendId): Channel | undefined {
    const [first] = this.ofBackend(backend)
    return first
  }

  /** Raises the mark of a backend: what is created or touched from now on has a mark of at least this. */
  newMark(backend: BackendId): number {
    return ++this.#of(backend).mark
  }

  /** Channels that may have voice states with a lower mark than their own. The caller removes those that have none. */
  mixedOf(backend: BackendId): Set<Channel> {
    return this.#of(backend).mixed
  }

  /** Gives the channel the current mark and moves it to the end of the order. */
  touch(channel: Channel): void {
    const { byId, mark, mixed } = this.#of(channel.backend)
    if (channel.mark === mark) return
    channel.mark = mark
    mixed.add(channel)
    byId.delete(channel.channelId)
    byId.set(channel.channelId, channel)
  }

  /** The same for a voice state in the order of its channel. */
  touchVoiceState({ backend, voiceStates }: Channel, state: VoiceState): void {
    const { mark } = this.#of(backend)
    if (state.mark === mark) return
    state.mark = mark
    voiceStates.delete(state.userId)
    voiceStates.set(state.userId, state)
  }

  *usages(): Iterable<[BackendId, BackendUsage]> {
    for (const [backend, { usage }] of this.#backends) yield [backend, usage]
  }

  /** Changes the limits of a backend; absent ones have their defaults. */
  setLimits(backend: BackendId, limits: PartialBackendLimits): void {
    this.#limits.set(backend, limits)
    const known = this.#backends.get(backend)
    if (known === undefined) return
    known.usage.limits = backendLimits(limits)
    for (const channel of known.byId.values()) channel.limitsChanged()
  }

  usageOf(backend: BackendId): BackendUsage {
    return this.#of(backend).usage
  }

  /** The backends that have a channel with this `server_id`. */
  backendsOf(serverId: string): ReadonlySet<BackendId> {
    return new Set(this.#servers.get(serverId)?.keys())
  }

  get voiceStates(): Pick<VoiceStateIndex, 'size' | 'ofUser' | 'ofSession'> {
    return this.#voiceStates
  }

  /** Creates a channel, places it on a lane and generates its token. The id must be free. */
  open(backend: BackendId, ref: ChannelRef): Channel {
    const { byId, usage, mark } = this.#of(backend)
    const token = this.#host.crypto.randomToken(32)
    const channel = new Channel({ backend, ref, token, lanes: this.#lanes, usage }, this.#host)
    channel.mark = mark
    byId.set(channel.channelId, channel)
    usage.channels++
    usage.used += LIMITS.channelMemory
    this.#countServer(channel, 1)
    return channel
  }

  /** Ends the channel and its sessions, and releases its place on the lane. May be repeated. */
  close(channel: Channel, ending: Ending, now: number): void {
    const { byId, usage, mixed } = this.#of(channel.backend)
    if (!byId.delete(channel.channelId)) return
    mixed.delete(channel)
    for (const state of channel.voiceStates.values()) this.#forget({ channel, state })
    channel.close(ending, now)
    usage.channels--
    usage.used -= LIMITS.channelMemory
    this.#countServer(channel, -1)
    channel.lanes.release()
    this.ended(channel)
  }

  /** The user must not have a voice state in the channel. */
  addVoiceState(channel: Channel, state: VoiceState): void {
    state.mark = this.#of(channel.backend).mark
    channel.voiceStates.set(state.userId, state)
    channel.usage.voiceStates++
    channel.usage.used += LIMITS.voiceStateMemory
    this.#voiceStates.add({ channel, state })
  }

  /** Ends the user's session too. Ignored for a voice state that was replaced. */
  removeVoiceState({ channel, state }: Place, ending: Ending, now: number): void {
    if (channel.voiceStates.get(state.userId) !== state) return
    this.#forget({ channel, state })
    channel.removeVoiceState(state.userId, ending, now)
    this.ended(channel, state.userId)
  }

  changeSessionId({ channel, state }: Place, sessionId: string): void {
    this.#voiceStates.remove({ channel, state })
    state.sessionId = sessionId
    this.#voiceStates.add({ channel, state })
  }

  *all(): Iterable<Channel> {
    for (const { byId } of this.#backends.values()) yield* byId.values()
  }

  #of(backend: BackendId): BackendChannels {
    const found = this.#backends.get(backend)
    if (found !== undefined) return found
    const usage = new BackendUsage(backendLimits(this.#limits.get(backend) ?? {}))
    const created = { byId: new Map<string, Channel>(), usage, mark: 0, mixed: new Set<Channel>() }
    this.#backends.set(backend, created)
    return created
  }

  #countServer({ serverId, backend }: Channel, change: 1 | -1): void {
    const backends = this.#servers.get(serverId) ?? new Map<BackendId, number>()
    const count = (backends.get(backend) ?? 0) + change
    if (count > 0) backends.set(backend, count)
    else backends.delete(backend)
    if (backends.size > 0) this.#servers.set(serverId, backends)
    else this.#servers.delete(serverId)
  }

  #forget({ channel, state }: Place): void {
    this.#voiceStates.remove({ channel, state })
    channel.usage.voiceStates--
    channel.usage.used -= LIMITS.voiceStateMemory
  }
}
