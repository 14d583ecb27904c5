// The LVSP client for Node.js: the connection of one chat backend to one node, with automatic reconnect and resume.
import { createHmac } from 'node:crypto'
import { type ChannelProperties, LvspInfo, type VoiceStateRestrictions, wireChannelProperties } from '@parley/protocol'
import { Connection, type ConnectionTls } from '../connection.ts'
import { type Deferred, deferred } from '../deferred.ts'
import { Listeners } from '../listeners.ts'
import { SessionLoop } from '../session-loop.ts'
import {
  type AssignedChannel,
  type ChannelEncryption,
  type ChannelPlacement,
  type ChannelRef,
  wireChannel,
} from './channel.ts'
import { LvspClosedError, LvspRequestError } from './lvsp-errors.ts'
import type {
  DrainingChannel,
  LvspAnswer,
  LvspOutput,
  MirroredChannel,
  MirroredVoiceState,
  NodeReady,
  NodeStats,
  ReceiverChange,
  RequestFailure,
  RequestId,
} from './lvsp-outputs.ts'
import { LvspClientSession, type LvspSessionOptions, type LvspSessionState } from './session.ts'
import { type SyncedChannel, syncParts } from './sync-parts.ts'
import type { VideoSource, VideoView } from './video.ts'
import {
  type GrantedVoiceState,
  type NewVoiceState,
  type UserRef,
  type VoiceStateConnected,
  type VoiceStateDisconnected,
  type VoiceStateSelector,
  type VoiceStateSpeaking,
  wireSelector,
  wireUser,
} from './voice-state.ts'

export interface LvspClientOptions extends LvspSessionOptions {
  /** URL at which the node serves LVSP, such as `wss://voice.example/lvsp`. */
  url: string | URL
  /** Secret shared with the node. It is never sent. */
  secret: string
  /** Verification of the node's certificate. Default: the system's certificate authorities. */
  tls?: ConnectionTls | undefined
  /** Allows `ws:` to other machines. Tokens then travel unencrypted. Default: false. */
  allowPlaintext?: boolean | undefined
}

/** The events of an LVSP client with their arguments. */
export interface LvspClientEvents {
  /** The node is ready, after each connect and reconnect. */
  connected: NodeReady
  /** The connection is lost. The client reconnects after `wait` milliseconds, as attempt `attempt` of this outage. */
  disconnected: { code: number; reason: string; wait: number; attempt: number }
  /** The session has ended and does not reconnect. */
  closed: { code: number; reason: string }
  /** Health of the node, 0 (worst) to 1 (best), with each heartbeat. */
  health: number
  /** Received without a request: state that the node sends again after a resume. */
  assigned: AssignedChannel
  granted: GrantedVoiceState
  /** The media of a user is established. */
  voiceStateConnected: VoiceStateConnected
  /** The voice connection of a user has ended; the voice state remains. */
  voiceStateDisconnected: VoiceStateDisconnected
  /** Speaking flags or video of a user changed. */
  speaking: VoiceStateSpeaking
  /** The end-to-end encryption of a channel changed: version, epoch or number of members. */
  encryption: ChannelEncryption
  /** What a viewer is sent of a source of video changed: its layer, or the reason for it. At most once a second for each. */
  videoView: VideoView
  /** A camera or screen of a user began, paused or ended, or has another number of viewers. */
  videoSource: VideoSource
  /** Another connection of this backend receives the answers and events of the node, or this one does again. */
  receiver: ReceiverChange
  /** To a front: a channel or voice state that it did not change itself; after each connect without a replay all of them. */
  mirroredChannel: MirroredChannel
  mirroredVoiceState: MirroredVoiceState
  /** The node is about to stop: move the users of the channel to another node. */
  draining: DrainingChannel
  /** The node refused a command that has no answer, or sent an undecodable message. Not thrown without a listener. */
  error: Error
}

