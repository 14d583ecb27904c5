// An LVSP client for Node.js: one chat backend's line to one node. Comes back by itself when the connection is lost.
import { createHmac } from 'node:crypto'
import { LvspInfo } from '@parley/protocol'
import { Connection, type ConnectionTls } from '../connection.ts'
import { type Deferred, deferred } from '../deferred.ts'
import { Listeners } from '../listeners.ts'
import { SessionLoop } from '../session-loop.ts'
import { LvspClosedError, LvspRequestError } from './lvsp-errors.ts'
import type {
  AssignedChannel,
  ChannelEncryption,
  ChannelRef,
  GrantedVoiceState,
  LvspAnswer,
  LvspOutput,
  NodeReady,
  NodeStats,
  RequestFailure,
  RequestId,
  UserRef,
  VoiceStateConnected,
  VoiceStateDisconnected,
  VoiceStateSpeaking,
} from './outputs.ts'
import { LvspClientSession, type LvspSessionOptions } from './session.ts'
import { type SyncedChannel, syncParts } from './sync-parts.ts'
import {
  type ChannelProperties,
  type NewVoiceState,
  type VoiceStateRestrictions,
  type VoiceStateSelector,
  wireChannel,
  wireProperties,
  wireSelector,
  wireUser,
} from './wire.ts'

export interface LvspClientOptions extends LvspSessionOptions {
  /** Where the node serves LVSP, such as `wss://voice.example/lvsp`. */
  url: string | URL
  /** Shared with the node. Never sent. */
  secret: string
  /** How to check the node's certificate. */
  tls?: ConnectionTls | undefined
  /** Whether `ws:` may be dialled beyond this machine: tokens then travel in the clear. */
  allowPlaintext?: boolean | undefined
}

/** Events and what their listeners are given. */
export interface LvspClientEvents {
  connected: NodeReady
  /** A connection is lost; the client comes back by itself after `wait` milliseconds. */
  disconnected: { code: number; reason: string; wait: number }
  /** The session is over for good. */
  closed: { code: number; reason: string }
  /** 0 (worst) to 1 (best). */
  health: number
  /** Told without having been asked for: state after a resume. */
  assigned: AssignedChannel
  granted: GrantedVoiceState
  voiceStateConnected: VoiceStateConnected
  voiceStateDisconnected: VoiceStateDisconnected
  speaking: VoiceStateSpeaking
  /** A channel's end-to-end encryption changed: version, epoch or members. */
  encryption: ChannelEncryption
  /** The node refused a command that has no answer, or said what cannot be read. Not thrown if nobody listens. */
  error: Error
}

interface Waiting {
  resolve(answer: LvspAnswer): void
  reject(error: Error): void
}

export class LvspClient {
  readonly #url: URL
  readonly #options: LvspClientOptions
  readonly #session: LvspClientSession
  readonly #loop: SessionLoop<LvspOutput>
  readonly #events = new Listeners<LvspClientEvents>()
  readonly #waiting = new Map<RequestId, Waiting>()
  #connecting: Deferred | undefined
  #connection: Connection | undefined
  #health: number | undefined

  /** Throws a RangeError for a URL that is none, an empty secret, and plain text to another machine. */
  constructor(options: LvspClientOptions) {
    this.#url = nodeUrl(options)
    if (options.secret === '') throw new RangeError('expected a secret that is not empty')
    this.#options = options
    this.#session = new LvspClientSession(options)
    this.#loop = new SessionLoop(this.#session, output => this.#apply(output))
  }

  on<E extends keyof LvspClientEvents>(event: E, listener: (event: LvspClientEvents[E]) => void): this {
    this.#events.on(event, listener)
    return this
  }
  once<E extends keyof LvspClientEvents>(event: E, listener: (event: LvspClientEvents[E]) => void): this {
    this.#events.once(event, listener)
    return this
  }
  off<E extends keyof LvspClientEvents>(event: E, listener: (event: LvspClientEvents[E]) => void): this {
    this.#events.off(event, listener)
    return this
  }

  get state(): LvspClientSession['state'] {
    return this.#session.state
  }
  /** As last heard: 0 (worst) to 1 (best); undefined before the node was first ready. */
  get health(): number | undefined {
    return this.#health
  }
  get capabilities(): LvspClientSession['capabilities'] {
    return this.#session.capabilities
  }

  /** Resolves when the node is ready, however long that takes; rejects with LvspClosedError if it never will be. */
  connect(): Promise<void> {
    this.#connecting ??= deferred()
    this.#loop.feed(now => this.#session.start(now))
    return this.#connecting.promise
  }

