// A voice node: messages, lane events and time in; effects and a deadline out. It owns every channel, session and connection.
import { type Identify, LEGACY_MODES, MODERN_MODES, VoiceClose } from '@parley/protocol'
import { BackendControl, type BackendInspection } from './backend/control.ts'
import { Drain } from './backend/drain.ts'
import { EgressMeter } from './backend/egress-meter.ts'
import { MoveRequests } from './backend/move-requests.ts'
import type { Channel } from './channel/channel.ts'
import type { ChannelSummary } from './channel/channel-inspection.ts'
import type { BackendId, ChannelRef } from './channel/channel-ref.ts'
import type { Ending } from './channel/channel-session.ts'
import { Channels } from './channel/channels.ts'
import { type LaneHandle, Lanes } from './channel/lane-handle.ts'
import { ExternalSender } from './dave/external-sender.ts'
import type { DaveState } from './dave/version.ts'
import { Deadlines, type Timed } from './deadlines.ts'
import { type ConnectionId, type Effect, Effects } from './effect.ts'
import { actOnEach } from './errors.ts'
import type { IdentifyRefusal } from './gateway/authenticator.ts'
import { type Gateway, GatewayConnection } from './gateway/connection.ts'
import { Greetings } from './gateway/greetings.ts'
import { HeldIdentifies } from './gateway/held-identifies.ts'
import type { VoiceSessionInspection } from './gateway/voice-session.ts'
import { type AuthenticationPolicy, VoiceSessions } from './gateway/voice-sessions.ts'
import type { LaneEvent, LaneId } from './lane/commands.ts'
import { LIMITS } from './limits.ts'
import { Health } from './lvsp/health.ts'
import { Lvsp } from './lvsp/lvsp.ts'
import type { MirrorItem } from './lvsp/node-control.ts'
import { AddressBans } from './node/address-bans.ts'
import type { NodeInspection, NodeOverview, NodeSizes } from './node/inspection.ts'
import { NodeOperator, type Operator } from './node/operator.ts'
import type { VoiceNodeOptions } from './node/options.ts'
import { SessionEvents } from './node/session-events.ts'
import { type NodeTally, tallyOf } from './node/tally.ts'
import { webrtcHost } from './transport/webrtc/webrtc-host.ts'

const IDENTIFY_GRACE = 3_000
/** A lane sends a copy of one packet to so many in 4 to 5 ms. */
const MEMBERS_PER_LANE = 1_000
const BANNED = { node: 'too many refused Identify messages of this address', operator: 'this address is banned' }
const LANE_LOST: Ending = { code: VoiceClose.ServerCrashed, reason: 'the lane of this session crashed' }

/**
 * A WebSocket as it opens. `version` is `v` of the URL as the client wrote it; `localAddress` is the address of the
 * node that the client connected to; `userAgent` is used for a hint in the log only.
 */
export type Opening =
  | { protocol: 'gateway'; version: string | undefined; remoteAddress: string; localAddress: string }
  | { protocol: 'lvsp'; remoteAddress: string; userAgent?: string | undefined }

/** A connection of either protocol. */
interface Connection extends Timed {
  receive(data: string | Uint8Array, now: number): void
  closed(code: number, now: number): void
}

/**
 * The node as a sans-IO machine. Its host feeds WebSocket events and lane events with the time, applies `takeEffects`
 * after each input, and calls `tick` at `deadline`. `now` is milliseconds of a monotonic clock and never decreases.
 * Methods never throw because of what a client or backend sent: such a fault closes that connection only.
 */
