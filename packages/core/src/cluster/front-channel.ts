// The channels of a front: where each is, and who may be in it. A front holds what it needs to open a channel again elsewhere.
import type { ChannelProperties } from '@parley/protocol'
import type { BackendId, ChannelRef } from '../channel/channel-ref.ts'
import { LIMITS } from '../limits.ts'
import type { ChannelEncryption, ChannelGrant, VoiceStateGrant, VoiceStateRequest } from '../lvsp/node-control.ts'
import { ChannelVideo } from './events/channel-video.ts'
import type { Placed, PlacementOutcome } from './front-ports.ts'

/** A voice state that the backend wants. */
export interface Seat {
  request: VoiceStateRequest
  /** The backend waits for VOICE_STATE_DONE. */
  isAsked: boolean
  /** The node of the channel refused it, and the channel is moving on: it is requested again. */
  isRefused?: boolean
  /** It was granted at the request of this front, not learned from a node. */
  isOwn: boolean
  /** The last grant; undefined before the first. */
  grant: VoiceStateGrant | undefined
  /** `connected` as the backend received it last on this front; undefined before the first grant. */
  reported: boolean | undefined
}

/** `new`: not placed yet. `stranded`: no node accepts it; it is placed again when a node joins or returns. */
export type ChannelStage = 'new' | 'placing' | 'opening' | 'open' | 'stranded' | 'ended'

/** `failover`: its node died or left. `restart`: its node was restarted. `merge`: another front had placed it, too. */
export type MoveCause = 'failover' | 'restart' | 'drain' | 'operator' | 'merge'

export class FrontChannel {
  readonly tenant: BackendId
  readonly ref: ChannelRef
  properties: ChannelProperties = {}
  stage: ChannelStage = 'new'
  /** The node that serves the channel, or is asked to. */
  node: string | undefined
  /** The last grant of a node. */
  grant: ChannelGrant | undefined
  /** Its end-to-end encryption; undefined before the first event, and again after a move. */
  encryption: ChannelEncryption | undefined
  /** The same as the backend received it last on this front. */
  reportedEncryption: ChannelEncryption | undefined
  /** Its cameras and screens. */
  readonly video = new ChannelVideo()
  /** The highest fencing number of its placements, registered or not; 0 before the first. */
  epoch = 0
  /** Claims of this front, by epoch, with their nodes: the coordinator may have written those that were given up, or may write them yet. */
  readonly claims = new Map<number, string>()
  /** As the coordinator had it last: a change names its revision. Undefined if it had none. */
  placed: Placed | undefined
  /** Changes in a row that were refused, because another process was first. */
  #conflicts = 0
  /** Whether the coordinator has the present placement. Otherwise it is registered when the coordinator returns. */
  isRegistered = false
  /** Whether this front has read or written its placement since the coordinator returned. */
  isChecked = false
  /** Its node was restarted without it, while another front was to act: opened again when this one acts, unless the node lists it. */
  isLost = false
  /** The node to leave once another one has the channel. */
  leaving: string | undefined
  /**
   * Nodes that may have the channel, with the highest epoch that it may have there: those that were asked to open it, in time or late, and
   * have not received the command to end it.
   */
  readonly holders = new Map<string, number>()
  /** Nodes that refused the channel, or users that it had elsewhere, since it was placed or began to move. */
  readonly refused = new Set<string>()
  /** The node that it began to move from: it may return there. */
  origin: string | undefined
  /** Why it is being moved, or was last. */
  moveCause: MoveCause = 'failover'
  /** The backend waits for CHANNEL_ASSIGN. */
  isAssignWanted = false
  /** Grows with each attempt to place it: answers to an earlier attempt are ignored. */
  attempt = 0
  /** Requests to open it: answers about users to an earlier one are ignored. */
  openings = 0
  readonly seats = new Map<string, Seat>()

  constructor(tenant: BackendId, ref: ChannelRef) {
    this.tenant = tenant
    this.ref = ref
  }

  get key() {
    return { tenant: this.tenant, channelId: this.ref.channelId }
  }

