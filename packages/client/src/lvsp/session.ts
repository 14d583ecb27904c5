// A backend's LVSP session without sockets, clock or secret: messages in, messages and events out, time as an argument.
import {
  LvspCapability,
  LvspClose,
  type LvspCommand,
  LvspCommands,
  LvspFailure,
  type LvspHello,
  type LvspIdentify,
  LvspOp,
  type LvspReady,
  type LvspResume,
} from '@parley/protocol'
import type { z } from 'zod'
import { Backoff } from '../backoff.ts'
import { LIMITS } from '../limits.ts'
import { answerOf, decodeNodeMessage, eventOf, type Info, type NodeMessage } from './lvsp-messages.ts'
import type { LvspOutput, RequestFailure, RequestId } from './lvsp-outputs.ts'
import { type Command, capabilityFor, hasAnswer, Outbox, settledBy } from './outbox.ts'

/** Data of a command. Snowflakes may be safe integers, and `guild_id` may be null. */
export type LvspCommandInput<T extends LvspCommand> = z.input<(typeof LvspCommands)[T]>

export interface LvspSessionOptions {
  /** Extensions of the specification to agree on with the node. Default: all that the node offers. */
  capabilities?: readonly LvspCapability[] | undefined
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
  | { kind: 'closed'; reason: string }

/** Close code for the end of a session: normal closure (RFC 6455 §7.4.1). */
const DONE = 1000
const WRONG_SECRET = 'the node does not accept the secret'

/**
 * The client side of LVSP as a state machine. Feed it the events of a WebSocket, apply `takeOutputs` after every input, and
 * call `tick` at `deadline`. `now` is milliseconds of a monotonic clock. Reconnects and resumes without limit.
 */
export class LvspClientSession {
  readonly #wanted: readonly LvspCapability[]
  readonly #requestTimeout: number
  readonly #backoff: Backoff
  /** Commands that the node may not have executed yet, in order. */
  readonly #outbox = new Outbox()
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
  #lastRequest: RequestId = 0

  constructor(options: LvspSessionOptions = {}) {
    this.#wanted = options.capabilities ?? Object.values(LvspCapability)
    this.#requestTimeout = options.requestTimeout ?? LIMITS.requestTimeout
    this.#backoff = new Backoff(options.random ?? Math.random, options.maxReconnectDelay)
  }

  get state(): LvspSessionState {
    return this.#state.kind
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
    return this.#outbox.size
  }