interface Waiting {
  resolve(answer: LvspAnswer): void
  reject(error: Error): void
}

/**
 * The connection of one chat backend to one node. Reconnects and resumes by itself; requests made while the connection is lost
 * are sent after the reconnect.
 *
 * @example
 * ```ts
 * import { LvspClient } from '@parley/client'
 *
 * const node = new LvspClient({ url: 'wss://voice.example.org:8443/lvsp', secret: process.env.LVSP_SECRET ?? '' })
 * node.on('voiceStateDisconnected', ({ userId, code }) => console.log(`${userId} left (${code})`))
 * await node.connect()
 *
 * const channel = { guildId: '100', channelId: '500' }
 * const { endpoint } = await node.requestChannel(channel, { bitrate: 64_000 })
 * const { sessionId, token } = await node.createVoiceState({ ...channel, userId: '7' })
 * // Send these to user 7: sessionId in a voice state update, endpoint and token in a voice server update.
 * console.log(endpoint, sessionId, token)
 * ```
 */
export class LvspClient {
  readonly #url: URL
  readonly #options: LvspClientOptions
  readonly #session: LvspClientSession
  readonly #loop: SessionLoop<LvspOutput>
  readonly #events = new Listeners<LvspClientEvents>()
  readonly #waiting = new Map<RequestId, Waiting>()
  #connecting: Deferred | undefined
  #connection: Connection | undefined
  /** The latest connection, which may be closing. */
  #latest: Connection | undefined
  #health: number | undefined

  /** Throws a RangeError for an invalid URL, an empty secret, and `ws:` to another machine without `allowPlaintext`. */
  constructor(options: LvspClientOptions) {
    this.#url = nodeUrl(options)
    // JavaScript passes undefined for an environment variable that is not set.
    if (!options.secret) throw new RangeError('expected a secret that is not empty')
    this.#options = options
    this.#session = new LvspClientSession(options)
    this.#loop = new SessionLoop(this.#session, output => this.#apply(output))
  }

  /** Adds a listener. */
  on<E extends keyof LvspClientEvents>(event: E, listener: (event: LvspClientEvents[E]) => void): this {
    this.#events.on(event, listener)
    return this
  }
  /** Adds a listener for the next event only. */
  once<E extends keyof LvspClientEvents>(event: E, listener: (event: LvspClientEvents[E]) => void): this {
    this.#events.once(event, listener)
    return this
  }
  /** Removes a listener. */
  off<E extends keyof LvspClientEvents>(event: E, listener: (event: LvspClientEvents[E]) => void): this {
    this.#events.off(event, listener)
    return this
  }

  /** State of the session: `live` once the node is ready, `waiting` before a reconnect, `closed` at the end. */
  get state(): LvspSessionState {
    return this.#session.state
  }
  /** Health in the node's latest message, 0 (worst) to 1 (best); undefined before the node was first ready. */
  get health(): number | undefined {
    return this.#health
  }
  /** Capabilities agreed on with the node. */
  get capabilities(): LvspClientSession['capabilities'] {
    return this.#session.capabilities
  }

  /** Connects. Resolves when the node is ready, after any number of attempts. Rejects with LvspClosedError once the session has ended. */
  connect(): Promise<void> {
    const { end } = this.#session
    if (end !== undefined) return Promise.reject(new LvspClosedError(end.code, end.reason))
    this.#connecting ??= deferred()
    this.#loop.feed(now => this.#session.start(now))
    return this.#connecting.promise
  }