  /**
   * Makes a channel on the node, or finds it. Like all requests it may be made before the node is ready, and is made again
   * after a lost connection; it rejects with LvspRequestError if it is refused or not answered in time.
   */
  requestChannel(channel: ChannelRef, properties?: ChannelProperties): Promise<AssignedChannel> {
    const channel_properties = properties && wireProperties(properties)
    return this.#ask(now =>
      this.#session.request(LvspInfo.ChannelRequest, { ...wireChannel(channel), channel_properties }, now),
    ) as Promise<AssignedChannel>
  }

  /** Lets a user into a channel; what resolves is what the user needs to connect. */
  createVoiceState(user: UserRef, { sessionId, ...restrictions }: NewVoiceState = {}): Promise<GrantedVoiceState> {
    const data = { ...wireUser(user), session_id: sessionId, ...restrictions }
    return this.#ask(now => this.#session.request(LvspInfo.VoiceStateCreate, data, now)) as Promise<GrantedVoiceState>
  }

  /** Replaces the token of a voice state; the user stays connected. */
  refreshToken(user: UserRef): Promise<GrantedVoiceState> {
    return this.#ask(now =>
      this.#session.request(LvspInfo.TokenRefresh, wireUser(user), now),
    ) as Promise<GrantedVoiceState>
  }

  stats(): Promise<NodeStats> {
    return this.#ask(now => this.#session.request(LvspInfo.Stats, {}, now)) as Promise<NodeStats>
  }

  /** Ends a voice state; its user is disconnected. Tell the user on the main gateway first. */
  destroyVoiceState(which: VoiceStateSelector): void {
    this.#tell(() => this.#session.command(LvspInfo.VoiceStateDestroy, wireSelector(which)))
  }

  updateVoiceState(which: VoiceStateSelector, restrictions: VoiceStateRestrictions): void {
    this.#tell(() => this.#session.command(LvspInfo.VoiceStateUpdate, { ...wireSelector(which), ...restrictions }))
  }

  /** Ends a channel; its users are disconnected. */
  destroyChannel(channel: ChannelRef): void {
    this.#tell(() => this.#session.command(LvspInfo.ChannelDestroy, wireChannel(channel)))
  }

  updateChannel(channel: ChannelRef, properties: ChannelProperties): void {
    const data = { ...wireChannel(channel), channel_properties: wireProperties(properties) }
    this.#tell(() => this.#session.command(LvspInfo.ChannelUpdate, data))
  }

  /** Ends everything of this backend on the node that is not listed. */
  sync(channels: readonly SyncedChannel[]): void {
    this.#tell(() => this.#session.command(LvspInfo.Sync, ...syncParts(channels)))
  }

  /** Ends the session; what the backend has on the node stays there. Resolves when socket and timers are gone. */
  async close(): Promise<void> {
    const connection = this.#connection
    this.#session.close()
    this.#loop.pump()
    await connection?.done
  }

  /** For tests: cuts the TCP connection without a word, as a lost network does. */
  dropConnection(): void {
    this.#connection?.cut()
  }

  #ask(make: (now: number) => RequestId): Promise<LvspAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(make(performance.now()), { resolve, reject })
      this.#loop.pump()
    })
  }

  #tell(make: () => void): void {
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
        return this.#events.emit('disconnected', { code: output.code, reason: output.reason, wait: output.wait })
      case 'closed':
        return this.#end(output.code, output.reason)
      case 'health':
        this.#health = output.health
        return this.#events.emit('health', output.health)
      case 'answered':
        return this.#settled(output.request)?.resolve(output.answer)
      case 'failed':
        return this.#settled(output.request)?.reject(new LvspRequestError(output.failure))
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
      case 'refused':
        return this.#events.emit('error', refusedError(output.type, output.failure))
      case 'undecodable':
        return this.#events.emit('error', new Error(output.reason))
    }
  }

  #openConnection(): void {
    this.#connection = new Connection(this.#url, this.#options.tls, {
      opened: () => this.#loop.feed(now => this.#session.connectionOpened(now)),
      received: data => this.#loop.feed(now => this.#session.messageReceived(data, now)),
      closed: (code, reason) => this.#loop.feed(now => this.#session.connectionClosed(code, reason, now)),
    })
  }

  #settled(request: RequestId): Waiting | undefined {
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
  if (url.protocol === 'ws:' && !allowPlaintext && !LOOPBACK.test(url.hostname))
    throw new RangeError(`ws: would send tokens to ${url.hostname} in the clear; use wss:, or set allowPlaintext`)
  return url
}
