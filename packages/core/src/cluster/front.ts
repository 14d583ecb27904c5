// A front of a cluster: backends speak LVSP to it as to a node; nodes serve their channels. Messages, answers and time in; effects, calls
// of `FrontPorts` and a deadline out. It forwards no media and holds no call: when it stops, calls continue.
import type { LoadReport, NodeRecord } from '@parley/protocol'
import type { BackendId } from '../channel/channel-ref.ts'
import type { Crypto } from '../crypto.ts'
import { Deadlines, type Timed } from '../deadlines.ts'
import { type ConnectionId, type Effect, Effects } from '../effect.ts'
import { LIMITS } from '../limits.ts'
import type { LvspConnection } from '../lvsp/connection.ts'
import type { LvspOrigin } from '../lvsp/entry/owner.ts'
import { LOWEST_SERVING } from '../lvsp/health.ts'
import { Lvsp, type LvspBackend, type LvspInspection, type SpeakingEvent, type VoiceStateEvent } from '../lvsp/lvsp.ts'
import type { ChannelEncryption } from '../lvsp/node-control.ts'
import type { ChannelStage, FrontChannel, MoveCause } from './front-channel.ts'
import { FrontControl } from './front-control.ts'
import type { FrontPorts, FrontRequestId, NodeAnswer, PlacementOutcome } from './front-ports.ts'
import { type Member, Membership, type ProbeOutcome } from './membership.ts'
import { Mirror, type MirroredChannel, type MirroredVoiceState } from './mirror.ts'
import { Placer } from './placer.ts'
import { expectedLoad } from './select-node.ts'

export interface FrontOptions {
  readonly crypto: Crypto
  readonly backends: readonly LvspBackend[]
  readonly ports: FrontPorts
  readonly serverVersion: string
  /** A number from 0 up to, not including, 1. */
  readonly random: () => number
  /** Milliseconds since 1970, for the epochs of placements: those of one front grow also when it is set back. */
  readonly wallClock: () => number
}

/** What a node reports about a channel of a tenant. */
export type NodeEvent =
  | { readonly kind: 'connected'; readonly event: VoiceStateEvent }
  | { readonly kind: 'disconnected'; readonly event: VoiceStateEvent & { code: number; resumable: boolean } }
  | { readonly kind: 'speaking'; readonly event: SpeakingEvent }
  | { readonly kind: 'encryption'; readonly event: ChannelEncryption }

/** A channel as `Front.inspect()` shows it. */
export interface FrontChannelInspection {
  readonly tenant: BackendId
  readonly channelId: string
  readonly stage: ChannelStage
  readonly node: string | undefined
  /** Fencing number; 0 while it is not registered. */
  readonly epoch: number
  readonly users: number
}

/** What the operator's request to move a channel did. */
export type MoveResult = 'moving' | 'unknown' | 'busy' | 'noNode'

/** A backend as `Front.inspect()` shows it. */
export interface FrontBackendInspection {
  readonly backend: BackendId
  /** To this front, or it may still resume. */
  readonly isConnected: boolean
  /** This front moves the channels of the backend when nodes die or drain. */
  readonly acts: boolean
  readonly channels: number
  readonly voiceStates: number
}

/** The state of a front, without secrets. */
export interface FrontInspection {
  readonly nodes: readonly Member[]
  readonly backends: readonly FrontBackendInspection[]
  readonly channels: readonly FrontChannelInspection[]
  /** Since the start. */
  readonly totals: {
    readonly placements: Readonly<Record<'placed' | 'provisional' | 'refused', number>>
    readonly moves: Readonly<Record<MoveCause, number>>
  }
  readonly lvsp: LvspInspection
}

export class Front {
  readonly #effects = new Effects()
  readonly #deadlines = new Deadlines()
  readonly #connections = new Map<ConnectionId, LvspConnection>()
  readonly #membership: Membership
  readonly #control: FrontControl
  readonly #placer: Placer
  readonly #lvsp: Lvsp
  readonly #moves: Moves
  readonly #mirror: Mirror
  readonly #backends: readonly BackendId[]
  #lastId: FrontRequestId = 0

