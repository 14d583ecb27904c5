// What backends may do to channels and voice states: the rules behind the messages of LVSP. Synchronous and in order.
// `lvsp/commands.ts` decodes and replies, this file decides. A refusal changes nothing. One instance serves all
// backends; every method names the backend, and ids of different backends never meet.
import { type ChannelProperties, LvspFailure, VoiceClose, type VoiceStateRestrictions } from '@parley/protocol'
import type { Channel } from '../channel/channel.ts'
import { type BackendId, type ChannelRef, isSameGuild, type LocalPlacement } from '../channel/channel-ref.ts'
import type { Ending } from '../channel/channel-session.ts'
import type { Channels } from '../channel/channels.ts'
import { VoiceState } from '../channel/voice-states/voice-state.ts'
import type { Place } from '../channel/voice-states/voice-state-index.ts'
import type { Crypto } from '../crypto.ts'
import type { Deadlines } from '../deadlines.ts'
import { LIMITS } from '../limits.ts'
import {
  type BackendStats,
  type ChannelGrant,
  type MirrorItem,
  type NodeControl,
  type Refusal,
  refuse,
  type StateItem,
  type Sync,
  UNKNOWN_CHANNEL,
  UNKNOWN_VOICE_STATE,
  type VoiceStateGrant,
  type VoiceStateRequest,
  type VoiceStateSelector,
} from '../lvsp/node-control.ts'
import type { Work } from '../lvsp/work.ts'
import { ok, type Result } from '../result.ts'
import { channelItem, endedItem, mirrorOf, voiceStateItem } from './mirror-items.ts'
import { OrphanTimer } from './orphan-timer.ts'
import { selectPlaces } from './select-places.ts'
import { channelGrant, stateOf, voiceStateGrant } from './state-items.ts'
import { PendingSync, SyncRun } from './sync.ts'

/** What the client of a removed or moved user receives. */
const REMOVED: Ending = { code: VoiceClose.Disconnected, reason: 'disconnected by the backend' }
const FENCED: Ending = { code: VoiceClose.Disconnected, reason: 'the channel is on another node' }
const CHANNEL_ENDED = 'the channel has ended'

const DRAINING = refuse(LvspFailure.Draining, 'the node is draining and accepts no new channels')

/** What the control needs of its node. Functions are read at each use: their values change. */
export interface BackendControlOptions {
  channels: Channels
  crypto: Crypto
  deadlines: Deadlines
  /** `host` or `host:port` that backends hand to clients. */
  endpoint: string
  /** Milliseconds after which the calls of a lost backend end; 0 is never. */
  orphanGrace: number
  /** 0 to 1. */
  health: (now: number) => number
  /** Bits per second that the node sends. */
  egress: () => number
  /** The close code for the members of a channel that ends. */
  channelEndCode: (backend: BackendId) => number
  /** Those that `inspect` shows from the start; others appear when they connect. */
  backends?: readonly { readonly id: BackendId }[]
  /** A channel or voice state is new, changed or ended. */
  mirrored?: (backend: BackendId, item: MirrorItem) => void
  /** A voice state was created or renewed: a client that waits for it may identify. */
  voiceStateCreated?: (channel: Channel, userId: string, now: number) => void
}

/** A backend as `VoiceNode.inspect()` shows it. */
export interface BackendInspection {
  readonly backend: BackendId
  /** Whether it has no LVSP connection; its channels and calls remain. */
  readonly isDetached: boolean
  readonly channels: number
  readonly voiceStates: number
  readonly sessions: number
  /** Bytes that it occupies, by estimate. */
  readonly memory: number
  /** Packets of its members that were above a limit of bit rate. */
  readonly overBitrate: number
}

/**
 * Operations are idempotent where LVSP says so: repeated requests return the same token and session id, and connected
 * users stay connected.
 */
export class BackendControl implements NodeControl {
  readonly endpoint: string
  /** While draining, new channels are refused. */
  isDraining = false
  readonly #options: BackendControlOptions
  readonly #channels: Channels
  readonly #attached = new Set<BackendId>()
  readonly #highestEpochs = new Map<BackendId, number>()
  /** Backends that lost their connection: the timers that end what they left behind. */
  readonly #orphans = new Map<BackendId, OrphanTimer>()
  /** SYNCs whose grace period runs, at most one per backend. */
  readonly #pendingSyncs = new Map<BackendId, PendingSync>()

