// A voice node: messages, lane events and time in; effects and a deadline out. Owns every channel, session and connection.
import { LEGACY_MODES, MODERN_MODES, VoiceClose } from '@parley/protocol'
import { BackendControl, type BackendControlOptions } from './backend/control.ts'
import { Drain } from './backend/drain.ts'
import { EgressMeter } from './backend/egress-meter.ts'
import type { Ending } from './channel/channel-session.ts'
import { Channels } from './channel/channels.ts'
import { type LaneHandle, Lanes, type OpenLane } from './channel/lane-handle.ts'
import type { Crypto } from './crypto.ts'
import { ExternalSender } from './dave/external-sender.ts'
import type { DavePolicy } from './dave/version.ts'
import { Deadlines, type Timed } from './deadlines.ts'
import { type ConnectionId, type Effect, Effects, type LaneId } from './effect.ts'
import { type Gateway, GatewayConnection } from './gateway/connection.ts'
import { Greetings } from './gateway/greetings.ts'
import type { SessionObserver, VoiceSession } from './gateway/voice-session.ts'
import { type AuthenticationPolicy, VoiceSessions } from './gateway/voice-sessions.ts'
import type { LaneEvent } from './lane/commands.ts'
import { type Capacity, Health } from './lvsp/health.ts'
import { Lvsp, type LvspBackend } from './lvsp/lvsp.ts'
import type { Dtls } from './transport/webrtc/dtls.ts'

/** Settings that a part of the node reads are described there. */
export interface VoiceNodeOptions
  extends Omit<AuthenticationPolicy, 'modes'>,
    Pick<BackendControlOptions, 'endpoint' | 'orphanGrace'>,
    Pick<Gateway, 'serverVersion' | 'minVersion'>,
    Partial<Pick<Gateway, 'strictOpcodes'>> {
  crypto: Crypto
  backends: readonly LvspBackend[]
  /** Lanes that are open already; at least one. */
  lanes: readonly OpenLane[]
  /** Without it no WebRTC clients are served. */
  dtls?: Dtls | undefined
  /** Whether the legacy encryption modes are offered too. */
  legacyModes: boolean
  /** The policy of calls whose backend sets none; `allowed` by default. */
  dave?: DavePolicy | undefined
  capacity: Capacity
}

const LANE_LOST: Ending = { code: VoiceClose.ServerCrashed, reason: 'the media of this channel was lost' }

/** What is known of a WebSocket before its first message. */
export type Opening =
  | { protocol: 'gateway'; version: string | undefined; remoteAddress: string; localAddress: string }
  | { protocol: 'lvsp'; remoteAddress: string; userAgent?: string | undefined }