export class VoiceNode {
  readonly #effects = new Effects()
  readonly #deadlines = new Deadlines()
  readonly #connections = new Map<ConnectionId, Connection>()
  readonly #lanes: Lanes
  readonly #channels: Channels
  readonly #sessions: VoiceSessions
  readonly #backendControl: BackendControl
  readonly #lvsp: Lvsp
  readonly #health: Health
  readonly #egress = new EgressMeter()
  readonly #gateway: Gateway
  readonly #drain: Drain
  readonly #bans: AddressBans
  readonly #moveRequests: MoveRequests
  readonly #backends: readonly BackendId[]
  readonly #adopting: ReadonlySet<BackendId>
  /** When lanes are next asked how the packets of each peer arrive. */
  #qualityAt = 0
  /** What the operator does to users and to the node. */
  readonly operator: Operator
  /** Identify messages that matched no voice state, by the backend of their server. */
  readonly refusedIdentifies = new Map<BackendId, number>()

  /**
   * Parts refer to each other through functions (`() => this.#lvsp`), because LVSP reports what happens in channels and
   * channels obey LVSP.
   */
  constructor(options: VoiceNodeOptions) {
    const { crypto } = options
    this.#lanes = new Lanes(options.lanes, crypto, this.#effects, options.membersPerLane ?? MEMBERS_PER_LANE)
    const encryption = {
      crypto,
      effects: this.#effects,
      deadlines: this.#deadlines,
      sender: new ExternalSender(crypto),
      policy: options.dave ?? ('allowed' as const),
      changed: (backend: BackendId, { channelId, guildId }: ChannelRef, state: DaveState) =>
        this.#lvsp.channelDave(backend, { channelId, guildId, ...state }),
    }
    const limits = new Map(options.backends.map(backend => [backend.id, backend]))
    this.#channels = new Channels(this.#lanes, encryption, limits)
    const modes = options.legacyModes ? [...MODERN_MODES, ...LEGACY_MODES] : MODERN_MODES
    const adopting = new Set(options.backends.filter(({ adoptsTokens }) => adoptsTokens === true).map(({ id }) => id))
    const policy: AuthenticationPolicy = { ...options, modes, adopting }
    this.#adopting = adopting
    const endCodes = new Map(options.backends.map(({ id, channelEndCode }) => [id, channelEndCode]))
    const held = new HeldIdentifies(adopting.size > 0 ? (options.identifyGrace ?? IDENTIFY_GRACE) : 0)
    const observer = new SessionEvents(
      this.#effects,
      () => this.#lvsp,
      () => this.#moveRequests,
      this.#deadlines,
    )
    this.#sessions = new VoiceSessions(this.#channels, policy, crypto, this.#deadlines, observer)
    this.#health = new Health(options.capacity)
    const backendOptions = {
      ...options,
      channels: this.#channels,
      deadlines: this.#deadlines,
      health: () => this.#health.value,
      egress: () => this.#egress.bitsPerSecond,
      channelEndCode: (id: BackendId) => endCodes.get(id) ?? VoiceClose.Disconnected,
      mirrored: (backend: BackendId, item: MirrorItem) => this.#lvsp.mirror(backend, item),
      voiceStateCreated: ({ serverId }: Channel, userId: string, now: number) =>
        held.voiceStateCreated(serverId, userId, now),
    }
    this.#backendControl = new BackendControl(backendOptions)
    this.#backends = options.backends.map(({ id }) => id)
    this.#lvsp = new Lvsp({
      ...options,
      node: this.#backendControl,
      effects: this.#effects,
      deadlines: this.#deadlines,
      reportsVideo: true,
      memory: backend => this.#channels.usageOf(backend),
      ready: (backend, now) => {
        this.#moveRequests.begin(backend, now)
        observer.backendReady(backend, this.#sessions.all())
      },
    })
    const gateway = {
      crypto,
      effects: this.#effects,
      modes,
      serverVersion: options.serverVersion,
      minVersion: options.minVersion,
      strictOpcodes: options.strictOpcodes ?? false,
      webrtc: webrtcHost(options, this.#deadlines),
      sessions: this.#sessions,
      greetings: new Greetings(),
      held,
      identifyRefused: (identify: Identify, refusal: IdentifyRefusal, address: string, now: number) =>
        this.#identifyRefused(identify, refusal, address, now),
    }
    this.#gateway = gateway
    this.#bans = new AddressBans({ banAfter: options.banAfter ?? 0, banTime: options.banTime ?? 0 })
    this.#drain = new Drain(this.#channels)
    this.#moveRequests = new MoveRequests(
      {
        channels: backend => this.#channels.ofBackend(backend),
        until: () => this.#drain.until,
        request: (backend, channel) => this.#lvsp.channelDraining(backend, channel),
      },
      this.#deadlines,
    )
    this.operator = new NodeOperator({
      channels: this.#channels,
      backendControl: this.#backendControl,
      health: this.#health,
      drain: this.#drain,
      deadlines: this.#deadlines,
      effects: this.#effects,
      lvsp: this.#lvsp,
      policy,
      encryption,
      gateway,
      backendOptions,
      bans: this.#bans,
    })
  }

  /** A WebSocket opened. Its first message (Hello, HELLO) is among the effects. `id` must be new. */
  connectionOpened(id: ConnectionId, opening: Opening, now: number): void {
    const connection = this.#open(id, opening, now)
    this.#connections.set(id, connection)
    this.#settle(connection)
  }

  /** A text (string) or binary message arrived. Ignored for connections that are closed already. */
  messageReceived(id: ConnectionId, data: string | Uint8Array, now: number): void {
    const connection = this.#connections.get(id)
    if (connection === undefined) return
    connection.receive(data, now)
    this.#settle(connection)
  }

  /** The socket closed, by either side. `code` is the close code; 1006 if there was none. */
  connectionClosed(id: ConnectionId, code: number, now: number): void {
    const connection = this.#connections.get(id)
    if (connection === undefined) return
    this.#connections.delete(id)
    this.#deadlines.remove(connection)
    connection.closed(code, now)
  }

  /** An event of a lane. Events about a peer that no longer exists do nothing. */
  laneEvent(lane: LaneId, event: LaneEvent, now: number): void {
    this.#lanes.event(lane, event, now)
  }

  /**
   * A lane crashed: the sessions on it close with 4015, and the channels and their members on other lanes remain. Commands sent to the lane from now on
   * are for its replacement.
   */
  laneLost(id: LaneId, reason: string, now: number): void {
    const lane = this.#lanes.lost(id, reason)
    if (lane !== undefined) this.#endSessions(lane, now)
  }

  /** Another lane replaces a lost one. If its port differs, sessions that were sent the old port close and identify again. */
  laneReplaced(id: LaneId, port: number, now: number): void {
    const lane = this.#lanes.replaced(id, port)
    if (lane !== undefined) this.#endSessions(lane, now)
  }

  /** Handles everything that is due. Calls before `deadline` have no effect. */
  tick(now: number): void {
    this.#deadlines.tick(now)
  }

  /** Called about once a second with what the host measures. */
  measured(load: { eventLoopLag: number }, now: number): void {
    for (const lane of this.#lanes.all) lane.send({ kind: 'report' })
    if (now >= this.#qualityAt) {
      this.#qualityAt = now + LIMITS.qualityInterval
      for (const lane of this.#lanes.all) lane.send({ kind: 'reportPeers' })
    }
    const bytes = this.#lanes.all.reduce((sum, lane) => sum + (lane.counters?.bytesOut ?? 0), 0)
    this.#egress.measure(bytes, now)
    const egressBitsPerSecond = this.#egress.bitsPerSecond
    const laneBusy = Math.max(...this.#lanes.all.map(lane => lane.counters?.busy ?? 0))
    this.#health.measure({ sessions: this.#sessions.size, egressBitsPerSecond, laneBusy, ...load }, now)
  }

  /** Refuses new channels and reports health 0; at `until` the remaining sessions close. */
  drain(until: number, now: number): void {
    this.#backendControl.isDraining = true
    this.#health.draining = true
    this.#drain.begin(until)
    for (const backend of this.#backends) this.#moveRequests.begin(backend, now)
    this.#deadlines.update(this.#drain)
    this.#effects.note('node.draining', { sessions: this.#sessions.size, timeout: Math.round(until - now) })
  }

  /** All effects since the last call, in the order in which they must be applied. */
  takeEffects(): Effect[] {
    return this.#effects.take()
  }

  /** When `tick` is needed next; `Infinity` if never. It may move with every input. */
  get deadline(): number {
    return this.#deadlines.next
  }

  /** The state of the node as a plain object, without secrets. Its cost grows with the node's contents. */
  inspect(): NodeInspection {
    return {
      ...this.overview(),
      greetings: this.#gateway.greetings.size,
      deadlines: this.#deadlines.size,
      sessions: Array.from(this.sessions(), session => session.inspect()),
      channels: Array.from(this.#channels.all(), channel => channel.inspect()),
      lvsp: this.#lvsp.inspect(),
    }
  }

  /** The same without sessions and channels, except their numbers. Its cost grows with the backends and lanes only. */
  overview(): NodeOverview {
    const { connections, sessions, channels, health } = this.sizes
    const { isDraining: draining, voiceStates } = this.#backendControl
    const [backends, lanes] = [this.#backendControl.inspect(), this.#lanes.inspect()]
    return { health, draining, connections, sessions, channels, voiceStates, backends, lanes }
  }

  /** The sessions as `inspect` has them, each at its own cost. */
  sessions(): Iterable<{ inspect(): VoiceSessionInspection }> {
    return this.#sessions.all()
  }

  /** The channels, each summarized at its own cost. */
  channels(): Iterable<{ summarize(): ChannelSummary }> {
    return this.#channels.all()
  }

  /** Counts by property, for metrics; their cost grows with the sessions and channels. */
  tally(): NodeTally {
    return tallyOf(this.#sessions.all(), this.#channels.all())
  }

  /** What each backend has on the node. */
  backendUsage(): readonly BackendInspection[] {
    return this.#backendControl.inspect()
  }

  /** The sizes of the tables, at constant cost: for metrics. */
  get sizes(): NodeSizes {
    return {
      connections: this.#connections.size,
      sessions: this.#sessions.size,
      channels: this.#lanes.all.reduce((sum, lane) => sum + lane.channels, 0),
      health: this.#health.value,
      egressBitsPerSecond: this.#egress.bitsPerSecond,
    }
  }

  /** A voice connection may close itself at once, for its version or because too many are open. */
  #open(id: ConnectionId, opening: Opening, now: number): Connection {
    if (opening.protocol === 'lvsp') return this.#lvsp.opened(id, opening, now)
    const connection = new GatewayConnection(id, opening, this.#gateway, now)
    const ban = this.#bans.bannedBy(opening.remoteAddress, now)
    if (ban === undefined) connection.open()
    else connection.close(VoiceClose.RateLimited, BANNED[ban])
    return connection
  }

  /** Counted for the backends of the server; without one for those that adopt tokens, whose channels may not have arrived. */
  #identifyRefused(
    { server_id: server, user_id: user }: Identify,
    refusal: IdentifyRefusal,
    address: string,
    now: number,
  ): void {
    const concerned = refusal.backends.size > 0 ? refusal.backends : this.#adopting
    for (const backend of concerned) this.refusedIdentifies.set(backend, (this.refusedIdentifies.get(backend) ?? 0) + 1)
    const [backend] = concerned
    this.#effects.note('gateway.identify_refused', { backend, server, user, address, code: refusal.code })
    if (!this.#bans.refused(address, now)) return
    const { banAfter: refused, banTime: duration } = this.#bans.policy
    this.#effects.note('gateway.banned', { address, refused, duration })
  }

  #endSessions(lane: LaneHandle, now: number): void {
    const channels = new Set(Array.from(this.#sessions.all(), session => session.channel))
    actOnEach(channels, channel => channel.laneLost(lane, LANE_LOST, now))
  }

  /** Called after every input: the deadline of the connection may have changed. */
  #settle(connection: Connection): void {
    this.#deadlines.update(connection)
  }
}
