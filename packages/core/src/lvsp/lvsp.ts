// LVSP on the node: the connections and sessions of chat backends.
// One `LvspConnection` per WebSocket, one `LvspSession` per backend, which outlives its connections. `VoiceNode`
// forwards messages and time to the connections; events about calls enter here and leave through the backend's session.
import {
  LvspCapability,
  type LvspCommand,
  type LvspEvent,
  type LvspEventData,
  LvspInfo,
  type VideoKind,
  type VideoState,
  type VoiceClose,
} from '@parley/protocol'
import type { BackendId, ChannelRef } from '../channel/channel-ref.ts'
import type { Crypto } from '../crypto.ts'
import type { Deadlines } from '../deadlines.ts'
import type { ConnectionId, Effects } from '../effect.ts'
import { LIMITS } from '../limits.ts'
import { healthOf } from './commands.ts'
import { LvspConnection, type LvspConnectionInspection } from './connection.ts'
import type { Dialect } from './dialect.ts'
import type { LvspOrigin, LvspOwner, OwnedConnection } from './entry/owner.ts'
import { FailingAddresses } from './failing-addresses.ts'
import { Audience } from './fronts/audience.ts'
import { type BackendSecrets, canonicalToken, Keyring } from './keyring.ts'
import type {
  BackendStats,
  ChannelEncryption,
  ChannelGrant,
  DrainingChannel,
  MirrorItem,
  NodeControl,
  Refusal,
  VoiceStateGrant,
} from './node-control.ts'
import { type CommandIds, LvspSession, type LvspSessionInspection, type MessageMemory } from './session.ts'
import { UnidentifiedConnections } from './unidentified.ts'

/** A chat backend as configured by the operator. */
export interface LvspBackend {
  readonly id: BackendId
  /** One, or two during a rotation. Not empty, and not shared with another backend. */
  readonly secrets: readonly string[]
  readonly dialect?: Dialect | undefined
  /** Send CHANNEL_ASSIGN in the litecord dialect: only patched versions of Litecord survive it. */
  readonly legacyAssign?: boolean | undefined
  /** In the litecord dialect: accept RESUME with the token of the last IDENTIFY, as drafts of the specification have it. */
  readonly draftResume?: boolean | undefined
  /** Close a connection that does not heartbeat. Litecord sends a heartbeat every few hours. */
  readonly requireHeartbeat?: boolean | undefined
  /** The close code for the members of a channel that ends; 4014 by default. */
  readonly channelEndCode?: typeof VoiceClose.Disconnected | typeof VoiceClose.ChannelEnded | undefined
  /** The backend creates the tokens of its users (`token` in VOICE_STATE_CREATE); the token of a channel is then not accepted. */
  readonly adoptsTokens?: boolean | undefined
}

/** What LVSP needs of its node. */
export interface LvspOptions {
  backends: readonly LvspBackend[]
  node: NodeControl
  crypto: Crypto
  effects: Effects
  deadlines: Deadlines
  /** Sent in HELLO. */
  serverVersion: string
  /** The node reports video (VIDEO_VIEW, VIDEO_SOURCE). */
  reportsVideo?: boolean | undefined
  /** Memory for messages of the backend; without it each session and connection has its own bound only. */
  memory?: (backend: BackendId) => MessageMemory
  /** A connection of the backend is ready, and has not received replayed messages. */
  ready?: (backend: BackendId, now: number) => void
}

/** A capability that no backend may use, or that the node does not have, is not offered. */
function capabilitiesFor({ backends, node, reportsVideo = false }: LvspOptions): readonly LvspCapability[] {
  const absent = new Set<LvspCapability>()
  if (!backends.some(({ adoptsTokens }) => adoptsTokens === true)) absent.add(LvspCapability.AdoptToken)
  if (!reportsVideo) absent.add(LvspCapability.Video)
  if (node.mirror === undefined) absent.add(LvspCapability.Front)
  return Object.values(LvspCapability).filter(name => !absent.has(name))
}

/** A user's voice connection in events. */
export interface VoiceStateEvent extends ChannelRef {
  userId: string
  sessionId: string
  protocol: 'udp' | 'webrtc'
}

/** What a user sends, in events. `speaking` holds the speaking flags. */
export interface SpeakingEvent extends ChannelRef {
  userId: string
  speaking: number
  video: boolean
}

/** What a viewer is sent of a source of video. Layers are named by their index; −1 is none. */
export interface VideoViewEvent extends ChannelRef {
  userId: string
  senderId: string
  kind: VideoKind
  layers: number
  wanted: number
  target: number
  current: number
  temporal?: number | undefined
  reason: LvspEventData<typeof LvspInfo.VideoView>['reason']
  bitrate: number
  estimate?: number | undefined
}

/** The state of a source of video. */
export interface VideoSourceEvent extends ChannelRef {
  userId: string
  kind: VideoKind
  state: VideoState
  viewers: number
}

/** LVSP as `VoiceNode.inspect()` shows it. */
export interface LvspInspection {
  readonly connections: readonly LvspConnectionInspection[]
  readonly sessions: readonly LvspSessionInspection[]
  /** Addresses whose wrong tokens are counted. */
  readonly failingAddresses: number
}

