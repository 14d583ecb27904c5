// LVSP on the node: the connections and sessions of chat backends.
// One `LvspConnection` per WebSocket, one `LvspSession` per backend, which outlives its connections. `VoiceNode`
// forwards messages and time to the connections; events about calls enter here and leave through the backend's session.
import {
  LvspCapability,
  type LvspCommand,
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
import { LvspConnection, type LvspConnectionInspection, type LvspOrigin, type LvspOwner } from './connection.ts'
import type { Dialect } from './dialect.ts'
import { FailingAddresses } from './failing-addresses.ts'
import { type BackendSecrets, canonicalToken, Keyring } from './keyring.ts'
import type {
  ChannelEncryption,
  ChannelGrant,
  DrainingChannel,
  NodeControl,
  Refusal,
  VoiceStateGrant,
} from './node-control.ts'
import { type CommandIds, LvspSession, type LvspSessionInspection } from './session.ts'
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
  /** A connection of the backend is ready, and has not received replayed messages. */
  ready?: (backend: BackendId, now: number) => void
}

/** A capability that no backend may use, or that the node does not have, is not offered. */
function capabilitiesFor({ backends, reportsVideo = false }: LvspOptions): readonly LvspCapability[] {
  const absent = new Set<LvspCapability>()
  if (!backends.some(({ adoptsTokens }) => adoptsTokens === true)) absent.add(LvspCapability.AdoptToken)
  if (!reportsVideo) absent.add(LvspCapability.Video)
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
  /** Sessions with a connection, or within their resume window. At most one per backend. */
  readonly #sessions = new Map<BackendId, LvspSession>()
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
      enter: backend => this.#enter(backend),
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
    this.#sessions.get(backend)?.send(LvspInfo.VoiceStateConnected, {
      ...userInChannel(event),
      session_id: event.sessionId,
      protocol: event.protocol,
    })
  }

  /** `code` is the close code of the user's voice connection. */
  voiceStateDisconnected(backend: BackendId, event: VoiceStateEvent & { code: number; resumable: boolean }): void {
    this.#sessions.get(backend)?.send(LvspInfo.VoiceStateDisconnected, {
      ...userInChannel(event),
      session_id: event.sessionId,
      protocol: event.protocol,
      code: event.code,
      resumable: event.resumable,
    })
  }

  /** `speaking` holds the speaking flags. */
  speaking(backend: BackendId, event: SpeakingEvent): void {
    this.#sessions.get(backend)?.send(LvspInfo.VoiceStateSpeaking, {
      ...userInChannel(event),
      speaking: event.speaking,
      video: event.video,
    })
  }

  isConnected(backend: BackendId): boolean {
    return this.#sessions.get(backend)?.isConnected === true
  }

  /** Whether the backend has agreed to receive the next two. */
  receivesVideo(backend: BackendId): boolean {
    return this.#sessions.get(backend)?.hasAgreed(LvspInfo.VideoView) === true
  }

  /** What a viewer is sent of a source changed. */
  videoView(backend: BackendId, { senderId, kind, ...event }: VideoViewEvent): void {
    const { layers, wanted, target, current, temporal, reason, bitrate, estimate } = event
    const view = { layers, wanted, target, current, temporal, reason, bitrate, estimate }
    this.#sessions
      .get(backend)
      ?.send(LvspInfo.VideoView, { ...userInChannel(event), sender_id: senderId, kind, ...view })
  }

  /** A source of video began, paused or ended, or has another number of viewers. */
  videoSource(backend: BackendId, { kind, state, viewers, ...event }: VideoSourceEvent): void {
    this.#sessions.get(backend)?.send(LvspInfo.VideoSource, { ...userInChannel(event), kind, state, viewers })
  }

  /** The node is about to stop, and the channel has users. */
  channelDraining(backend: BackendId, channel: DrainingChannel): void {
    this.#sessions.get(backend)?.sendDraining(channel)
  }

  /** The state of a channel's end-to-end encryption changed. */
  channelDave(backend: BackendId, channel: ChannelEncryption): void {
    this.#sessions.get(backend)?.sendDave(channel)
  }

  /** Sends a grant that a command did not return at once, or that was not asked for: the channel or user has moved. */
  channelAssigned(backend: BackendId, grant: ChannelGrant): void {
    this.#sessions.get(backend)?.sendAssign(grant)
  }

  /** The same for a voice state. */
  voiceStateGranted(backend: BackendId, grant: VoiceStateGrant): void {
    this.#sessions.get(backend)?.sendDone(grant)
  }

  /** Refuses a command that was answered with a grant without a value. `type` is its info type. */
  commandRefused(backend: BackendId, type: LvspCommand, ids: CommandIds, refusal: Refusal): void {
    this.#sessions.get(backend)?.sendFailure(type, ids, refusal)
  }

  inspect(): LvspInspection {
    return {
      connections: [...this.#connections.values()].map(connection => connection.inspect()),
      sessions: [...this.#sessions.values()].map(session => session.inspect()),
      failingAddresses: this.#failing.size,
    }
  }

  /** The session and configuration of a backend that has authenticated. */
  #enter(id: BackendId) {
    const backend = this.#backends.get(id)!
    const { dialect = 'spec', legacyAssign = false, requireHeartbeat = false, adoptsTokens = false } = backend
    return { session: this.#session(id), agreement: { dialect, legacyAssign }, requireHeartbeat, adoptsTokens }
  }

  #session(backend: BackendId): LvspSession {
    const known = this.#sessions.get(backend)
    if (known !== undefined) return known
    const { crypto, node, effects, deadlines } = this.#options
    const expired = () => this.#sessions.delete(backend)
    const session = new LvspSession(backend, crypto.randomHex(16), { node, effects, deadlines, expired })
    this.#sessions.set(backend, session)
    return session
  }

  /** A captured token of this kind is enough to act as the backend, so the operator has to permit it. */
  #sessionByDraftToken(token: string): LvspSession | undefined {
    let found: LvspSession | undefined
    for (const session of this.#sessions.values())
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

  #ended(connection: LvspConnection): void {
    this.#connections.delete(connection.id)
    this.#unidentified.remove(connection)
  }
}

const userInChannel = ({ userId, channelId, guildId }: ChannelRef & { userId: string }) => ({
  user_id: userId,
  channel_id: channelId,
  guild_id: guildId,
})
