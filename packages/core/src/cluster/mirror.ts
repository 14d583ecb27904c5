// What a front learns of channels that it did not open or change itself: from the nodes, when it connects to them, and when another front
// changes something. So every front can answer RESUME, open channels elsewhere, and follow those that another one moved.
import type { ChannelProperties, VoiceStateRestrictions } from '@parley/protocol'
import { type BackendId, type ChannelRef, isSameGuild } from '../channel/channel-ref.ts'
import { LIMITS } from '../limits.ts'
import type { VoiceStateGrant } from '../lvsp/node-control.ts'
import { FrontChannel, type TenantChannels } from './front-channel.ts'
import { isEpoch } from './placement/epochs.ts'
import type { Placer } from './placer.ts'
import { isOtherGrant } from './same-grant.ts'

/** CHANNEL_MIRROR. */
export interface MirroredChannel extends ChannelRef {
  readonly token: string
  readonly endpoint?: string | undefined
  readonly epoch: number
  readonly properties: ChannelProperties
  readonly isEnded: boolean
}

/** VOICE_STATE_MIRROR. */
export interface MirroredVoiceState extends VoiceStateGrant {
  readonly restrictions: VoiceStateRestrictions
  readonly isEnded: boolean
}

/**
 * What a node has sent when its connection is ready. `missed`: what changed since the last one. `all`: everything that it has.
 * `otherSession`: everything, and it may be another process than before.
 */
export type NodeListing = 'missed' | 'all' | 'otherSession'

export interface MirrorOptions {
  tenant(id: BackendId): TenantChannels
  readonly placer: Placer
  /** Whether this front acts for the backend: it moves channels. */
  acts(tenant: BackendId): boolean
  /** Whether the backend creates the tokens of its users: a node that takes a channel over has to be given them. */
  adoptsTokens(tenant: BackendId): boolean
  /** Another process of its node does not have the channel. */
  lost(channel: FrontChannel): void
  /** A node serves the channel; `isMoved`: its users have to connect elsewhere. */
  opened(channel: FrontChannel, isMoved: boolean): void
}

export class Mirror {
  readonly #options: MirrorOptions
  /**
   * By node and tenant: channels that the node has listed since the connection was lost, with their users. Only what this front holds, so
   * that a node that lists without end takes no more than the tables of its tenant.
   */
  readonly #listed = new Map<string, Map<string, Set<string>>>()

  constructor(options: MirrorOptions) {
    this.#options = options
  }

  /** Channels and voice states that nodes have listed before they were ready. */
  get listed(): number {
    const channels = [...this.#listed.values()].flatMap(each => [...each.values()])
    return channels.reduce((sum, users) => sum + 1 + users.size, 0)
  }

  /** The connection to the node is lost. It lists all it has at the next one, or replays what was missed. */
  lost(node: string, tenant: BackendId): void {
    this.#listed.set(`${node} ${tenant}`, new Map())
  }

  /**
   * The node is ready. What the same process did not list was ended by another front. Another process has lost what it did not list,
   * and those channels are opened again: with `isRestarted` at once, otherwise when its record says so.
   */
  ready(node: string, tenantId: BackendId, listing: NodeListing, isRestarted: boolean): void {
    const listed = this.#listed.get(`${node} ${tenantId}`)
    this.#listed.delete(`${node} ${tenantId}`)
    const tenant = this.#options.tenant(tenantId)
    if (listed === undefined || listing === 'missed') return
    if (listing === 'otherSession') {
      if (isRestarted) this.#lostAt(node, tenant, listed)
      return
    }
    for (const [channelId, holder] of tenant.ending) if (holder === node) tenant.ending.delete(channelId)
    for (const channel of [...tenant.all]) {
      if (channel.stage === 'new' && !listed.has(channel.ref.channelId) && channel.holders.delete(node))
        if (isUnplaced(channel)) this.#forget(tenant, channel)
      if (channel.node !== node || channel.stage !== 'open') continue
      const { channelId } = channel.ref
      const users = listed.get(channelId)
      if (users === undefined) this.#forget(tenant, channel)
      else
        for (const [userId, seat] of [...channel.seats])
          if (!seat.isAsked && !users.has(userId)) tenant.removeSeat(channel, userId)
    }
  }

  #lostAt(node: string, tenant: TenantChannels, listed: ReadonlyMap<string, unknown>): void {
    for (const channel of [...tenant.all]) {
      const isThere = channel.node !== node || listed.has(channel.ref.channelId)
      if (!isThere && channel.stage === 'open' && !channel.isLost) this.#options.lost(channel)
    }
  }

