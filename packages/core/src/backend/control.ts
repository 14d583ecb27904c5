// What backends may do to channels and voice states: the rules behind the messages of LVSP. Synchronous and in order.

import { type ChannelProperties, LvspFailure, VoiceClose, type VoiceStateRestrictions } from '@parley/protocol'
import type { Channel } from '../channel/channel.ts'
import type { BackendId, ChannelRef } from '../channel/channel-ref.ts'
import type { Ending } from '../channel/channel-session.ts'
import type { Channels } from '../channel/channels.ts'
import { VoiceState } from '../channel/voice-state.ts'
import type { Crypto } from '../crypto.ts'
import type { Deadlines } from '../deadlines.ts'
import { LIMITS } from '../limits.ts'
import type {
  BackendSnapshot,
  BackendStats,
  ChannelGrant,
  ListedChannel,
  NodeControl,
  Refusal,
  VoiceStateGrant,
  VoiceStateRequest,
  VoiceStateSelector,
} from '../lvsp/node-control.ts'
import { ok, type Result, refused } from '../result.ts'
import { OrphanTimer } from './orphan-timer.ts'
import { PendingSync } from './pending-sync.ts'
import { type Place, VoiceStateIndex } from './voice-state-index.ts'

const REMOVED: Ending = { code: VoiceClose.Disconnected, reason: 'disconnected by the backend' }
const CHANNEL_ENDED = 'the channel has ended'

const refuse = (failure: LvspFailure, message: string): Result<never, Refusal> => refused({ failure, message })
const UNKNOWN_CHANNEL = refuse(LvspFailure.UnknownChannel, 'the channel does not exist')
const UNKNOWN_VOICE_STATE = refuse(LvspFailure.UnknownVoiceState, 'the voice state does not exist')

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
  /** A voice state was created or renewed: a client that waits for it may identify. */
  voiceStateCreated?: (channel: Channel, userId: string, now: number) => void
}

export class BackendControl implements NodeControl {
  readonly endpoint: string
  /** While draining, new channels are refused. */
  isDraining = false
  readonly #channels: Channels
  readonly #crypto: Crypto
  readonly #deadlines: Deadlines
  readonly #orphanGrace: number
  readonly #health: (now: number) => number
  readonly #egress: () => number
  readonly #channelEndCode: (backend: BackendId) => number
  readonly #orphans = new Map<BackendId, OrphanTimer>()
  readonly #index = new VoiceStateIndex()
  readonly #pendingSyncs = new Map<BackendId, PendingSync>()
  readonly #voiceStateCreated: NonNullable<BackendControlOptions['voiceStateCreated']>

  constructor(options: BackendControlOptions) {
    this.endpoint = options.endpoint
    this.#channels = options.channels
    this.#crypto = options.crypto
    this.#deadlines = options.deadlines
    this.#orphanGrace = options.orphanGrace
    this.#health = options.health
    this.#egress = options.egress
    this.#channelEndCode = options.channelEndCode
    this.#voiceStateCreated = options.voiceStateCreated ?? (() => {})
  }

  /** The number of voice states of all backends. */
  get voiceStates(): number {
    return this.#index.size
  }