  constructor(options: FrontOptions) {
    const { ports, crypto } = options
    this.#backends = options.backends.map(({ id }) => id)
    const nextId = () => ++this.#lastId
    this.#membership = new Membership(
      {
        probe: record => ports.probe(record),
        changed: (record, isRestarted) => this.#nodeChanged(record, isRestarted),
        died: record => this.#nodeLost(record, 'died'),
        returned: record => this.#nodeReturned(record),
        left: record => this.#nodeLost(record, 'left'),
      },
      this.#deadlines,
    )
    this.#control = new FrontControl({
      ports,
      backends: () => this.#lvsp,
      placer: () => this.#placer,
      nextId,
      health: () => this.health,
      egress: () => this.#membership.members.reduce((sum, { report }) => sum + (report?.egress ?? 0), 0),
      attached: tenant => this.#takeOver(tenant),
      nodes: () => this.#membership.members.map(({ record }) => record.id),
    })
    this.#placer = new Placer({
      ports,
      membership: this.#membership,
      observer: this.#control,
      random: options.random,
      nextId,
      version: options.serverVersion,
      wallClock: options.wallClock,
    })
    const adopting = new Set(options.backends.filter(({ adoptsTokens }) => adoptsTokens === true).map(({ id }) => id))
    this.#mirror = new Mirror({
      tenant: id => this.#control.tenant(id),
      placer: this.#placer,
      acts: id => this.#control.acts(id),
      adoptsTokens: id => adopting.has(id),
      opened: (channel, isMoved) => this.#control.opened(channel, isMoved),
    })
    this.#moves = new Moves(channel => this.#moveAway(channel))
    this.#lvsp = new Lvsp({
      backends: options.backends,
      node: this.#control,
      crypto,
      effects: this.#effects,
      deadlines: this.#deadlines,
      serverVersion: options.serverVersion,
    })
  }

  /** The remaining capacity of the nodes that accept channels: 0 (none) to 1. */
  get health(): number {
    const serving = this.#membership.members.filter(
      ({ state, record }) => state === 'alive' && record.state === 'serving',
    )
    if (serving.length === 0) return 0
    const load = serving.reduce((sum, member) => sum + Math.min(1, expectedLoad(member)), 0) / serving.length
    return Math.max(LOWEST_SERVING, 1 - load)
  }

  connectionOpened(id: ConnectionId, origin: LvspOrigin, now: number): void {
    const connection = this.#lvsp.opened(id, origin, now)
    this.#connections.set(id, connection)
    this.#deadlines.update(connection)
  }

  messageReceived(id: ConnectionId, data: string | Uint8Array, now: number): void {
    const connection = this.#connections.get(id)
    if (connection === undefined) return
    connection.receive(data, now)
    this.#deadlines.update(connection)
  }

  connectionClosed(id: ConnectionId, code: number, now: number): void {
    const connection = this.#connections.get(id)
    if (connection === undefined) return
    this.#connections.delete(id)
    this.#deadlines.remove(connection)
    connection.closed(code, now)
  }

  /** From the coordinator. */
  nodeAnnounced(record: NodeRecord, now: number): void {
    this.#membership.announced(record, now)
  }
  nodeWithdrawn(id: string): void {
    this.#membership.withdrawn(id)
  }
  loadReported(report: LoadReport, now: number): void {
    this.#membership.reported(report, now)
  }
  availabilityChanged(isAvailable: boolean): void {
    this.#placer.availabilityChanged(isAvailable, this.#control.channels())
  }
  coordinated(id: FrontRequestId, outcome: PlacementOutcome): void {
    this.#placer.coordinated(id, outcome)
  }
  probed(record: NodeRecord, outcome: ProbeOutcome, now: number): void {
    this.#membership.probed(record, outcome, now)
  }
  /** A connection to the node was lost. */
  linkLost(node: string, now: number): void {
    this.#membership.linkLost(node, now)
  }

  /** The answer of a node to a request. */
  answered(id: FrontRequestId, answer: NodeAnswer): void {
    if (!this.#placer.answered(id, answer)) this.#control.answered(id, answer)
  }

  /** The connection for a tenant to a node: lost, or established, with all that the node has or what was missed. */
  nodeUnlinked(node: string, tenant: BackendId): void {
    this.#mirror.lost(node, tenant)
    this.#control.tenant(tenant).unlinked.add(node)
  }
  nodeLinked(node: string, tenant: BackendId, isComplete: boolean): void {
    this.#control.tenant(tenant).unlinked.delete(node)
    this.#mirror.ready(node, tenant, isComplete)
  }
  /** A channel or voice state of a node, which this front did not change itself. */
  channelMirrored(node: string, tenant: BackendId, item: MirroredChannel): void {
    this.#mirror.channel(node, tenant, item)
  }
  voiceStateMirrored(node: string, tenant: BackendId, item: MirroredVoiceState): void {
    this.#mirror.voiceState(node, tenant, item)
  }

  /** Whether this front passes the node's events on to the backend, from this message of the node on. */
  receiverChanged(node: string, tenant: BackendId, receives: boolean): void {
    this.#control.tenant(tenant).receives.set(node, receives)
    if (!receives) return this.#lvsp.forgetMissed(tenant)
    this.#control.sendMissed(tenant, node)
    this.#takeOver(tenant)
  }

  /** An event of a node. It is dropped unless the node serves the channel now. Another front may be the one that passes it on. */
  nodeEvent(node: string, tenant: BackendId, { kind, event }: NodeEvent): void {
    const channels = this.#control.tenant(tenant)
    const receives = channels.receives.get(node) === true
    const channel = channels.get(event.channelId)
    if (channel?.node !== node) return
    if (kind === 'connected') setConnected(channel, event.userId, true, receives)
    if (kind === 'disconnected') setConnected(channel, event.userId, event.resumable, receives)
    if (kind === 'encryption') channel.encryption = event
    if (!receives) return
    switch (kind) {
      case 'connected':
        return this.#lvsp.voiceStateConnected(tenant, event)
      case 'disconnected':
        return this.#lvsp.voiceStateDisconnected(tenant, event)
      case 'speaking':
        return this.#lvsp.speaking(tenant, event)
      case 'encryption':
        channel.toldEncryption = event
        return this.#lvsp.channelDave(tenant, event)
    }
  }

  /** The operator moves a channel: to this node, or to one that the front selects. It stays if none accepts it. */
  moveChannel(tenant: BackendId, channelId: string, to?: string): MoveResult {
    const channel = this.#control.tenant(tenant).get(channelId)
    if (channel === undefined) return 'unknown'
    if (channel.stage !== 'open' || channel.node === undefined) return 'busy'
    const others = this.#membership.members.filter(({ record }) => record.id !== channel.node)
    const isPossible = others.some(
      ({ state, record }) => state !== 'dead' && record.state === 'serving' && (to ?? record.id) === record.id,
    )
    if (!isPossible) return 'noNode'
    this.#placer.move(channel, to)
    return 'moving'
  }

  tick(now: number): void {
    this.#deadlines.tick(now)
  }

  get deadline(): number {
    return this.#deadlines.next
  }

  takeEffects(): Effect[] {
    return this.#effects.take()
  }

  /** Its cost grows with the contents of the front. */
  inspect(): FrontInspection {
    return {
      nodes: this.#membership.members.map(({ record, state, report, placed }) => ({ record, state, report, placed })),
      backends: this.#backends.map(backend => {
        const { size: channels, seats: voiceStates } = this.#control.tenant(backend)
        const isConnected = this.#lvsp.hasSession(backend)
        return { backend, isConnected, acts: this.#control.acts(backend), channels, voiceStates }
      }),
      channels: Array.from(this.#control.channels(), channel => ({
        tenant: channel.tenant,
        channelId: channel.ref.channelId,
        stage: channel.stage,
        node: channel.node,
        epoch: channel.placed?.record.epoch ?? 0,
        users: channel.seats.size,
      })),
      totals: { placements: { ...this.#placer.placements }, moves: { ...this.#placer.moves } },
      lvsp: this.#lvsp.inspect(),
    }
  }

  /** A draining node is left one channel at a time; what no node accepted before is placed on a serving one. */
  #nodeChanged(record: NodeRecord, isRestarted: boolean): void {
    this.#effects.note('cluster.node_changed', { node: record.id, state: record.state, region: record.region })
    for (const channel of this.#control.channels()) {
      if (channel.node !== record.id) continue
      if (isRestarted) channel.isLost = true
      if (!this.#control.acts(channel.tenant)) continue
      if (isRestarted) this.#placer.reopen(channel)
      if (record.state === 'draining') this.#moves.add(channel)
    }
    this.#deadlines.update(this.#moves)
    if (record.state === 'serving') this.#placeStranded()
  }

  #nodeLost(record: NodeRecord, how: 'died' | 'left'): void {
    this.#effects.note('cluster.node_lost', { node: record.id, how })
    for (const channel of this.#control.channels()) {
      if (channel.node !== record.id) continue
      channel.leaving = undefined
      if (how === 'left') channel.holders.delete(record.id)
      if (this.#control.acts(channel.tenant)) this.#placer.place(channel)
    }
  }

  /** This front acts for the backend from now on: the channels of nodes that died or drain move. */
  #takeOver(tenant: BackendId): void {
    if (!this.#control.acts(tenant)) return
    for (const channel of this.#control.tenant(tenant).all) {
      if (channel.stage !== 'open' || channel.node === undefined) continue
      const member = this.#membership.get(channel.node)
      if (member === undefined || member.state === 'dead') this.#placer.place(channel)
      else if (channel.isLost) this.#placer.reopen(channel)
      else if (member.record.state === 'draining') this.#moves.add(channel)
      else this.#placer.endElsewhere(channel, channel.node)
    }
    this.#deadlines.update(this.#moves)
  }

  /** Channels that were placed elsewhere since have ended there: the commands waited for the connection. */
  #nodeReturned(record: NodeRecord): void {
    this.#effects.note('cluster.node_changed', { node: record.id, state: record.state, region: record.region })
    this.#placeStranded()
  }

  #placeStranded(): void {
    for (const channel of this.#control.channels()) if (channel.stage === 'stranded') this.#placer.place(channel)
  }

  /** Called at the channel's turn: it may have ended, or its node serves again. */
  #moveAway(channel: FrontChannel): void {
    const node = channel.node === undefined ? undefined : this.#membership.get(channel.node)
    if (channel.stage === 'open' && node?.record.state === 'draining') this.#placer.move(channel, undefined, 'drain')
  }
}

/** Channels that leave a draining node, in order. */
class Moves implements Timed {
  readonly #move: (channel: FrontChannel) => void
  readonly #waiting = new Set<FrontChannel>()
  #next = Infinity

  constructor(move: (channel: FrontChannel) => void) {
    this.#move = move
  }

  /** 0 is at once. */
  get deadline(): number {
    return this.#next
  }

  add(channel: FrontChannel): void {
    this.#waiting.add(channel)
    if (this.#next === Infinity) this.#next = 0
  }

  tick(now: number): void {
    if (now < this.#next) return
    const [channel] = this.#waiting
    if (channel !== undefined) {
      this.#waiting.delete(channel)
      this.#move(channel)
    }
    this.#next = this.#waiting.size === 0 ? Infinity : now + LIMITS.clusterMoveInterval
  }
}

/** `isReported`: the backend receives the event. */
function setConnected({ seats }: FrontChannel, userId: string, connected: boolean, isReported: boolean): void {
  const seat = seats.get(userId)
  if (seat?.grant === undefined) return
  seat.grant.connected = connected
  if (isReported) seat.reported = connected
}