  /** When to call `tick`; `Infinity` if never. */
  get deadline(): number {
    return Math.min(stateDeadline(this.#state), this.#outbox.deadline)
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
    const wait = this.#backoff.next(now)
    this.#state = { kind: 'waiting', until: now + wait }
    this.#outputs.push({ kind: 'disconnected', code, reason, wait, attempt: this.#backoff.attempts })
  }

  /**
   * Handles whatever is due: a reconnect, a step that took too long, a heartbeat, expired requests. Calls before
   * `deadline` have no effect.
   */
  tick(now: number): void {
    this.#expire(now)
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
    const id = ++this.#lastRequest
    const invalid = invalidity(type, data)
    if (!hasAnswer(type)) this.#failed(id, { message: `info type ${type} has no answer` })
    else if (invalid !== undefined) this.#failed(id, { code: LvspFailure.InvalidData, message: invalid })
    else this.#enqueue({ type, parts: [data], request: { id, by: now + this.#requestTimeout } })
    return id
  }

  /** Sends a command that has no answer, and again after a reconnect. The parts of a SYNC act together. */
  command<T extends LvspCommand>(type: T, ...parts: LvspCommandInput<T>[]): void {
    for (const part of parts) {
      const message = invalidity(type, part)
      if (message === undefined) continue
      this.#outputs.push({ kind: 'refused', type, failure: { code: LvspFailure.InvalidData, message } })
      return
    }
    this.#enqueue({ type, parts })
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
    // Sent commands are on their way: they do not fail because they are not settled yet.
    if (this.#state.kind === 'live') this.#outbox.removeUnless(({ request }) => request !== undefined)
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
    this.#sendAll()
  }

  /** Sends a heartbeat. The previous one must have been answered, otherwise the connection is dead. */
  #beat(state: Extract<State, { kind: 'live' }>, now: number): void {
    if (!state.isAnswered) return this.fail('the node did not answer a heartbeat', now)
    state.heartbeatAt = now + state.interval
    state.isAnswered = false
    this.#outbox.markHeartbeat()
    this.#send({ op: LvspOp.Heartbeat, d: {} })
  }

  /** HEARTBEAT_ACK. The node executes in order, so that commands sent before the heartbeat count as executed. */
  #acknowledged(health: number): void {
    if (this.#state.kind !== 'live') return
    this.#state.isAnswered = true
    this.#outbox.heartbeatAcknowledged()
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
    if (info !== undefined) this.#report(info, isLive)
  }

  #report(info: Info, mayAnswer: boolean): void {
    const request = mayAnswer ? settledBy(this.#outbox, info)?.request : undefined
    const output = request === undefined ? eventOf(info) : answerOf(request.id, info)
    if (output !== undefined) this.#outputs.push(output)
  }

  /**
   * Adds a command to the outbox and sends it if the session is live. It is refused if the session ended, the outbox is
   * full, or its capability was not agreed on.
   */
  #enqueue(command: Command): void {
    if (this.#state.kind === 'closed') return this.#drop(command, `the session has ended: ${this.#state.reason}`)
    if (!this.#outbox.add(command)) return this.#drop(command, 'too many commands are waiting for the node')
    if (this.#state.kind !== 'live') return
    if (this.#isAgreed(command)) return this.#sendCommand(command)
    this.#outbox.remove(command)
    this.#dropUnagreed(command)
  }

  /** After READY: sends every command that the node may not have executed, in order. */
  #sendAll(): void {
    for (const command of this.#outbox.removeUnless(command => this.#isAgreed(command))) this.#dropUnagreed(command)
    for (const command of this.#outbox.all()) this.#sendCommand(command)
  }

  #isAgreed({ type }: Command): boolean {
    const needed = capabilityFor(type)
    return needed === undefined || this.#capabilities.includes(needed)
  }

  #dropUnagreed(command: Command): void {
    this.#drop(command, `the node did not agree to ${capabilityFor(command.type)}`)
  }

  /** Reports a command that will not be executed: as `failed` if it is a request, otherwise as `refused`. */
  #drop({ type, request }: Command, message: string): void {
    if (request !== undefined) this.#failed(request.id, { message })
    else this.#outputs.push({ kind: 'refused', type, failure: { message } })
  }

  #expire(now: number): void {
    if (this.#outbox.deadline > now) return
    for (const command of this.#outbox.removeUnless(({ request }) => request === undefined || request.by > now))
      this.#drop(command, `the node did not answer in ${this.#requestTimeout} ms`)
  }

  #sendCommand({ type, parts }: Command): void {
    for (const data of parts) this.#send({ op: LvspOp.Info, d: { type, data } })
  }

  #send(message: { op: LvspOp; d: object }): void {
    this.#outputs.push({ kind: 'send', data: JSON.stringify(message) })
  }

  #failed(request: RequestId, failure: RequestFailure): void {
    this.#outputs.push({ kind: 'failed', request, failure })
  }

  /** The session is over: everything in the outbox is refused, and `closed` is the last output. */
  #end(code: number, reason: string): void {
    this.#state = { kind: 'closed', reason }
    for (const command of this.#outbox.removeUnless(() => false))
      this.#drop(command, `the session has ended: ${reason}`)
    this.#outputs.push({ kind: 'closed', code, reason })
  }
}

/** Why a node would refuse this data; undefined if it is valid. */
function invalidity(type: LvspCommand, data: unknown): string | undefined {
  const { error } = LvspCommands[type].safeParse(data)
  const issue = error?.issues[0]
  return issue && `${issue.path.join('.') || 'data'}: ${issue.message}`
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