/** One end of a protocol, as the node drives it. */
interface Connection extends Timed {
  receive(data: string | Uint8Array, now: number): void
  closed(code: number, now: number): void
}

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

  constructor(options: VoiceNodeOptions) {
    const { crypto } = options
    this.#lanes = new Lanes(options.lanes, crypto, this.#effects)
    this.#channels = new Channels(this.#lanes, {
      crypto,
      effects: this.#effects,
      deadlines: this.#deadlines,
      sender: new ExternalSender(crypto),
      policy: options.dave ?? 'allowed',
      changed: (backend, { channelId, guildId }, state) =>
        this.#lvsp.channelDave(backend, { channelId, guildId, ...state }),
    })
    const modes = options.legacyModes ? [...MODERN_MODES, ...LEGACY_MODES] : MODERN_MODES
    const policy: AuthenticationPolicy = { ...options, modes }
    const observer = new SessionEvents(this.#effects, () => this.#lvsp)
    this.#sessions = new VoiceSessions(this.#channels, policy, crypto, this.#deadlines, observer)
    this.#health = new Health(options.capacity)
    this.#backendControl = new BackendControl({
      ...options,
      channels: this.#channels,
      deadlines: this.#deadlines,
      health: () => this.#health.value,
      egress: () => this.#egress.bitsPerSecond,
    })
    this.#lvsp = new Lvsp({ ...options, node: this.#backendControl, effects: this.#effects })
    this.#gateway = {
      crypto,
      effects: this.#effects,
      modes,
      serverVersion: options.serverVersion,
      minVersion: options.minVersion,
      strictOpcodes: options.strictOpcodes ?? false,
      webrtc: options.dtls && { dtls: options.dtls, deadlines: this.#deadlines, crypto },
      sessions: this.#sessions,
      greetings: new Greetings(),
    }
    this.#drain = new Drain(this.#sessions)
  }

  connectionOpened(id: ConnectionId, opening: Opening, now: number): void {
    const connection = this.#open(id, opening, now)
    this.#connections.set(id, connection)
    this.#settle(connection)
  }

  messageReceived(id: ConnectionId, data: string | Uint8Array, now: number): void {
    const connection = this.#connections.get(id)
    if (connection === undefined) return
    connection.receive(data, now)
    this.#settle(connection)
  }

  /** The socket is gone, by whichever side; `code` is the close code, 1006 if there was none. */
  connectionClosed(id: ConnectionId, code: number, now: number): void {
    const connection = this.#connections.get(id)
    if (connection === undefined) return
    this.#connections.delete(id)
    this.#deadlines.remove(connection)
    connection.closed(code, now)
    this.#deadlines.update(this.#lvsp)
  }

  laneEvent(lane: LaneId, event: LaneEvent, now: number): void {
    const control = this.#lanes.get(lane)
    if (control === undefined) return
    if (event.kind === 'counters') {
      control.counters = event.counters
      return
    }
    const session = control.owners.get(event.peer)
    if (event.kind === 'firstPacket') session?.packetsArrived(event.ssrc)
    else if (event.kind === 'nonceExhausted') session?.keyExhausted(now)
    else if (event.kind === 'datagram') session?.datagramArrived(event.bytes, now)
    else if (event.kind === 'consentLost') this.#effects.note('lane.consent_lost', { lane, peer: event.peer })
    else this.#effects.note('lane.address_bound', { lane, peer: event.peer })
  }

  /**
   * A lane ended by a fault: the sessions of its channels close with 4015, their backends hear of it, and the channels stay. What
   * is sent to the lane from now on is for the one that takes its place.
   */
  laneLost(id: LaneId, reason: string, now: number): void {
    const lane = this.#lanes.get(id)
    if (lane === undefined) return
    lane.isLost = true
    lane.counters = undefined
    this.#effects.note('lane.lost', { lane: id, reason })
    this.#endSessions(lane, now)
  }

  /** Another lane has taken the place of a lost one. Sessions that were told another port meanwhile have to come again. */
  laneReplaced(id: LaneId, port: number, now: number): void {
    const lane = this.#lanes.get(id)
    if (lane === undefined) return
    const isMoved = lane.port !== port
    lane.isLost = false
    lane.port = port
    this.#effects.note('lane.replaced', { lane: id, port })
    if (isMoved) this.#endSessions(lane, now)
  }

  tick(now: number): void {
    this.#deadlines.tick(now)
  }

  /** What the host measures about once a second. */
  measured(load: { eventLoopLag: number }, now: number): void {
    for (const lane of this.#lanes.all) lane.send({ kind: 'report' })
    const bytes = this.#lanes.all.reduce((sum, lane) => sum + (lane.counters?.bytesOut ?? 0), 0)
    this.#egress.measure(bytes, now)
    const egressBitsPerSecond = this.#egress.bitsPerSecond
    const laneBusy = Math.max(...this.#lanes.all.map(lane => lane.counters?.busy ?? 0))
    this.#health.measure({ sessions: this.#sessions.size, egressBitsPerSecond, laneBusy, ...load }, now)
  }

  /** Takes no new channels and reports health 0; at `until` the sessions that remain are told to go. */
  drain(until: number, now: number): void {
    this.#backendControl.isDraining = true
    this.#health.draining = true
    this.#drain.begin(until)
    this.#deadlines.update(this.#drain)
    this.#effects.note('node.draining', { sessions: this.#sessions.size, timeout: Math.round(until - now) })
  }

  takeEffects(): Effect[] {
    return this.#effects.take()
  }

  get deadline(): number {
    return this.#deadlines.next
  }

  /** A plain object of everything, without secrets. */
  inspect() {
    return {
      health: this.#health.value,
      draining: this.#backendControl.isDraining,
      connections: this.#connections.size,
      greetings: this.#gateway.greetings.size,
      deadlines: this.#deadlines.size,
      voiceStates: this.#backendControl.voiceStates,
      sessions: [...this.#sessions.all()].map(session => session.inspect()),
      channels: [...this.#channels.all()].map(channel => channel.inspect()),
      lanes: this.#lanes.all.map(({ id, port, channels, owners, counters }) => ({
        id,
        port,
        channels,
        peers: owners.size,
        counters,
      })),
      lvsp: this.#lvsp.inspect(),
    }
  }

  /** The sizes of the tables, cheaply: for metrics. */
  get sizes() {
    return {
      connections: this.#connections.size,
      sessions: this.#sessions.size,
      channels: this.#lanes.all.reduce((sum, lane) => sum + lane.channels, 0),
      health: this.#health.value,
    }
  }

  #open(id: ConnectionId, opening: Opening, now: number): Connection {
    if (opening.protocol === 'lvsp') return this.#lvsp.opened(id, opening, now)
    const connection = new GatewayConnection(id, opening, this.#gateway, now)
    connection.open()
    return connection
  }

  #endSessions(lane: LaneHandle, now: number): void {
    for (const channel of this.#channels.all()) if (channel.lane === lane) channel.endSessions(LANE_LOST, now)
  }

  /** After an input the connection may want another deadline. */
  #settle(connection: Connection): void {
    this.#deadlines.update(connection)
    this.#deadlines.update(this.#lvsp)
  }
}

