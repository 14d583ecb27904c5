// A backend's LVSP session without sockets, clock or secret: messages in, messages and events out, time as an argument.
import {
  LvspCapability,
  LvspClose,
  type LvspCommand,
  type LvspHello,
  type LvspIdentify,
  LvspOp,
  type LvspReady,
  type LvspResume,
} from '@parley/protocol'
import { Backoff } from '../backoff.ts'
import { LIMITS } from '../limits.ts'
import { Commands, type LvspCommandInput } from './commands.ts'
import { decodeNodeMessage, type Info, type NodeMessage } from './lvsp-messages.ts'
import type { LvspOutput, RequestId } from './lvsp-outputs.ts'

export interface LvspSessionOptions {
  /** Extensions of the specification to agree on with the node. Default: all that the node offers. */
  capabilities?: readonly LvspCapability[] | undefined
  /** Id of this process as a front of a cluster: it is sent what others change on the node. Backends have none. */
  front?: string | undefined
  /** The longest delay before a reconnect, in milliseconds. Default: 30,000; 2,000 suits nodes in the same network. */
  maxReconnectDelay?: number | undefined
  /** Milliseconds until a request without an answer fails. Default: 10 000. */
  requestTimeout?: number | undefined
  /** Random number in [0, 1) that spreads reconnects over time. Default: `Math.random`. */
  random?: (() => number) | undefined
}

/** `connecting`: the WebSocket opens. `entering`: waits for READY. `live`: the node is ready. `waiting`: before a reconnect. */
export type LvspSessionState = 'idle' | 'connecting' | 'entering' | 'live' | 'waiting' | 'closed'

type State =
  | { kind: 'idle' }
  | { kind: 'connecting'; by: number }
  /** The WebSocket is open. Waits for HELLO, then for the signature, then for READY. */
  | { kind: 'entering'; by: number; hello?: LvspHello; isTokenSent: boolean }
  | { kind: 'live'; interval: number; heartbeatAt: number; isAnswered: boolean }
  | { kind: 'waiting'; until: number }
  | { kind: 'closed'; code: number; reason: string }

/** Close code for the end of a session: normal closure (RFC 6455 §7.4.1). */
const DONE = 1000
const WRONG_SECRET = 'the node does not accept the secret'

/**
 * The client side of LVSP as a state machine. Feed it the events of a WebSocket, apply `takeOutputs` after every input, and
 * call `tick` at `deadline`. `now` is milliseconds of a monotonic clock. Reconnects and resumes without limit.
 */
export class LvspClientSession {
  readonly #wanted: readonly LvspCapability[]
  readonly #front: string | undefined
  readonly #backoff: Backoff
  readonly #commands: Commands
  #outputs: LvspOutput[] = []
  #state: State = { kind: 'idle' }
  #server: LvspHello['server']
  #capabilities: readonly LvspCapability[] = []
  /** Whether the node has been ready before: then RESUME instead of IDENTIFY. */
  #wasReady = false
  /** `session` of the latest READY: sent in RESUME, and compared to tell a continued session from a new one. */
  #session: string | undefined
  /** `s` of the newest INFO received; undefined before the first, and on nodes that do not number. */
  #seq: number | undefined

  constructor(options: LvspSessionOptions = {}) {
    this.#wanted = options.capabilities ?? Object.values(LvspCapability)
    this.#front = options.front
    this.#commands = new Commands(options.requestTimeout ?? LIMITS.requestTimeout, output => this.#outputs.push(output))
    this.#backoff = new Backoff(options.random ?? Math.random, options.maxReconnectDelay)
  }

  get state(): LvspSessionState {
    return this.#state.kind
  }
  /** Close code and reason of the session; undefined before its end. */
  get end(): { readonly code: number; readonly reason: string } | undefined {
    return this.#state.kind === 'closed' ? this.#state : undefined
  }
  /** `s` of the newest INFO received; undefined before the first, and on nodes that do not number. */
  get seq(): number | undefined {
    return this.#seq
  }
  /** Capabilities agreed on in the latest READY. */
  get capabilities(): readonly LvspCapability[] {
    return this.#capabilities
  }
  /** Number of commands that the node may not have executed yet. */
  get unsettled(): number {
    return this.#commands.size
  }

