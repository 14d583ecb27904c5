// What LVSP asks of a front: the rules of channels and voice states, answered by the nodes that serve them.
import { type ChannelProperties, LvspFailure, LvspInfo, type VoiceStateRestrictions } from '@parley/protocol'
import { type BackendId, type ChannelRef, isSameGuild } from '../channel/channel-ref.ts'
import { LIMITS } from '../limits.ts'
import type { Lvsp } from '../lvsp/lvsp.ts'
import {
  type BackendStats,
  type ChannelGrant,
  type ListedChannel,
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
import { ok, type Result } from '../result.ts'
import { FrontChannel, type Seat, TenantChannels } from './front-channel.ts'
import type { BackendPresence, FrontPorts, FrontRequestId, NodeAnswer, NodeCommand } from './front-ports.ts'
import type { Placer } from './placer.ts'
import { isOther, isReasonToLeave, selectSeats } from './seats.ts'
import { SyncList } from './sync-list.ts'

/** Answers to backends. */
export type Backends = Pick<
  Lvsp,
  'channelAssigned' | 'voiceStateGranted' | 'commandRefused' | 'hasSession' | 'receivesVideo' | 'videoSource'
>

export interface FrontControlOptions {
  readonly ports: FrontPorts
  readonly backends: () => Backends
  readonly placer: () => Placer
  readonly nextId: () => FrontRequestId
  /** 0 (worst) to 1 (best), over all nodes. */
  readonly health: () => number
  /** STATS; undefined if they follow. */
  readonly stats: (tenant: BackendId) => BackendStats | undefined
  /** The backend connected. */
  readonly attached: (tenant: BackendId) => void
  /** Nodes that the tenant's commands for all nodes go to. */
  readonly nodes: () => Iterable<string>
}

type SeatCommand = typeof LvspInfo.VoiceStateCreate | typeof LvspInfo.TokenRefresh

export class FrontControl implements NodeControl {
  /** Grants carry the endpoint of their node. */
  readonly endpoint = ''
  readonly #options: FrontControlOptions
  readonly #tenants = new Map<BackendId, TenantChannels>()
  /** The last list of each backend. */
  readonly #syncs = new Map<BackendId, SyncList>()
  readonly #waiting = new Map<FrontRequestId, (answer: NodeAnswer) => void>()

  constructor(options: FrontControlOptions) {
    this.#options = options
  }

  tenant(id: BackendId): TenantChannels {
    const known = this.#tenants.get(id)
    if (known !== undefined) return known
    const tenant = new TenantChannels()
    this.#tenants.set(id, tenant)
    return tenant
  }

  /** The channels whose placements this front writes, of one tenant or of all. */
  *registered(only?: BackendId): Iterable<FrontChannel> {
    for (const [id, tenant] of this.#tenants)
      if ((only === undefined || only === id) && tenant.isReceiver) yield* tenant.all
  }

  /** The channels of all tenants. */
  *channels(): Iterable<FrontChannel> {
    for (const tenant of this.#tenants.values()) yield* tenant.all
  }

  /**
   * Whether this front acts for the backend when nodes die or drain: the backend is connected to it, or may resume, and no other front is
   * the receiver. Two fronts that both act are kept apart by the coordinator.
   */
  acts(id: BackendId): boolean {
    if (!this.#options.backends().hasSession(id)) return false
    return this.tenant(id).isReceiver
  }

  #sendGrant(id: BackendId, seat: Seat, grant: VoiceStateGrant): void {
    seat.reported = grant.connected
    this.#options.backends().voiceStateGranted(id, grant)
  }

  assignChannel(backend: BackendId, ref: ChannelRef): Result<ChannelGrant | undefined, Refusal> {
    const found = this.#channel(backend, ref)
    if (!found.ok) return found
    const channel = found.value
    if (channel.stage === 'open' && !channel.isLost) return ok(channel.grant)
    channel.isAssignWanted = true
    this.#begin(channel)
    return ok(undefined)
  }

  updateChannel(backend: BackendId, ref: ChannelRef, properties: ChannelProperties): Result<undefined, Refusal> {
    const found = this.#channel(backend, ref)
    if (!found.ok) return found
    const channel = found.value
    channel.properties = { ...channel.properties, ...defined(properties) }
    this.#begin(channel)
    if (channel.stage === 'open') this.#command(channel, { kind: 'updateChannel', channel: channel.ref, properties })
    return ok(undefined)
  }

  destroyChannel(backend: BackendId, ref: ChannelRef): Result<undefined, Refusal> {
    const channel = this.tenant(backend).get(ref.channelId)
    if (channel === undefined || !isSameGuild(channel.ref, ref)) return UNKNOWN_CHANNEL
    this.#end(channel)
    return ok(undefined)
  }

  createVoiceState(backend: BackendId, request: VoiceStateRequest): Result<VoiceStateGrant | undefined, Refusal> {
    const tenant = this.tenant(backend)
    const found = this.#channel(backend, request)
    if (!found.ok) return found
    const channel = found.value
    const known = channel.seats.get(request.userId)
    if (known === undefined && tenant.seats >= LIMITS.clusterVoiceStates)
      return refuse(LvspFailure.TooManyVoiceStates, 'the backend has the maximum of voice states')
    this.#leaveOthers(tenant, channel, request.userId)
    const seat: Seat = known ?? { request, isAsked: true, isOwn: true, grant: undefined, reported: undefined }
    seat.isAsked = true
    seat.isOwn = true
    seat.request = { ...known?.request, ...defined(request), ...channel.ref, userId: request.userId }
    tenant.addSeat(channel, request.userId, seat)
    if (channel.stage === 'open' && !channel.isLost) this.#requestSeat(channel, seat)
    else this.#begin(channel)
    return ok(undefined)
  }

  destroyVoiceStates(backend: BackendId, selector: VoiceStateSelector): Result<undefined, Refusal> {
    const selected = selectSeats(this.tenant(backend), selector)
    for (const { channel, userId } of selected) this.#removeSeat(channel, userId)
    return selected.length === 0 ? UNKNOWN_VOICE_STATE : ok(undefined)
  }

  updateVoiceStates(
    backend: BackendId,
    selector: VoiceStateSelector,
    restrictions: VoiceStateRestrictions,
  ): Result<undefined, Refusal> {
    const selected = selectSeats(this.tenant(backend), selector)
    for (const { channel, userId } of selected) {
      const seat = channel.seats.get(userId)!
      seat.request = { ...seat.request, restrictions: { ...seat.request.restrictions, ...defined(restrictions) } }
      const one = { userId, ...channel.ref }
      this.#command(channel, { kind: 'updateVoiceStates', selector: one, restrictions })
    }
    return selected.length === 0 ? UNKNOWN_VOICE_STATE : ok(undefined)
  }

  refreshToken(backend: BackendId, userId: string, ref: ChannelRef): Result<VoiceStateGrant | undefined, Refusal> {
    const channel = this.tenant(backend).get(ref.channelId)
    if (channel === undefined) return UNKNOWN_CHANNEL
    const seat = channel.seats.get(userId)
    if (seat === undefined) return UNKNOWN_VOICE_STATE
    if (channel.stage !== 'open' || channel.node === undefined)
      return refuse(LvspFailure.Unavailable, 'the channel is being moved')
    const id = this.#options.nextId()
    this.#waitForSeat(id, channel, seat, LvspInfo.TokenRefresh)
    this.#options.ports.request(id, channel.node, backend, { kind: 'token', channel: channel.ref, userId })
    return ok(undefined)
  }

  startSync(backend: BackendId): Sync {
    this.#dropList(backend)
    const list = new SyncList((listed, grace) => this.#synchronize(backend, listed, grace))
    this.#syncs.set(backend, list)
    return list
  }

  #dropList(backend: BackendId): void {
    this.#syncs.get(backend)?.drop()
    this.#syncs.delete(backend)
  }

  *state(backend: BackendId): Iterable<StateItem | undefined> {
    for (const channel of this.tenant(backend).all) {
      if (channel.grant !== undefined) yield { kind: 'channel', grant: channel.grant }
      for (const seat of channel.seats.values()) {
        seat.reported = seat.grant?.connected
        yield seat.grant && { kind: 'voiceState', grant: seat.grant }
      }
      channel.reportedEncryption = channel.encryption
      yield channel.encryption && { kind: 'encryption', state: channel.encryption }
    }
  }

  backendAttached(backend: BackendId): void {
    for (const channel of this.tenant(backend).all) {
      channel.reportedEncryption = channel.encryption
      for (const seat of channel.seats.values()) seat.reported = seat.grant?.connected
    }
    this.#options.ports.backendChanged(backend, this.#presence(backend, true))
    this.#options.attached(backend)
  }

  /** While no other front is the receiver, events of the nodes wait here for RESUME. */
  backendDetached(backend: BackendId): void {
    this.#dropList(backend)
    this.#options.ports.backendChanged(backend, this.#presence(backend, false))
  }

  /** A connection of the backend is ready, and has no state of what nodes send by themselves. */
  backendReady(backend: BackendId): void {
    this.#options.ports.backendChanged(backend, { ...this.#presence(backend, true), isFresh: true })
  }

  #presence(backend: BackendId, isConnected: boolean): BackendPresence {
    return { isConnected, wantsVideo: this.#options.backends().receivesVideo(backend), isFresh: false }
  }

  health(): number {
    return this.#options.health()
  }

  stats(backend: BackendId): BackendStats | undefined {
    return this.#options.stats(backend)
  }

  answered(id: FrontRequestId, answer: NodeAnswer): boolean {
    const then = this.#waiting.get(id)
    this.#waiting.delete(id)
    then?.(answer)
    return then !== undefined
  }

  /** A node serves the channel: the first one, or another one after a move. The backend receives grants in both cases. */
  opened(channel: FrontChannel, isMoved: boolean): void {
    const { tenant, grant, isAssignWanted } = channel
    if (isMoved) for (const ended of channel.video.takeEnds()) this.#options.backends().videoSource(tenant, ended)
    if (grant !== undefined && (isAssignWanted || isMoved)) this.#options.backends().channelAssigned(tenant, grant)
    channel.isAssignWanted = false
    if (isMoved) channel.encryption = undefined
    for (const seat of channel.seats.values())
      if (isMoved || seat.isAsked || seat.isRefused === true || seat.grant === undefined)
        this.#requestSeat(channel, seat)
  }

  /** No node accepts the channel. One that was open stays, and is placed again when a node can be had. */
  failed(channel: FrontChannel, refusal: Refusal): void {
    if (channel.grant !== undefined) return
    const { tenant, ref, seats, isAssignWanted } = channel
    const backends = this.#options.backends()
    const ids = { channel_id: ref.channelId, guild_id: ref.guildId }
    if (isAssignWanted) backends.commandRefused(tenant, LvspInfo.ChannelRequest, ids, refusal)
    for (const userId of seats.keys())
      backends.commandRefused(tenant, LvspInfo.VoiceStateCreate, { ...ids, user_id: userId }, refusal)
    this.#end(channel)
  }

  /** The channel, created if there is none. The caller adds what the backend waits for, and then calls `#begin`. */
  #channel(backend: BackendId, { channelId, guildId }: ChannelRef): Result<FrontChannel, Refusal> {
    const tenant = this.tenant(backend)
    const known = tenant.get(channelId)
    if (known !== undefined) {
      if (isSameGuild(known.ref, { channelId, guildId })) return ok(known)
      return refuse(LvspFailure.ChannelConflict, `the channel belongs to ${known.ref.guildId ?? 'no guild'}`)
    }
    if (tenant.size >= LIMITS.clusterChannels)
      return refuse(LvspFailure.TooManyChannels, `the backend has the maximum of ${LIMITS.clusterChannels} channels`)
    const channel = new FrontChannel(backend, { channelId, guildId })
    tenant.add(channel)
    this.#options.placer().added(channel)
    return ok(channel)
  }

  #begin(channel: FrontChannel): void {
    if (channel.stage === 'new' || channel.stage === 'stranded') this.#options.placer().place(channel)
    else if (channel.stage === 'open' && channel.isLost) this.#options.placer().reopen(channel)
  }

  #requestSeat(channel: FrontChannel, seat: Seat): void {
    if (channel.node === undefined) return
    seat.isRefused = false
    const id = this.#options.nextId()
    // Users keep their session id when the channel moves: their clients hold it.
    const sessionId = seat.request.sessionId ?? seat.grant?.sessionId
    this.#waitForSeat(id, channel, seat, LvspInfo.VoiceStateCreate)
    const request = { ...seat.request, sessionId }
    this.#options.ports.request(id, channel.node, channel.tenant, { kind: 'voiceState', request })
  }

  /** An answer that arrives after the channel has moved is dropped: it is of a node that the channel has left. */
  #waitForSeat(id: FrontRequestId, channel: FrontChannel, seat: Seat, type: SeatCommand): void {
    const { openings } = channel
    this.#waiting.set(id, answer => {
      if (channel.openings === openings) this.#seatAnswered(channel, seat, answer, type)
    })
  }

  #seatAnswered(channel: FrontChannel, seat: Seat, answer: NodeAnswer, type: SeatCommand): void {
    const { userId } = seat.request
    const { tenant, ref } = channel
    // The seat was removed, or belongs to another channel of that id by now.
    if (channel.seats.get(userId) !== seat || channel.stage === 'ended') return
    if (answer.ok) {
      const { token, endpoint, sessionId = '', connected = false } = answer.value
      const grant = { ...ref, userId, token, endpoint, sessionId, connected }
      const isNews = seat.isAsked || type === LvspInfo.TokenRefresh || isOther(seat.grant, grant)
      this.tenant(tenant).granted(channel, seat, grant)
      if (type === LvspInfo.VoiceStateCreate) seat.isAsked = false
      return isNews ? this.#sendGrant(tenant, seat, grant) : undefined
    }
    // The node has ended the channel since: it opens it again, and then for its users.
    if (answer.reason.failure === LvspFailure.UnknownChannel && channel.stage === 'open') {
      seat.isAsked = true
      return this.#options.placer().reopen(channel)
    }
    if (type === LvspInfo.VoiceStateCreate && isReasonToLeave(answer.reason, seat, channel)) {
      // It leaves already, for another user.
      seat.isRefused = channel.stage !== 'open' || this.#options.placer().moveOn(channel)
      if (seat.isRefused) return
    }
    const ids = { channel_id: ref.channelId, guild_id: ref.guildId, user_id: userId }
    this.#options.backends().commandRefused(tenant, type, ids, answer.reason)
    if (type === LvspInfo.VoiceStateCreate) this.#removeSeat(channel, userId)
  }

  /** A user is in one channel of a guild at a time: joining another is a move. */
  #leaveOthers(tenant: TenantChannels, { ref }: FrontChannel, userId: string): void {
    if (ref.guildId === undefined) return
    for (const other of tenant.ofUser(userId))
      if (other.ref.guildId === ref.guildId && other.ref.channelId !== ref.channelId) this.#removeSeat(other, userId)
  }

  #removeSeat(channel: FrontChannel, userId: string): void {
    this.tenant(channel.tenant).removeSeat(channel, userId)
    this.#command(channel, { kind: 'destroyVoiceStates', selector: { userId, ...channel.ref } })
  }

  #end(channel: FrontChannel): void {
    const { tenant, ref, epoch, holders } = channel
    this.tenant(tenant).end(channel)
    channel.stage = 'ended'
    for (const holder of holders.keys())
      this.#options.ports.command(holder, tenant, { kind: 'destroyChannel', channel: ref, epoch })
    this.#options.placer().release(channel)
  }

  /** To every node that may have the channel: it can return to one that was away. */
  #command({ tenant, holders }: FrontChannel, command: NodeCommand): void {
    for (const holder of holders.keys()) this.#options.ports.command(holder, tenant, command)
  }

  /** Nodes receive the whole list: they may have channels that this front does not know, and remove what is not listed. */
  #synchronize(backend: BackendId, listed: ReadonlyMap<string, ListedChannel>, grace: number): void {
    this.#syncs.delete(backend)
    for (const channel of [...this.tenant(backend).all]) {
      const users = new Set(listed.get(channel.ref.channelId)?.userIds)
      if (!listed.has(channel.ref.channelId)) this.#end(channel)
      else for (const userId of [...channel.seats.keys()]) if (!users.has(userId)) this.#removeSeat(channel, userId)
    }
    const channels = [...listed.values()]
    for (const node of this.#options.nodes())
      this.#options.ports.command(node, backend, { kind: 'sync', channels, grace })
  }
}

/** Without the properties that are undefined: they mean "keep the value". */
const defined = <T extends object>(values: T): T =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T