  constructor(options: BackendControlOptions) {
    this.endpoint = options.endpoint
    this.#options = options
    this.#channels = options.channels
    for (const { id } of options.backends ?? []) this.#channels.usageOf(id)
    this.#channels.ended = (channel, userId) => options.mirrored?.(channel.backend, endedItem(channel, userId))
  }

  /** The number of voice states of all backends. */
  get voiceStates(): number {
    return this.#channels.voiceStates.size
  }

  /** Configured backends, and those that have, or had, a connection or channels. */
  inspect(): BackendInspection[] {
    return Array.from(
      this.#channels.usages(),
      ([backend, { channels, voiceStates, sessions, memory, overBitrate }]) => ({
        backend,
        isDetached: !this.#attached.has(backend),
        channels,
        voiceStates,
        sessions,
        memory,
        overBitrate,
      }),
    )
  }

  health(now: number): number {
    return this.#options.health(now)
  }

  assignChannel(backend: BackendId, ref: ChannelRef, _now: number, epoch = 0): Result<ChannelGrant, Refusal> {
    const opened = this.#open(backend, ref)
    if (!opened.ok) return opened
    opened.value.epoch = Math.max(opened.value.epoch, epoch)
    if (epoch > (this.#highestEpochs.get(backend) ?? 0)) this.#highestEpochs.set(backend, epoch)
    this.#mirrorChannel(opened.value)
    this.#channels.touch(opened.value)
    return ok(channelGrant(opened.value))
  }

  updateChannel(
    backend: BackendId,
    ref: ChannelRef,
    properties: ChannelProperties,
    now: number,
  ): Result<undefined, Refusal> {
    const opened = this.#open(backend, ref)
    if (!opened.ok) return opened
    opened.value.setProperties(properties, now)
    this.#mirrorChannel(opened.value)
    return ok(undefined)
  }

  destroyChannel(backend: BackendId, ref: ChannelRef, now: number, epoch = Infinity): Result<undefined, Refusal> {
    const channel = this.#channels.find(backend, ref.channelId)
    if (channel === undefined || !isSameGuild(channel, ref)) return UNKNOWN_CHANNEL
    if (channel.epoch <= epoch) this.#close(channel, now)
    return ok(undefined)
  }

  /** Of all channels that fronts have placed here, those that ended included, by backend. */
  get highestEpochs(): ReadonlyMap<BackendId, number> {
    return this.#highestEpochs
  }

  /** Every channel with its fencing number. */
  *placements(): Iterable<LocalPlacement> {
    for (const { backend, channelId, epoch } of this.#channels.all()) yield { tenant: backend, channelId, epoch }
  }

  /** Ends the channel (4014) if its epoch is lower: it was placed on another node. Returns whether it ended. */
  fence({ tenant, channelId, epoch }: LocalPlacement, now: number): boolean {
    const channel = this.#channels.find(tenant, channelId)
    if (channel === undefined || channel.epoch >= epoch) return false
    this.#channels.close(channel, FENCED, now)
    return true
  }

  /**
   * Order: the channel (created if necessary), bounds, then the user's places in other channels of the guild, so that a
   * refused request moves no user.
   */
  createVoiceState(backend: BackendId, request: VoiceStateRequest, now: number): Result<VoiceStateGrant, Refusal> {
    if (request.isInChannel === true && this.#channels.find(backend, request.channelId) === undefined)
      return UNKNOWN_CHANNEL
    const opened = this.#open(backend, request)
    if (!opened.ok) return opened
    const channel = opened.value
    const existing = channel.voiceStates.get(request.userId)
    const refusal = existing === undefined ? voiceStateRefusal(channel) : undefined
    if (refusal !== undefined) return refusal
    this.#leaveOthers(channel, request.userId, now)
    const state = existing ?? this.#newVoiceState(channel, request)
    if (existing !== undefined) this.#renew({ channel, state }, request)
    if (request.restrictions !== undefined) channel.updateVoiceState(request.userId, request.restrictions)
    this.#channels.touch(channel)
    this.#channels.touchVoiceState(channel, state)
    if (channel.voiceStates.size === 1) this.#mirrorChannel(channel)
    this.#mirrorVoiceState(channel, state)
    this.#options.voiceStateCreated?.(channel, request.userId, now)
    return ok(voiceStateGrant(channel, state))
  }

  /** Sessions of the selected voice states close with 4014. */
  destroyVoiceStates(backend: BackendId, selector: VoiceStateSelector, now: number): Result<undefined, Refusal> {
    const selected = selectPlaces(this.#channels, backend, selector)
    for (const place of selected) this.#channels.removeVoiceState(place, REMOVED, now)
    return selected.length === 0 ? UNKNOWN_VOICE_STATE : ok(undefined)
  }

  updateVoiceStates(
    backend: BackendId,
    selector: VoiceStateSelector,
    restrictions: VoiceStateRestrictions,
  ): Result<undefined, Refusal> {
    const selected = selectPlaces(this.#channels, backend, selector)
    for (const { channel, state } of selected) {
      channel.updateVoiceState(state.userId, restrictions)
      this.#mirrorVoiceState(channel, state)
    }
    return selected.length === 0 ? UNKNOWN_VOICE_STATE : ok(undefined)
  }

  /** Only later Identify and Resume need the new token. */
  refreshToken(backend: BackendId, userId: string, ref: ChannelRef): Result<VoiceStateGrant, Refusal> {
    const channel = this.#channels.find(backend, ref.channelId)
    if (channel === undefined) return UNKNOWN_CHANNEL
    const state = channel.voiceStates.get(userId)
    if (state === undefined) return UNKNOWN_VOICE_STATE
    state.token = this.#options.crypto.randomToken(32)
    this.#mirrorVoiceState(channel, state)
    return ok(voiceStateGrant(channel, state))
  }

  startSync(backend: BackendId): Sync {
    return new SyncRun(backend, this.#channels, {
      close: (channel, now) => this.#close(channel, now),
      remove: (channel, state, now) => this.#channels.removeVoiceState({ channel, state }, REMOVED, now),
      finish: (work, at, now) => this.#finishSync(backend, work, at, now),
    })
  }

  state(backend: BackendId): Iterable<StateItem | undefined> {
    return stateOf(this.#channels, backend)
  }

  mirror(backend: BackendId): Iterable<MirrorItem | undefined> {
    return mirrorOf(this.#channels, backend)
  }

  #mirrorChannel(channel: Channel): void {
    this.#options.mirrored?.(channel.backend, channelItem(channel))
  }

  #mirrorVoiceState(channel: Channel, state: VoiceState): void {
    this.#options.mirrored?.(channel.backend, voiceStateItem(channel, state))
  }

  /** Channels and sessions of the backend, bit rate of the whole node. */
  stats(backend: BackendId): BackendStats {
    const { channels, sessions, views } = this.#channels.usageOf(backend)
    return { channels, sessions, views, egressBitsPerSecond: this.#options.egress() }
  }

  /** The orphan timer stops: what is left of channels and calls stays. */
  backendAttached(backend: BackendId): void {
    // From now on `inspect` shows it.
    this.#channels.usageOf(backend)
    this.#attached.add(backend)
    const timer = this.#orphans.get(backend)
    if (timer === undefined) return
    this.#orphans.delete(backend)
    this.#options.deadlines.remove(timer)
  }

  /** Calls continue. `OrphanTimer` decides what is removed when. */
  backendDetached(backend: BackendId, now: number): void {
    this.#attached.delete(backend)
    const timer = new OrphanTimer(now, this.#options.orphanGrace, {
      channels: () => this.#channels.ofBackend(backend),
      close: (channel, at) => this.#close(channel, at),
      remove: (place, at) => this.#channels.removeVoiceState(place, REMOVED, at),
    })
    this.#orphans.set(backend, timer)
    this.#options.deadlines.update(timer)
  }

  /** Replaces a SYNC whose grace period has not ended. Returns the work if it is due. */
  #finishSync(backend: BackendId, work: Work, at: number, now: number): Work | undefined {
    const previous = this.#pendingSyncs.get(backend)
    if (previous !== undefined) this.#options.deadlines.remove(previous)
    this.#pendingSyncs.delete(backend)
    if (at <= now) return work
    const pending = new PendingSync(work, at, () => this.#pendingSyncs.delete(backend))
    this.#pendingSyncs.set(backend, pending)
    this.#options.deadlines.update(pending)
    return undefined
  }

  #close(channel: Channel, now: number): void {
    // A channel that leaves a draining node continues on another one.
    const code = this.isDraining ? VoiceClose.Disconnected : this.#options.channelEndCode(channel.backend)
    const ending: Ending = { code, reason: CHANNEL_ENDED }
    this.#channels.close(channel, ending, now)
  }

  /**
   * A voice state for a user that has none in this channel. Its session id and token are generated unless the request
   * has them.
   */
  #newVoiceState(channel: Channel, { userId, sessionId, token }: VoiceStateRequest): VoiceState {
    const state = VoiceState.create(this.#options.crypto, userId, sessionId, token)
    this.#channels.addVoiceState(channel, state)
    return state
  }

  /** A repeated create leaves the connected session as it is, and adopts a changed session id or token. */
  #renew(place: Place, { sessionId, token }: VoiceStateRequest): void {
    const { channel, state } = place
    state.token = token ?? state.token
    if (sessionId !== undefined && sessionId !== state.sessionId) this.#channels.changeSessionId(place, sessionId)
    if (channel.sessionOf(state.userId) === undefined) state.presentedSessionId = undefined
  }

  /** The channel, created if there is none. */
  #open(backend: BackendId, ref: ChannelRef): Result<Channel, Refusal> {
    const channel = this.#channels.find(backend, ref.channelId)
    if (channel === undefined) return this.#create(backend, ref)
    if (!isSameGuild(channel, ref))
      return refuse(LvspFailure.ChannelConflict, `the channel belongs to ${channel.guildId ?? 'no guild'}`)
    return ok(channel)
  }

  /** A new channel, if the node takes any and the backend has room for it. */
  #create(backend: BackendId, ref: ChannelRef): Result<Channel, Refusal> {
    if (this.isDraining) return DRAINING
    const usage = this.#channels.usageOf(backend)
    const { maxChannels } = usage.limits
    if (usage.channels >= maxChannels)
      return refuse(LvspFailure.TooManyChannels, `the backend has the maximum of ${maxChannels} channels`)
    if (!usage.hasRoom(LIMITS.channelMemory)) return tooMuchMemory(usage.limits.maxMemory)
    return ok(this.#channels.open(backend, ref))
  }

  /** A user is in one channel of a guild at a time: joining another is a move. DMs and other guilds are independent. */
  #leaveOthers({ backend, guildId, channelId }: Channel, userId: string, now: number): void {
    if (guildId === undefined) return
    for (const place of selectPlaces(this.#channels, backend, { userId, guildId }))
      if (place.channel.channelId !== channelId) this.#channels.removeVoiceState(place, REMOVED, now)
  }
}

/** Why another voice state does not fit into the channel; undefined if it does. */
function voiceStateRefusal({ voiceStates, usage, properties }: Channel): Result<never, Refusal> | undefined {
  const { maxVoiceStates, maxChannelMembers } = usage.limits
  const most = Math.min(maxChannelMembers, properties.maxMembers ?? Infinity)
  if (voiceStates.size >= most)
    return refuse(LvspFailure.TooManyVoiceStates, `the channel has the maximum of ${most} voice states`)
  if (usage.voiceStates >= maxVoiceStates)
    return refuse(LvspFailure.TooManyVoiceStates, `the backend has the maximum of ${maxVoiceStates} voice states`)
  return usage.hasRoom(LIMITS.voiceStateMemory) ? undefined : tooMuchMemory(usage.limits.maxMemory)
}

const tooMuchMemory = (max: number) =>
  refuse(
    LvspFailure.TooMuchMemory,
    `the backend occupies its maximum of ${Math.floor(max / 1024 / 1024)} MiB of memory`,
  )