  channel(node: string, tenantId: BackendId, item: MirroredChannel): void {
    if (!isEpoch(item.epoch)) return
    const tenant = this.#options.tenant(tenantId)
    const { channelId, guildId } = item
    this.#options.placer.observe(tenantId, item.epoch)
    const known = tenant.get(channelId)
    const listed = this.#listed.get(`${node} ${tenantId}`)
    if (item.isEnded) {
      listed?.delete(channelId)
      return this.#ended(node, tenant, known, item)
    }
    if (known === undefined && tenant.size >= LIMITS.clusterChannels) return
    if (listed?.has(channelId) === false) listed.set(channelId, new Set())
    const channel = known ?? new FrontChannel(tenantId, { channelId, guildId })
    if (known === undefined) tenant.add(channel)
    else if (!isSameGuild(known.ref, { channelId, guildId })) return
    channel.holders.set(node, Math.max(item.epoch, channel.holders.get(node) ?? 0))
    if (channel.node === node && item.epoch <= channel.epoch) {
      // Another front has opened it again on the restarted node.
      if (channel.isLost) this.#dropSeats(channel)
      channel.isLost = false
      if (channel.stage === 'open') channel.properties = item.properties
    } else if (isLater(node, item.epoch, channel)) this.#follow(channel, node, item)
    // An older copy, whose front may have stopped before it could end it.
    else if (channel.stage === 'open') this.#options.placer.endElsewhere(channel, channel.node ?? node)
  }

  voiceState(node: string, tenantId: BackendId, item: MirroredVoiceState): void {
    const tenant = this.#options.tenant(tenantId)
    const { isEnded, restrictions, ...grant } = item
    const { channelId, userId, sessionId, token } = grant
    const channel = tenant.get(channelId)
    const seat = channel?.seats.get(userId)
    if (channel?.node !== node || seat?.isAsked === true) return
    const listed = this.#listed.get(`${node} ${tenantId}`)?.get(channelId)
    if (isEnded) {
      listed?.delete(userId)
      return tenant.removeSeat(channel, userId)
    }
    if (seat === undefined && tenant.seats >= LIMITS.clusterVoiceStates) return
    listed?.add(userId)
    const adopted = this.#options.adoptsTokens(tenantId) ? { token } : {}
    const request = { ...channel.ref, userId, sessionId, restrictions, ...adopted }
    // The backend knows of it from the front that it used.
    const mirrored = seat ?? { request, isAsked: false, isOwn: false, grant: undefined, reported: grant.connected }
    mirrored.request = request
    tenant.addSeat(channel, userId, mirrored)
    tenant.granted(channel, mirrored, { ...grant, ...channel.ref })
  }

  /** Another front placed the channel, or it is new to this one: whatever was under way here is over. */
  #follow(channel: FrontChannel, node: string, { token, endpoint, epoch, properties }: MirroredChannel): void {
    const { tenant, ref, grant: before } = channel
    const isMoved = before !== undefined && isOtherGrant(before, { token, endpoint })
    channel.attempt++
    channel.openings++
    channel.leaving = undefined
    channel.isLost = false
    channel.refused.clear()
    Object.assign(channel, {
      stage: 'open',
      node,
      epoch,
      properties,
      isRegistered: true,
      isChecked: false,
      placed: undefined,
    })
    channel.grant = { ...ref, token, endpoint }
    this.#dropSeats(channel)
    this.#options.placer.endElsewhere(channel, node)
    // The front that placed it may have stopped before it registered it.
    if (this.#options.tenant(tenant).isReceiver) this.#options.placer.check([channel])
    this.#options.opened(channel, isMoved && this.#options.acts(tenant))
  }

  /** The node lists its voice states next. Those of an older copy may have ended since. */
  #dropSeats(channel: FrontChannel): void {
    const acts = this.#options.acts(channel.tenant)
    const channels = this.#options.tenant(channel.tenant)
    for (const [userId, seat] of [...channel.seats])
      if (!seat.isAsked && !(acts && seat.isOwn)) channels.removeSeat(channel, userId)
  }

  #ended(
    node: string,
    tenant: TenantChannels,
    channel: FrontChannel | undefined,
    { channelId, epoch }: MirroredChannel,
  ): void {
    if (tenant.ending.get(channelId) === node) tenant.ending.delete(channelId)
    if (channel === undefined) return
    // The end of an earlier copy: the node has, or will have, a later one.
    if (epoch < (channel.holders.get(node) ?? 0)) return
    channel.holders.delete(node)
    if (isUnplaced(channel)) return this.#forget(tenant, channel)
    // The epoch of the front may be higher than that of the copy: the coordinator had a later placement on this node.
    if (channel.node !== node || channel.stage !== 'open') return
    this.#forget(tenant, channel)
  }

  /** What the backend waits for is opened again. */
  #forget(tenant: TenantChannels, channel: FrontChannel): void {
    const isAsked = channel.isAssignWanted || [...channel.seats.values()].some(seat => seat.isAsked)
    if (isAsked) return this.#options.placer.place(channel)
    tenant.remove(channel)
    channel.stage = 'ended'
  }
}

/** The node that had it without a placement has ended it, and no front wants it. */
const isUnplaced = ({ stage, holders }: FrontChannel) => stage === 'new' && holders.size === 0

/** Of two placements the one with the higher epoch wins; of two with the same, which two fronts made without NATS, the lower node id. */
const isLater = (node: string, epoch: number, channel: FrontChannel) =>
  epoch > channel.epoch || (epoch === channel.epoch && channel.node !== undefined && node < channel.node)