  /**
   * Creates a channel on the node, or finds it (CHANNEL_REQ). Like every request it may be made before the node is ready, and
   * it is sent again after a reconnect. Rejects with LvspRequestError if an id is invalid, the node refuses, or no answer
   * arrives within `requestTimeout`.
   */
  requestChannel(
    channel: ChannelRef,
    properties?: ChannelProperties,
    { epoch }: ChannelPlacement = {},
  ): Promise<AssignedChannel> {
    const channel_properties = properties && wireChannelProperties(properties)
    return this.#request(now =>
      this.#session.request(LvspInfo.ChannelRequest, { ...wireChannel(channel), channel_properties, epoch }, now),
    ) as Promise<AssignedChannel>
  }

  /** Creates a voice state (VOICE_STATE_CREATE). The result holds what the user needs to connect. Errors as in `requestChannel`. */
  createVoiceState(
    user: UserRef,
    { sessionId, token, ...restrictions }: NewVoiceState = {},
  ): Promise<GrantedVoiceState> {
    const data = { ...wireUser(user), session_id: sessionId, token, ...restrictions }
    return this.#request(now =>
      this.#session.request(LvspInfo.VoiceStateCreate, data, now),
    ) as Promise<GrantedVoiceState>
  }

  /** Replaces the token of a voice state; the user stays connected (TOKEN_REFRESH). Errors as in `requestChannel`. */
  refreshToken(user: UserRef): Promise<GrantedVoiceState> {
    return this.#request(now =>
      this.#session.request(LvspInfo.TokenRefresh, wireUser(user), now),
    ) as Promise<GrantedVoiceState>
  }

  /** Requests the load of the node (STATS). Errors as in `requestChannel`. */
  stats(): Promise<NodeStats> {
    return this.#request(now => this.#session.request(LvspInfo.Stats, {}, now)) as Promise<NodeStats>
  }

  /** Ends a voice state; its user is disconnected. Send the user's voice state update on the main gateway first. */
  destroyVoiceState(which: VoiceStateSelector): void {
    this.#command(() => this.#session.command(LvspInfo.VoiceStateDestroy, wireSelector(which)))
  }

  /** Changes the restrictions of a voice state. */
  updateVoiceState(which: VoiceStateSelector, restrictions: VoiceStateRestrictions): void {
    this.#command(() => this.#session.command(LvspInfo.VoiceStateUpdate, { ...wireSelector(which), ...restrictions }))
  }

  /** Ends a channel; its users are disconnected. */
  destroyChannel(channel: ChannelRef, { epoch }: ChannelPlacement = {}): void {
    this.#command(() => this.#session.command(LvspInfo.ChannelDestroy, { ...wireChannel(channel), epoch }))
  }

  /** Changes properties of a channel. */
  updateChannel(channel: ChannelRef, properties: ChannelProperties): void {
    const data = { ...wireChannel(channel), channel_properties: wireChannelProperties(properties) }
    this.#command(() => this.#session.command(LvspInfo.ChannelUpdate, data))
  }

  /**
   * Ends all channels and voice states of this backend on the node that are not listed (SYNC). With `grace` in seconds (0 to 3,600) it
   * ends those that were neither listed nor created again by then: for a backend that has just restarted.
   */
  sync(channels: readonly SyncedChannel[], { grace }: { grace?: number | undefined } = {}): void {
    this.#command(() => this.#session.command(LvspInfo.Sync, ...syncParts(channels, grace)))
  }

  /** For a front: whether the backend has a connection to it, and agreed to video there; `fresh` as of the message (FRONT_BACKEND). */
  setBackend(backend: { connected: boolean; video?: boolean; fresh?: boolean }): void {
    this.#command(() => this.#session.command(LvspInfo.FrontBackend, backend))
  }

  /** Ends the session. Channels and voice states remain on the node. Resolves when the socket is closed. */
  async close(): Promise<void> {
    this.#session.close()
    this.#loop.pump()
    await this.#latest?.done
  }

  /** For tests: destroys the TCP connection without a close frame, like a network failure. */
  dropConnection(): void {
    this.#connection?.cut()
  }

  #request(make: (now: number) => RequestId): Promise<LvspAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(make(performance.now()), { resolve, reject })
      this.#loop.pump()
    })
  }

  #command(make: () => void): void {
    make()
    this.#loop.pump()
  }

  #apply(output: LvspOutput): void {
    switch (output.kind) {
      case 'connect':
        return this.#openConnection()
      case 'sign':
        return this.#session.signed(createHmac('sha256', this.#options.secret).update(output.nonce).digest('hex'))
      case 'send':
        return this.#connection?.send(output.data)
      case 'close':
        this.#connection?.close(output.code, output.reason)
        this.#connection = undefined
        return
      case 'connected':
        this.#health = output.ready.health
        this.#connecting?.resolve()
        return this.#events.emit('connected', output.ready)
      case 'disconnected':
        return this.#disconnected(output)
      case 'closed':
        return this.#end(output.code, output.reason)
      case 'health':
        this.#health = output.health
        return this.#events.emit('health', output.health)
      case 'answered':
        return this.#takeWaiting(output.request)?.resolve(output.answer)
      case 'failed':
        return this.#takeWaiting(output.request)?.reject(new LvspRequestError(output.failure))
      case 'assigned':
        return this.#events.emit('assigned', output.channel)
      case 'granted':
        return this.#events.emit('granted', output.voiceState)
      case 'voiceStateConnected':
        return this.#events.emit('voiceStateConnected', output.event)
      case 'voiceStateDisconnected':
        return this.#events.emit('voiceStateDisconnected', output.event)
      case 'speaking':
        return this.#events.emit('speaking', output.event)
      case 'encryption':
        return this.#events.emit('encryption', output.event)
      case 'videoView':
        return this.#events.emit('videoView', output.event)
      case 'videoSource':
        return this.#events.emit('videoSource', output.event)
      case 'draining':
        return this.#events.emit('draining', output.event)
      case 'mirroredChannel':
        return this.#events.emit('mirroredChannel', output.item)
      case 'mirroredVoiceState':
        return this.#events.emit('mirroredVoiceState', output.item)
      case 'receiver':
        return this.#events.emit('receiver', output.event)
      case 'refused':
        return this.#events.emit('error', refusedError(output.type, output.failure))
      case 'undecodable':
        return this.#events.emit('error', new Error(output.reason))
    }
  }

  #openConnection(): void {
    const connection = new Connection(this.#url, this.#options.tls, {
      opened: () => this.#loop.feed(now => this.#session.connectionOpened(now)),
      received: data => this.#loop.feed(now => this.#session.messageReceived(data, now)),
      closed: (code, reason) => this.#loop.feed(now => this.#session.connectionClosed(code, reason, now)),
    })
    this.#connection = this.#latest = connection
  }

  #disconnected({ code, reason, wait, attempt }: LvspClientEvents['disconnected']): void {
    this.#events.emit('disconnected', { code, reason, wait, attempt })
  }

  #takeWaiting(request: RequestId): Waiting | undefined {
    const waiting = this.#waiting.get(request)
    this.#waiting.delete(request)
    return waiting
  }

  #end(code: number, reason: string): void {
    this.#connection = undefined
    this.#connecting?.reject(new LvspClosedError(code, reason))
    this.#events.emit('closed', { code, reason })
  }
}

const refusedError = (type: number, failure: RequestFailure) =>
  new LvspRequestError({ ...failure, message: `info type ${type}: ${failure.message}` })

const LOOPBACK = /^(localhost|\[::1\]|127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/

function nodeUrl({ url: text, allowPlaintext = false }: LvspClientOptions): URL {
  const url = URL.canParse(String(text)) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'ws:' && url.protocol !== 'wss:'))
    throw new RangeError('expected a ws: or wss: URL')
  if (url.hash !== '') throw new RangeError('expected a URL without a fragment')
  if (url.protocol === 'ws:' && !allowPlaintext && !LOOPBACK.test(url.hostname))
    throw new RangeError(`ws: would send tokens to ${url.hostname} unencrypted; use wss:, or set allowPlaintext`)
  return url
}