  /**
   * Whether changes of the placement were refused so often in a row that the channel no longer waits for one: the answers of a coordinator
   * may contradict each other, as those of a server that lags behind. Called with each outcome.
   */
  isDisputed({ kind }: PlacementOutcome): boolean {
    const conflicts = kind === 'taken' ? this.#conflicts + 1 : 0
    this.#conflicts = conflicts % (LIMITS.clusterConflicts + 1)
    return conflicts > LIMITS.clusterConflicts
  }

  /** Whether this front gave up a claim that is later than the present placement, and may be registered. */
  get hasLaterClaim(): boolean {
    return [...this.claims.keys()].some(claimed => claimed > this.epoch)
  }

  /** Whether the placement is a claim of this front. */
  hasClaimed(placed: Placed | undefined): boolean {
    return placed !== undefined && this.claims.get(placed.record.epoch) === placed.record.node
  }
}

/** The channels of one tenant, by id and by who is in them. */
export class TenantChannels {
  readonly #byId = new Map<string, FrontChannel>()
  readonly #byUser = new Map<string, Set<FrontChannel>>()
  readonly #bySession = new Map<string, { channel: FrontChannel; userId: string }>()
  #seats = 0
  /** By node, whether this front passes its events on to the backend, as the node said last. */
  readonly receives = new Map<string, boolean>()
  /** Ended channels by id, with the node that has to confirm it: until then it reports what ends with them. Oldest first. */
  readonly ending = new Map<string, string>()
  /** Nodes that have listed everything, on a connection that is live. What they said last holds again if they replay what was missed. */
  readonly linked = new Set<string>()

  get size(): number {
    return this.#byId.size
  }
  /** Voice states of all channels. */
  get seats(): number {
    return this.#seats
  }
  get all(): Iterable<FrontChannel> {
    return this.#byId.values()
  }

  /** No node says that another front passes its events on. */
  get isReceiver(): boolean {
    const said = [...this.receives].filter(([node]) => this.linked.has(node))
    return said.length === 0 || said.some(([, isReceiver]) => isReceiver)
  }

  get(channelId: string): FrontChannel | undefined {
    return this.#byId.get(channelId)
  }
  add(channel: FrontChannel): void {
    this.#byId.set(channel.ref.channelId, channel)
    this.ending.delete(channel.ref.channelId)
  }
  /** The channel ends at a command. */
  end(channel: FrontChannel): void {
    this.remove(channel)
    if (channel.node === undefined) return
    this.ending.set(channel.ref.channelId, channel.node)
    const [oldest] = this.ending.keys()
    if (this.ending.size > LIMITS.clusterEnding && oldest !== undefined) this.ending.delete(oldest)
  }
  remove(channel: FrontChannel): void {
    for (const userId of channel.seats.keys()) this.removeSeat(channel, userId)
    this.#byId.delete(channel.ref.channelId)
  }

  ofUser(userId: string): readonly FrontChannel[] {
    return [...(this.#byUser.get(userId) ?? [])]
  }
  ofSession(sessionId: string): { channel: FrontChannel; userId: string } | undefined {
    return this.#bySession.get(sessionId)
  }

  addSeat(channel: FrontChannel, userId: string, seat: Seat): void {
    if (!channel.seats.has(userId)) this.#seats++
    channel.seats.set(userId, seat)
    const channels = this.#byUser.get(userId) ?? new Set()
    this.#byUser.set(userId, channels.add(channel))
  }

  removeSeat(channel: FrontChannel, userId: string): void {
    const seat = channel.seats.get(userId)
    if (seat === undefined) return
    channel.seats.delete(userId)
    this.#seats--
    if (seat.grant !== undefined) this.#bySession.delete(seat.grant.sessionId)
    const channels = this.#byUser.get(userId)
    channels?.delete(channel)
    if (channels?.size === 0) this.#byUser.delete(userId)
  }

  granted(channel: FrontChannel, seat: Seat, grant: VoiceStateGrant): void {
    if (seat.grant !== undefined) this.#bySession.delete(seat.grant.sessionId)
    seat.grant = grant
    this.#bySession.set(grant.sessionId, { channel, userId: grant.userId })
  }
}
