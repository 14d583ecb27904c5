// What a front learns of channels that it did not open or change itself: from the nodes, when it connects to them, and when another front
// changes something. So every front can answer RESUME, open channels elsewhere, and follow those that another one moved.
import type { ChannelProperties, VoiceStateRestrictions } from '@parley/protocol'
import { type BackendId, type ChannelRef, isSameGuild } from '../channel/channel-ref.ts'
import { LIMITS } from '../limits.ts'
import type { VoiceStateGrant } from '../lvsp/node-control.ts'
import { FrontChannel, type TenantChannels } from './front-channel.ts'
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

export interface MirrorOptions {
  tenant(id: BackendId): TenantChannels
  readonly placer: Placer
  /** Whether this front acts for the backend: it moves channels. */
  acts(tenant: BackendId): boolean
  /** Whether the backend creates the tokens of its users: a node that takes a channel over has to be given them. */
  adoptsTokens(tenant: BackendId): boolean
  /** A node serves the channel; `isMoved`: its users have to connect elsewhere. */
  opened(channel: FrontChannel, isMoved: boolean): void
}

export class Mirror {
  readonly #options: MirrorOptions
  /** By node and tenant: what the node has listed since the connection was lost. */
  readonly #listed = new Map<string, Set<string>>()

  constructor(options: MirrorOptions) {
    this.#options = options
  }

  /** The connection to the node is lost. It lists all it has at the next one, or replays what was missed. */
  lost(node: string, tenant: BackendId): void {
    this.#listed.set(`${node} ${tenant}`, new Set())
  }

  /**
   * The node is ready. `isComplete`: it has listed everything, and is the process of before: what it did not list was ended by another
   * front. Another process has lost what it did not list, and those channels are opened again.
   */
  ready(node: string, tenantId: BackendId, isComplete: boolean): void {
    const listed = this.#listed.get(`${node} ${tenantId}`)
    this.#listed.delete(`${node} ${tenantId}`)
    if (listed === undefined || !isComplete) return
    const tenant = this.#options.tenant(tenantId)
    for (const channel of [...tenant.all]) {
      if (channel.node !== node || channel.stage !== 'open') continue
      const { channelId } = channel.ref
      if (!listed.has(channelId)) this.#forget(tenant, channel)
      else
        for (const [userId, seat] of [...channel.seats])
          if (!seat.isAsked && !listed.has(`${channelId}/${userId}`)) tenant.removeSeat(channel, userId)
    }
  }

  channel(node: string, tenantId: BackendId, item: MirroredChannel): void {
    const tenant = this.#options.tenant(tenantId)
    const { channelId, guildId } = item
    this.#options.placer.observe(item.epoch)
    const known = tenant.get(channelId)
    if (item.isEnded) return this.#ended(node, tenant, known, item)
    this.#listed.get(`${node} ${tenantId}`)?.add(channelId)
    if (known === undefined && tenant.size >= LIMITS.clusterChannels) return
    const channel = known ?? new FrontChannel(tenantId, { channelId, guildId })
    if (known === undefined) tenant.add(channel)
    else if (!isSameGuild(known.ref, { channelId, guildId })) return
    channel.holders.set(node, Math.max(item.epoch, channel.holders.get(node) ?? 0))
    if (channel.node === node && item.epoch <= channel.epoch) {
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
    if (isEnded) return tenant.removeSeat(channel, userId)
    this.#listed.get(`${node} ${tenantId}`)?.add(`${channelId}/${userId}`)
    if (seat === undefined && tenant.seats >= LIMITS.clusterVoiceStates) return
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
    Object.assign(channel, { stage: 'open', node, epoch, properties, isRegistered: true, placed: undefined })
    channel.grant = { ...ref, token, endpoint }
    const acts = this.#options.acts(tenant)
    // The node lists its voice states next. Those of an older copy may have ended since.
    const channels = this.#options.tenant(tenant)
    for (const [userId, seat] of [...channel.seats])
      if (!seat.isAsked && !(acts && seat.isOwn)) channels.removeSeat(channel, userId)
    this.#options.placer.endElsewhere(channel, node)
    this.#options.opened(channel, isMoved && acts)
  }

  #ended(node: string, tenant: TenantChannels, channel: FrontChannel | undefined, { epoch }: MirroredChannel): void {
    if (channel === undefined) return
    // The end of an earlier copy: the node has, or will have, a later one.
    if (epoch < (channel.holders.get(node) ?? 0)) return
    channel.holders.delete(node)
    if (channel.node !== node || channel.stage !== 'open' || epoch < channel.epoch) return
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

/** Of two placements the one with the higher epoch wins; of two with the same, which two fronts made without NATS, the lower node id. */
const isLater = (node: string, epoch: number, channel: FrontChannel) =>
  epoch > channel.epoch || (epoch === channel.epoch && channel.node !== undefined && node < channel.node)