export class Lvsp {
  readonly #options: LvspOptions
  readonly #backends: ReadonlyMap<BackendId, LvspBackend>
  #keyring: Keyring
  readonly #failing = new FailingAddresses()
  /** Open connections, oldest first. */
  readonly #connections = new Map<ConnectionId, LvspConnection>()
  readonly #unidentified = new UnidentifiedConnections()
  /** Sessions with a connection, or within their resume window: of a backend at most one of its own, and one of each front. */
  readonly #audiences = new Map<BackendId, Audience>()
  readonly #owner: LvspOwner

  /** Throws an error if ids or secrets of the backends violate the rules of `LvspBackend`. */
  constructor(options: LvspOptions) {
    this.#options = options
    this.#backends = new Map(options.backends.map(backend => [backend.id, backend]))
    if (this.#backends.size < options.backends.length) throw new Error('two backends have the same id')
    this.#keyring = new Keyring(options.crypto, options.backends)
    this.#owner = {
      node: options.node,
      effects: options.effects,
      serverVersion: options.serverVersion,
      capabilities: capabilitiesFor(options),
      authenticate: (nonce, token) => this.#keyring.find(nonce, token),
      sessionByDraftToken: token => this.#sessionByDraftToken(canonicalToken(token)),
      enter: (backend, front) => this.#enter(backend, front),
      frontBackend: (session, data, now) => this.#audiences.get(session.backend)?.frontBackend(session, data, now),
      failed: (address, now) => this.#failing.failed(address, now),
      identified: connection => this.#unidentified.identified(connection),
      ready: (backend, now) => options.ready?.(backend, now),
      ended: connection => this.#ended(connection),
    }
  }

  /** From now on these secrets authenticate; connections that are open stay. Throws an error, and changes nothing, as the constructor does. */
  replaceSecrets(backends: readonly BackendSecrets[]): void {
    this.#keyring = new Keyring(this.#options.crypto, backends)
  }

