// A front of a cluster: backends speak LVSP to it as to a node; nodes serve their channels. Messages, answers and time in; effects, calls
// of `FrontPorts` and a deadline out. It forwards no media and holds no call: when it stops, calls continue.
import type { LoadReport, NodeRecord } from '@parley/protocol'
import type { BackendId } from '../channel/channel-ref.ts'
import type { Crypto } from '../crypto.ts'
import { Deadlines } from '../deadlines.ts'
import { type ConnectionId, type Effect, Effects } from '../effect.ts'
import { LIMITS } from '../limits.ts'
import type { LvspConnection } from '../lvsp/connection.ts'
import type { LvspOrigin } from '../lvsp/entry/owner.ts'
import { LOWEST_SERVING } from '../lvsp/health.ts'
import { Lvsp, type LvspBackend } from '../lvsp/lvsp.ts'
import { type NodeEvent, NodeEvents } from './events/node-events.ts'
import { Statistics } from './events/statistics.ts'
import type { FrontChannel } from './front-channel.ts'
import { FrontControl } from './front-control.ts'
import type { FrontInspection } from './front-inspection.ts'
import type { FrontPorts, FrontRequestId, NodeAnswer, PlacementOutcome } from './front-ports.ts'
import { Mirror, type MirroredChannel, type MirroredVoiceState, type NodeListing } from './mirror.ts'
import { Membership, type ProbeOutcome } from './nodes/membership.ts'
import { expectedLoad } from './nodes/select-node.ts'
import { Paced } from './paced.ts'
import { Placer } from './placer.ts'

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

/** What the operator's request to move a channel did. */
export type MoveResult = 'moving' | 'unknown' | 'busy' | 'noNode'

export class Front {
  readonly #effects = new Effects()
  readonly #deadlines = new Deadlines()
  readonly #connections = new Map<ConnectionId, LvspConnection>()
  readonly #membership: Membership
  readonly #control: FrontControl
  readonly #events: NodeEvents
  readonly #statistics: Statistics
  readonly #placer: Placer
  readonly #lvsp: Lvsp
  readonly #moves: Paced
  readonly #retries: Paced
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
      stats: tenant => this.#statistics.request(tenant),
      attached: tenant => this.#takeOver(tenant),
      nodes: () => this.#membership.members.map(({ record }) => record.id),
    })
    this.#placer = new Placer({
      ports,
      membership: this.#membership,
      deadlines: this.#deadlines,
      observer: this.#control,
      random: options.random,
      registers: tenant => this.#control.tenant(tenant).isReceiver,
      hasListed: (tenant, node) => this.#control.tenant(tenant).linked.has(node),
      stranded: channel => {
        this.#retries.add(channel)
        this.#deadlines.update(this.#retries)
      },
      rolledBack: () => this.#placer.check(this.#control.registered()),
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
      lost: channel => this.#channelLost(channel),
      opened: (channel, isMoved) => this.#control.opened(channel, isMoved),
    })
    this.#events = new NodeEvents({
      backends: () => this.#lvsp,
      tenant: id => this.#control.tenant(id),
      canMove: channel => this.#placer.canMove(channel),
    })
    this.#statistics = new Statistics({
      tenant: id => this.#control.tenant(id),
      nextId,
      egress: () => this.#membership.members.reduce((sum, { report }) => sum + (report?.egress ?? 0), 0),
      request: (id, node, tenant) => ports.countViews(id, node, tenant),
      gathered: (tenant, stats, now) => this.#lvsp.statsGathered(tenant, stats, now),
    })
    this.#moves = new Paced({
      interval: LIMITS.clusterMoveInterval,
      batch: 1,
      isDelayed: false,
      run: channel => this.#moveAway(channel),
    })
    this.#retries = new Paced({
      interval: LIMITS.clusterRetryInterval,
      batch: LIMITS.clusterRetryBatch,
      isDelayed: true,
      run: channel => this.#placeAgain(channel),
    })
    this.#lvsp = new Lvsp({
      backends: options.backends,
      node: this.#control,
      crypto,
      effects: this.#effects,
      deadlines: this.#deadlines,
      serverVersion: options.serverVersion,
      reportsVideo: true,
      ready: backend => this.#control.backendReady(backend),
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
    for (const [tenant, epoch] of Object.entries(report.epochs ?? {}))
      if (this.#backends.includes(tenant)) this.#placer.observe(tenant, epoch)
    this.#membership.reported(report, now)
  }
  availabilityChanged(isAvailable: boolean): void {
    // What other fronts registered is looked up when this one takes over.
    for (const channel of this.#control.channels()) channel.isChecked &&= !isAvailable
    this.#placer.availabilityChanged(isAvailable, this.#control.registered())
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

  /** What limits the viewers of video of a tenant on a node; undefined if it did not answer. */
  viewsCounted(id: FrontRequestId, views: Readonly<Record<string, number>> | undefined, now: number): void {
    this.#statistics.answered(id, views, now)
  }

  /** The connection for a tenant to a node: lost, or established, with all that the node has or what was missed. */
  nodeUnlinked(node: string, tenant: BackendId): void {
    this.#mirror.lost(node, tenant)
    this.#control.tenant(tenant).linked.delete(node)
  }
  nodeLinked(node: string, tenant: BackendId, listing: NodeListing, now: number): void {
    this.#membership.linked(node, now)
    this.#control.tenant(tenant).linked.add(node)
    this.#mirror.ready(node, tenant, listing, !this.#membership.isHeardSinceLoss(node))
    this.#placer.check(Array.from(this.#control.registered(tenant)).filter(each => each.node === node))
    this.#placeStranded()
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
    const channels = this.#control.tenant(tenant)
    channels.receives.set(node, receives)
    this.#lvsp.receiverChanged(tenant, channels.isReceiver)
    // The other front places channels from now on: what this one knows of placements is old when it takes over.
    if (!channels.isReceiver) for (const channel of channels.all) channel.isChecked = false
    if (!receives) return this.#lvsp.forgetMissed(tenant)
    this.#events.sendMissed(node, tenant)
    this.#takeOver(tenant)
  }

  /** An event of a node. */
  nodeEvent(node: string, tenant: BackendId, event: NodeEvent): void {
    this.#events.received(node, tenant, event)
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
      if (isRestarted) this.#channelLost(channel)
      if (record.state === 'draining' && this.#control.acts(channel.tenant)) this.#moves.add(channel)
    }
    this.#deadlines.update(this.#moves)
    if (record.state === 'serving') this.#placeStranded()
  }

  /** Its node is another process. The front that acts for the backend opens it there again. */
  #channelLost(channel: FrontChannel): void {
    channel.isLost = true
    if (this.#control.acts(channel.tenant)) this.#placer.reopen(channel)
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
    this.#placer.check(Array.from(this.#control.registered(tenant)).filter(({ isChecked }) => !isChecked))
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
    for (const channel of this.#control.channels()) this.#placeAgain(channel)
  }

  #placeAgain(channel: FrontChannel): void {
    if (channel.stage === 'stranded') this.#placer.place(channel)
  }

  /** Called at the channel's turn: it may have ended, or its node serves again. */
  #moveAway(channel: FrontChannel): void {
    const node = channel.node === undefined ? undefined : this.#membership.get(channel.node)
    if (channel.stage === 'open' && node?.record.state === 'draining') this.#placer.move(channel, undefined, 'drain')
  }
}