  /** Backends without a connection whose channels may still exist. */
  get detachedBackends(): readonly BackendId[] {
    return [...this.#orphans.keys()]
  }

  health(now: number): number {
    return this.#health(now)
  }

  assignChannel(backend: BackendId, ref: ChannelRef): Result<ChannelGrant, Refusal> {
    const opened = this.#open(backend, ref)
    if (!opened.ok) return opened
    this.#pendingSyncs.get(backend)?.channels.delete(opened.value)
    return ok(channelGrant(opened.value))
  }

  updateChannel(
    backend: BackendId,
    ref: ChannelRef,
    properties: ChannelProperties,
    now: number,
  ): Result<void, Refusal> {
    const opened = this.#open(backend, ref)
    if (!opened.ok) return opened
    opened.value.setProperties(properties, now)
    return ok(undefined)
  }

  destroyChannel(backend: BackendId, ref: ChannelRef, now: number): Result<void, Refusal> {
    const channel = this.#channels.find(backend, ref.channelId)
    if (channel === undefined || !sameGuild(channel, ref)) return UNKNOWN_CHANNEL
    this.#close(channel, now)
    return ok(undefined)
  }

  createVoiceState(backend: BackendId, request: VoiceStateRequest, now: number): Result<VoiceStateGrant, Refusal> {
    const opened = this.#open(backend, request)
    if (!opened.ok) return opened
    const channel = opened.value
    const existing = channel.voiceStates.get(request.userId)
    if (existing === undefined && channel.voiceStates.size >= LIMITS.voiceStatesPerChannel)
      return refuse(
        LvspFailure.TooManyVoiceStates,
        `the channel has the maximum of ${LIMITS.voiceStatesPerChannel} voice states`,
      )
    this.#leaveOthers(channel, request.userId, now)
    const state = existing ?? VoiceState.create(this.#crypto, request.userId, request.sessionId, request.token)
    if (existing !== undefined) this.#renew({ channel, state: existing }, request)
    channel.voiceStates.set(request.userId, state)
    this.#index.add({ channel, state })
    if (request.restrictions !== undefined) channel.updateVoiceState(request.userId, request.restrictions)
    this.#pendingSyncs.get(backend)?.keep(channel, request.userId)
    this.#voiceStateCreated(channel, request.userId, now)
    return ok(voiceStateGrant(channel, state))
  }

  destroyVoiceStates(backend: BackendId, selector: VoiceStateSelector, now: number): Result<void, Refusal> {
    const selected = this.#select(backend, selector)
    for (const place of selected) this.#remove(place, now)
    return selected.length === 0 ? UNKNOWN_VOICE_STATE : ok(undefined)
  }

  updateVoiceStates(
    backend: BackendId,
    selector: VoiceStateSelector,
    restrictions: VoiceStateRestrictions,
  ): Result<void, Refusal> {
    const selected = this.#select(backend, selector)
    for (const { channel, state } of selected) channel.updateVoiceState(state.userId, restrictions)
    return selected.length === 0 ? UNKNOWN_VOICE_STATE : ok(undefined)
  }

  refreshToken(backend: BackendId, userId: string, ref: ChannelRef): Result<VoiceStateGrant, Refusal> {
    const channel = this.#channels.find(backend, ref.channelId)
    if (channel === undefined) return UNKNOWN_CHANNEL
    const state = channel.voiceStates.get(userId)
    if (state === undefined) return UNKNOWN_VOICE_STATE
    state.token = this.#crypto.randomToken(32)
    return ok(voiceStateGrant(channel, state))
  }

  sync(backend: BackendId, listed: readonly ListedChannel[], grace: number, now: number): void {
    this.#endPendingSync(backend)
    const pending = new PendingSync(now + grace, at => {
      this.#pendingSyncs.delete(backend)
      this.#removeUnlisted(pending, at)
    })
    const keep = new Map(listed.map(channel => [channel.channelId, new Set(channel.userIds)]))
    for (const channel of this.#channels.ofBackend(backend)) {
      const users = keep.get(channel.channelId)
      if (users === undefined) pending.channels.add(channel)
      for (const userId of channel.voiceStates.keys()) if (users?.has(userId) !== true) pending.add(channel, userId)
    }
    if (grace === 0) return this.#removeUnlisted(pending, now)
    this.#pendingSyncs.set(backend, pending)
    this.#deadlines.update(pending)
  }

  snapshot(backend: BackendId): BackendSnapshot {
    const channels = this.#channels.ofBackend(backend)
    const voiceStates = channels.flatMap(channel =>
      [...channel.voiceStates.values()].map(state => voiceStateGrant(channel, state)),
    )
    const encrypted = channels
      .map(({ channelId, guildId, encryption }) => ({ channelId, guildId, ...encryption.state }))
      .filter(({ version }) => version > 0)
    return { channels: channels.map(channelGrant), voiceStates, encrypted }
  }

  stats(backend: BackendId): BackendStats {
    const channels = this.#channels.ofBackend(backend)
    const sessions = channels.reduce((sum, channel) => sum + channel.sessions.size, 0)
    return { channels: channels.length, sessions, egressBitsPerSecond: this.#egress() }
  }

  backendAttached(backend: BackendId): void {
    const timer = this.#orphans.get(backend)
    if (timer === undefined) return
    this.#orphans.delete(backend)
    this.#deadlines.remove(timer)
  }

  backendDetached(backend: BackendId, now: number): void {
    const endAll = (at: number) => {
      for (const channel of this.#channels.ofBackend(backend)) this.#close(channel, at)
    }
    const timer = new OrphanTimer(now, this.#orphanGrace, { collect: at => this.#collect(backend, at), endAll })
    this.#orphans.set(backend, timer)
    this.#deadlines.update(timer)
  }

  /** Removes voice states without a session, then channels without sessions. */
  #collect(backend: BackendId, now: number): void {
    for (const channel of this.#channels.ofBackend(backend)) {
      for (const state of [...channel.voiceStates.values()])
        if (!channel.sessions.has(state.userId)) this.#remove({ channel, state }, now)
      if (channel.sessions.size === 0) this.#close(channel, now)
    }
  }

  #removeUnlisted({ channels, users }: PendingSync, now: number): void {
    for (const channel of channels) if (this.#isOpen(channel)) this.#close(channel, now)
    for (const [channel, userIds] of users)
      for (const userId of userIds) {
        const state = channel.voiceStates.get(userId)
        if (state !== undefined && this.#isOpen(channel)) this.#remove({ channel, state }, now)
      }
  }

  #isOpen(channel: Channel): boolean {
    return this.#channels.find(channel.backend, channel.channelId) === channel
  }

  #endPendingSync(backend: BackendId): void {
    const pending = this.#pendingSyncs.get(backend)
    if (pending === undefined) return
    this.#pendingSyncs.delete(backend)
    this.#deadlines.remove(pending)
  }

  #remove({ channel, state }: Place, now: number): void {
    this.#index.remove({ channel, state })
    channel.removeVoiceState(state.userId, REMOVED, now)
  }

  #close(channel: Channel, now: number): void {
    for (const state of channel.voiceStates.values()) this.#index.remove({ channel, state })
    const ending: Ending = { code: this.#channelEndCode(channel.backend), reason: CHANNEL_ENDED }
    this.#channels.close(channel, ending, now)
  }

  /** A repeated create leaves the connected session as it is, and adopts a changed session id or token. */
  #renew({ channel, state }: Place, { sessionId, token }: VoiceStateRequest): void {
    this.#index.remove({ channel, state })
    state.sessionId = sessionId ?? state.sessionId
    state.token = token ?? state.token
    if (!channel.sessions.has(state.userId)) state.presentedSessionId = undefined
  }

  /** The channel, created if there is none. */
  #open(backend: BackendId, ref: ChannelRef): Result<Channel, Refusal> {
    const channel = this.#channels.find(backend, ref.channelId)
    if (channel !== undefined)
      return sameGuild(channel, ref)
        ? ok(channel)
        : refuse(LvspFailure.ChannelConflict, `the channel belongs to ${channel.guildId ?? 'no guild'}`)
    if (this.isDraining) return refuse(LvspFailure.Draining, 'the node is draining and accepts no new channels')
    if (this.#channels.countOfBackend(backend) >= LIMITS.channelsPerBackend)
      return refuse(LvspFailure.TooManyChannels, `the backend has the maximum of ${LIMITS.channelsPerBackend} channels`)
    return ok(this.#channels.open(backend, ref))
  }

  /** A user is in one channel of a guild at a time: joining another is a move. DMs and other guilds are independent. */
  #leaveOthers(channel: Channel, userId: string, now: number): void {
    if (channel.guildId === undefined) return
    for (const other of this.#ofUser(channel.backend, userId, { guildId: channel.guildId }))
      if (other.channel !== channel) this.#remove(other, now)
  }

  /** Every field given has to match, so that a message about an old voice state does not end a newer one. */
  #select(backend: BackendId, selector: VoiceStateSelector): Place[] {
    const { sessionId, userId, channelId, guildId } = selector
    const named =
      sessionId !== undefined
        ? this.#index.find(backend, sessionId)
        : userId === undefined
          ? []
          : this.#ofUser(backend, userId, selector)
    return named.filter(
      ({ channel, state }) =>
        (userId === undefined || state.userId === userId) &&
        (channelId === undefined || channel.channelId === channelId) &&
        (guildId === undefined || channel.guildId === guildId),
    )
  }

  #ofUser(backend: BackendId, userId: string, { channelId, guildId }: VoiceStateSelector): Place[] {
    const channel = channelId === undefined ? undefined : this.#channels.find(backend, channelId)
    const channels = channelId !== undefined ? [channel] : guildId === undefined ? [] : this.#channels.ofServer(guildId)
    const places: Place[] = []
    for (const channel of channels) {
      if (channel?.backend !== backend || (guildId !== undefined && channel.guildId !== guildId)) continue
      const state = channel.voiceStates.get(userId)
      if (state !== undefined) places.push({ channel, state })
    }
    return places
  }
}

/** A message without a guild id matches a channel of any guild. */
const sameGuild = (channel: Channel, ref: ChannelRef) => ref.guildId === undefined || ref.guildId === channel.guildId

const channelGrant = ({ channelId, guildId, token }: Channel): ChannelGrant => ({ channelId, guildId, token })
const voiceStateGrant = (
  { channelId, guildId, sessions }: Channel,
  { userId, sessionId, token }: VoiceState,
): VoiceStateGrant => ({
  channelId,
  guildId,
  userId,
  sessionId,
  token,
  connected: sessions.has(userId),
})