  /** A WebSocket opened. The caller forwards its messages, its close and its ticks to the returned connection. */
  opened(id: ConnectionId, origin: LvspOrigin, now: number): LvspConnection {
    const delay = this.#failing.isHeldBack(origin.remoteAddress, now) ? LIMITS.lvspHelloDelay : 0
    const connection = new LvspConnection(this.#owner, id, origin, this.#keyring.nonce(), delay, now)
    this.#unidentified.add(connection, now)
    this.#connections.set(id, connection)
    connection.tick(now)
    return connection
  }

  /** A user's media is connected. */
  voiceStateConnected(backend: BackendId, event: VoiceStateEvent): void {
    this.#sendAll(backend, LvspInfo.VoiceStateConnected, {
      ...userInChannel(event),
      session_id: event.sessionId,
      protocol: event.protocol,
    })
  }

  /** `code` is the close code of the user's voice connection. */
  voiceStateDisconnected(backend: BackendId, event: VoiceStateEvent & { code: number; resumable: boolean }): void {
    this.#sendAll(backend, LvspInfo.VoiceStateDisconnected, {
      ...userInChannel(event),
      session_id: event.sessionId,
      protocol: event.protocol,
      code: event.code,
      resumable: event.resumable,
    })
  }

  /** `speaking` holds the speaking flags. */
  speaking(backend: BackendId, event: SpeakingEvent): void {
    this.#sendAll(backend, LvspInfo.VoiceStateSpeaking, {
      ...userInChannel(event),
      speaking: event.speaking,
      video: event.video,
    })
  }

  /** The backend has a connection here, or to a front of its cluster. */
  isConnected(backend: BackendId): boolean {
    return this.#audiences.get(backend)?.isPresent === true
  }

  /** Whether the backend has agreed to receive the next two. */
  receivesVideo(backend: BackendId): boolean {
    return this.#some(backend, session => session.hasAgreed(LvspInfo.VideoView))
  }

  /** What a viewer is sent of a source changed. */
  videoView(backend: BackendId, { senderId, kind, ...event }: VideoViewEvent): void {
    const { layers, wanted, target, current, temporal, reason, bitrate, estimate } = event
    const view = { layers, wanted, target, current, temporal, reason, bitrate, estimate }
    this.#sendAll(backend, LvspInfo.VideoView, { ...userInChannel(event), sender_id: senderId, kind, ...view })
  }

  /** A source of video began, paused or ended, or has another number of viewers. */
  videoSource(backend: BackendId, { kind, state, viewers, ...event }: VideoSourceEvent): void {
    this.#sendAll(backend, LvspInfo.VideoSource, { ...userInChannel(event), kind, state, viewers })
  }

  /** The node is about to stop, and the channel has users. */
  channelDraining(backend: BackendId, channel: DrainingChannel): void {
    for (const session of this.#sessionsOf(backend)) session.sendDraining(channel)
  }

  /** The state of a channel's end-to-end encryption changed. */
  channelDave(backend: BackendId, channel: ChannelEncryption): void {
    for (const session of this.#sessionsOf(backend)) session.sendDave(channel)
  }

  /** Sends a grant that a command did not return at once, or that was not asked for: the channel or user has moved. */
  channelAssigned(backend: BackendId, grant: ChannelGrant): void {
    this.#audiences.get(backend)?.find()?.sendAssign(grant)
  }

  /** The same for a voice state. */
  voiceStateGranted(backend: BackendId, grant: VoiceStateGrant): void {
    this.#audiences.get(backend)?.find()?.sendDone(grant)
  }

  /** Answers a STATS that was not answered at once. */
  statsGathered(backend: BackendId, stats: BackendStats, now: number): void {
    this.#audiences.get(backend)?.find()?.sendStats(stats, healthOf(this.#options.node, now))
  }

  /** Refuses a command that was answered with a grant without a value. `type` is its info type. */
  commandRefused(backend: BackendId, type: LvspCommand, ids: CommandIds, refusal: Refusal): void {
    this.#audiences.get(backend)?.find()?.sendFailure(type, ids, refusal)
  }

  inspect(): LvspInspection {
    return {
      connections: [...this.#connections.values()].map(connection => connection.inspect()),
      sessions: Array.from(this.#allSessions(), session => session.inspect()),
      failingAddresses: this.#failing.size,
    }
  }

  /**
   * A channel or voice state changed: fronts other than the one whose command did it are sent how it is now. An end is sent to that one too:
   * its command may have waited, and what it ended be another front's.
   */
  mirror(backend: BackendId, item: MirrorItem): void {
    const isEnd = item.kind === 'channelEnded' || item.kind === 'voiceStateEnded'
    for (const session of this.#sessionsOf(backend))
      if (session.front !== undefined && (isEnd || !session.isExecuting)) session.sendMirrored(item)
  }

  /** See `LvspSession.receiverChanged`. */
  receiverChanged(backend: BackendId, receives: boolean): void {
    this.#audiences.get(backend)?.find()?.receiverChanged(receives)
  }

  /** See `LvspSession.forgetMissed`. */
  forgetMissed(backend: BackendId): void {
    this.#audiences.get(backend)?.find()?.forgetMissed()
  }

  /** Whether the backend has a connection here, or may still resume. */
  hasSession(backend: BackendId): boolean {
    return this.#audiences.get(backend)?.find() !== undefined
  }

  #sessionsOf(backend: BackendId): Iterable<LvspSession> {
    return this.#audiences.get(backend)?.sessions ?? []
  }

  *#allSessions(): Iterable<LvspSession> {
    for (const { sessions } of this.#audiences.values()) yield* sessions
  }

  #some(backend: BackendId, is: (session: LvspSession) => boolean): boolean {
    for (const session of this.#sessionsOf(backend)) if (is(session)) return true
    return false
  }

  #sendAll<T extends LvspEvent>(backend: BackendId, type: T, data: LvspEventData<T>): void {
    for (const session of this.#sessionsOf(backend)) session.send(type, data)
  }

  /** The session and configuration of a backend, or of a front for it, that has authenticated. Undefined if it has too many fronts. */
  #enter(id: BackendId, front: string | undefined) {
    const backend = this.#backends.get(id)!
    const { dialect = 'spec', legacyAssign = false, requireHeartbeat = false, adoptsTokens = false } = backend
    const session = this.#session(id, front)
    return session && { session, agreement: { dialect, legacyAssign }, requireHeartbeat, adoptsTokens }
  }

  #session(backend: BackendId, front: string | undefined): LvspSession | undefined {
    const { crypto, node, effects, deadlines, memory } = this.#options
    const audience = this.#audiences.get(backend) ?? new Audience(node, (id, now) => this.#options.ready?.(id, now))
    this.#audiences.set(backend, audience)
    const known = audience.find(front)
    if (known !== undefined) return known
    if (front !== undefined && !audience.makeRoom()) return undefined
    const host = {
      node,
      effects,
      deadlines,
      memory: memory?.(backend),
      expired: (expired: LvspSession) => audience.remove(expired),
      connectionsChanged: (changed: LvspSession, now: number) => audience.settle(changed, now),
      isReceiver: (each: LvspSession) => audience.isReceiver(each),
    }
    const session = new LvspSession(backend, crypto.randomHex(16), host, front)
    audience.add(session)
    return session
  }

  /** A captured token of this kind is enough to act as the backend, so the operator has to permit it. */
  #sessionByDraftToken(token: string): LvspSession | undefined {
    let found: LvspSession | undefined
    for (const session of this.#allSessions())
      if (
        this.#permitsDraftResume(session.backend) &&
        session.draftToken !== undefined &&
        this.#options.crypto.equal(session.draftToken, token)
      )
        found = session
    return found
  }

  #permitsDraftResume(id: BackendId): boolean {
    const { dialect, draftResume = false } = this.#backends.get(id)!
    return dialect === 'litecord' && draftResume
  }

  #ended(connection: OwnedConnection): void {
    this.#connections.delete(connection.id)
    this.#unidentified.remove(connection)
  }
}

const userInChannel = ({ userId, channelId, guildId }: ChannelRef & { userId: string }) => ({
  user_id: userId,
  channel_id: channelId,
  guild_id: guildId,
})