  /** When to call `tick`; `Infinity` if never. */
  get deadline(): number {
    return Math.min(stateDeadline(this.#state), this.#commands.deadline)
  }

  /** All outputs since the last call. */
  takeOutputs(): LvspOutput[] {
    const taken = this.#outputs
    this.#outputs = []
    return taken
  }

  /** Connects. No effect after the first call. */
  start(now: number): void {
    if (this.#state.kind === 'idle') this.#connect(now)
  }

  /** The WebSocket opened. */
  connectionOpened(now: number): void {
    if (this.#state.kind === 'connecting')
      this.#state = { kind: 'entering', by: now + LIMITS.stepTimeout, isTokenSent: false }
  }

  /** A message arrived. Binary messages are undecodable: LVSP has none. */
  messageReceived(data: string | Uint8Array, now: number): void {
    if (!this.#isOpen) return
    const message = typeof data === 'string' ? decodeNodeMessage(data) : undefined
    if (message === undefined) {
      this.#outputs.push({
        kind: 'undecodable',
        reason: 'a message does not have the shape of its opcode or info type',
      })
      return
    }
    this.#dispatch(message, now)
  }

  /**
   * Answers the output `sign` of the current connection with the HMAC of the nonce, and sends IDENTIFY, or RESUME if
   * the node has been ready before. Ignored if the connection has changed since.
   */
  signed(token: string): void {
    const state = this.#state
    if (state.kind !== 'entering' || state.hello === undefined || state.isTokenSent) return
    state.isTokenSent = true
    const offered = state.hello.capabilities
    const identify: LvspIdentify = {
      token,
      capabilities: offered && this.#wanted.filter(name => offered.includes(name)),
      front: this.#front,
    }
    const resume: LvspResume = { ...identify, seq: this.#seq, session: this.#session }
    if (this.#wasReady) this.#send({ op: LvspOp.Resume, d: resume })
    else this.#send({ op: LvspOp.Identify, d: identify })
  }

  /**
   * The WebSocket closed, or could not be opened (code 1006 and the reason). Reconnects, except where the node refused
   * the token: another attempt with the same secret cannot succeed.
   */
  connectionClosed(code: number, reason: string, now: number): void {
    const state = this.#state
    if (state.kind === 'idle' || state.kind === 'waiting' || state.kind === 'closed') return
    const isRefused = code === LvspClose.AuthenticationFailed && state.kind === 'entering' && state.isTokenSent
    if (isRefused) return this.#end(code, `${WRONG_SECRET} (${reason})`)
    this.#commands.disconnected()
    const wait = this.#backoff.next(now)
    this.#state = { kind: 'waiting', until: now + wait }
    this.#outputs.push({ kind: 'disconnected', code, reason, wait, attempt: this.#backoff.attempts })
  }

  /**
   * Handles whatever is due: a reconnect, a step that took too long, a heartbeat, expired requests. Calls before
   * `deadline` have no effect.
   */
  tick(now: number): void {
    this.#commands.expire(now)
    const state = this.#state
    if (now < stateDeadline(state)) return
    switch (state.kind) {
      case 'idle':
      case 'closed':
        return
      case 'waiting':
        return this.#connect(now)
      case 'connecting':
        return this.fail('the connection did not open in time', now)
      case 'entering':
        return this.fail('the node did not become ready in time', now)
      case 'live':
        return this.#beat(state, now)
    }
  }

  /**
   * Sends a request; the output `answered` or `failed` follows, the latter at once if the data is invalid. Without a connection
   * it is sent once there is one. It is sent again after a reconnect: every request is idempotent.
   */
  request<T extends LvspCommand>(type: T, data: LvspCommandInput<T>, now: number): RequestId {
    return this.#commands.request(type, data, now)
  }

  /** Sends a command that has no answer, and again after a reconnect. The parts of a SYNC act together. */
  command<T extends LvspCommand>(type: T, ...parts: LvspCommandInput<T>[]): void {
    this.#commands.command(type, parts)
  }

  /** Closes a connection that the host found unusable, and reconnects. */
  fail(reason: string, now: number): void {
    if (this.#isOpen || this.#state.kind === 'connecting')
      this.#outputs.push({ kind: 'close', code: LvspClose.GeneralError, reason })
    this.connectionClosed(LvspClose.GeneralError, reason, now)
  }

  /** Ends the session. Channels and voice states remain on the node. */
  close(reason = 'closed'): void {
    if (this.#state.kind === 'closed') return
    if (this.#isOpen || this.#state.kind === 'connecting') this.#outputs.push({ kind: 'close', code: DONE, reason })
    this.#end(DONE, reason)
  }

  get #isOpen(): boolean {
    return this.#state.kind === 'entering' || this.#state.kind === 'live'
  }

  #connect(now: number): void {
    this.#state = { kind: 'connecting', by: now + LIMITS.stepTimeout }
    this.#outputs.push({ kind: 'connect' })
  }

  #dispatch(message: NodeMessage, now: number): void {
    switch (message.op) {
      case LvspOp.Hello:
        return this.#hello(message.hello)
      case LvspOp.Ready:
        return this.#ready(message.ready, now)
      case LvspOp.HeartbeatAck:
        return this.#acknowledged(message.health)
      case LvspOp.Info:
        return this.#info(message.info, message.seq)
      case 'unknown':
        return
    }
  }

  #hello(hello: LvspHello): void {
    if (this.#state.kind !== 'entering' || this.#state.hello !== undefined) return
    this.#state.hello = hello
    this.#server = hello.server
    this.#outputs.push({ kind: 'sign', nonce: hello.nonce })
  }

  #ready(ready: LvspReady, now: number): void {
    if (this.#state.kind !== 'entering' || !this.#state.isTokenSent) return
    const interval = this.#state.hello!.heartbeat_interval
    const isSameSession = this.#session !== undefined && ready.session === this.#session
    this.#backoff.established(now)
    this.#state = { kind: 'live', interval, heartbeatAt: now + interval, isAnswered: true }
    this.#wasReady = true
    this.#session = ready.session
    this.#seq = ready.seq ?? (isSameSession ? this.#seq : undefined)
    this.#capabilities = this.#wanted.filter(name => ready.capabilities?.includes(name))
    this.#outputs.push({
      kind: 'connected',
      ready: {
        health: ready.health,
        resumed: ready.resumed,
        isSameSession,
        capabilities: this.#capabilities,
        server: this.#server,
      },
    })
    this.#commands.connected(this.#capabilities)
  }

  /** Sends a heartbeat. The previous one must have been answered, otherwise the connection is dead. */
  #beat(state: Extract<State, { kind: 'live' }>, now: number): void {
    if (!state.isAnswered) return this.fail('the node did not answer a heartbeat', now)
    state.heartbeatAt = now + state.interval
    state.isAnswered = false
    this.#commands.heartbeatSent()
    this.#send({ op: LvspOp.Heartbeat, d: {} })
  }

  #acknowledged(health: number): void {
    if (this.#state.kind !== 'live') return
    this.#state.isAnswered = true
    this.#commands.heartbeatAcknowledged()
    this.#outputs.push({ kind: 'health', health })
  }

  /**
   * Before READY an INFO is either a replay or resent state. Which of the two is not known yet, so it answers no request;
   * pending requests are sent again. Its number counts only if it continues the known ones: those of another session do not.
   */
  #info(info: Info | undefined, seq: number | undefined): void {
    const isLive = this.#state.kind === 'live'
    if (isLive && seq !== undefined && this.#seq !== undefined && seq <= this.#seq) return
    if (isLive || seq === (this.#seq ?? 0) + 1) this.#seq = seq ?? this.#seq
    if (info !== undefined) this.#commands.received(info)
  }

  #send(message: { op: LvspOp; d: object }): void {
    this.#outputs.push({ kind: 'send', data: JSON.stringify(message) })
  }

  /** The session is over: commands that wait are refused, and `closed` is the last output. */
  #end(code: number, reason: string): void {
    this.#state = { kind: 'closed', code, reason }
    this.#commands.end(reason)
    this.#outputs.push({ kind: 'closed', code, reason })
  }
}

function stateDeadline(state: State): number {
  switch (state.kind) {
    case 'idle':
    case 'closed':
      return Infinity
    case 'connecting':
    case 'entering':
      return state.by
    case 'waiting':
      return state.until
    case 'live':
      return state.heartbeatAt
  }
}