/** Reports the life of sessions: as notes to the host, as events to their backends. */
class SessionEvents implements SessionObserver {
  readonly #effects: Effects
  readonly #lvsp: () => Lvsp

  constructor(effects: Effects, lvsp: () => Lvsp) {
    this.#effects = effects
    this.#lvsp = lvsp
  }

  sessionEntered(session: VoiceSession): void {
    this.#effects.note('voice.connected', noteOf(session))
    this.#lvsp().voiceStateConnected(session.channel.backend, eventOf(session))
  }
  sessionDetached(session: VoiceSession, code: number): void {
    this.#effects.note('voice.detached', { ...noteOf(session), code })
    if (session.media.transport === undefined) return
    this.#lvsp().voiceStateDisconnected(session.channel.backend, { ...eventOf(session), code, resumable: true })
  }
  sessionResumed(session: VoiceSession): void {
    this.#effects.note('voice.resumed', noteOf(session))
    if (session.isPresent) this.sessionEntered(session)
  }
  sessionEnded(session: VoiceSession, code: number): void {
    this.#effects.note('voice.disconnected', { ...noteOf(session), code })
    if (session.media.transport === undefined) return
    this.#lvsp().voiceStateDisconnected(session.channel.backend, { ...eventOf(session), code, resumable: false })
  }
  sessionSpoke(session: VoiceSession): void {
    const { speaking, isSendingVideo: video } = session.media
    this.#lvsp().speaking(session.channel.backend, { ...eventOf(session), speaking, video })
  }
}

const eventOf = ({ channel, userId, sessionId, media }: VoiceSession) => ({
  protocol: media.transport?.kind ?? ('udp' as const),
  userId,
  channelId: channel.channelId,
  guildId: channel.guildId,
  sessionId,
})

const noteOf = ({ channel, userId, version }: VoiceSession) => ({
  backend: channel.backend,
  channel: channel.channelId,
  user: userId,
  version,
})
