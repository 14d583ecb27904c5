// A backend's LVSP session without sockets, clocks or keys: messages in, messages and events out, time as an argument.
import {
  LvspCapability,
  LvspClose,
  type LvspCommand,
  type LvspCommands,
  type LvspHello,
  type LvspIdentify,
  LvspInfo,
  LvspOp,
  type LvspReady,
  type LvspResume,
} from '@parley/protocol'
import type { z } from 'zod'
import { backoff } from '../voice/session/close-policy.ts'
import { answered, type Incoming, type Info, read, told } from './incoming.ts'
import { type Command, hasAnswer, Outbox, settledBy } from './outbox.ts'
import type { LvspOutput, RequestFailure, RequestId } from './outputs.ts'

/** Data of a command, as it is given to us: snowflakes may be numbers, `guild_id` may be null. */
export type LvspCommandInput<T extends LvspCommand> = z.input<(typeof LvspCommands)[T]>

export interface LvspSessionOptions {
  /** What to ask of the node beyond the specification; everything it knows without it. */
  capabilities?: readonly LvspCapability[] | undefined
  /** Milliseconds until a request without an answer has failed; 10 000 without it. */
  requestTimeout?: number | undefined
  /** In [0, 1); spreads reconnects over time. `Math.random` without it. */
  random?: (() => number) | undefined
}

type State =
  | { kind: 'idle' }
  | { kind: 'connecting'; by: number }
  /** Open: waits for HELLO, then for the signature, then for READY. */
  | { kind: 'entering'; by: number; hello?: LvspHello; isTokenSent: boolean }
  | { kind: 'live'; since: number; interval: number; heartbeatAt: number; isAnswered: boolean }
  | { kind: 'waiting'; until: number }
  | { kind: 'closed'; reason: string }

/** How long connecting and entering may take, each. A node may hold HELLO back for 5 s. */
const STEP_TIMEOUT = 20_000
const REQUEST_TIMEOUT = 10_000
/** A connection that was live this long has recovered: the next loss starts counting attempts anew. */
const RECOVERED = 30_000
const DONE = 1000
const WRONG_SECRET = 'the node does not accept the secret'

/** What a command needs the node to have agreed to. */
const NEEDED: Partial<Record<LvspCommand, LvspCapability>> = {
  [LvspInfo.Sync]: LvspCapability.Sync,
  [LvspInfo.TokenRefresh]: LvspCapability.UserToken,
  [LvspInfo.Stats]: LvspCapability.Stats,
}

export class LvspClientSession {
  readonly #wanted: readonly LvspCapability[]
  readonly #requestTimeout: number
  readonly #random: () => number
  readonly #outbox = new Outbox()
  #outputs: LvspOutput[] = []
  #state: State = { kind: 'idle' }
  #server: LvspHello['server']
  #capabilities: readonly LvspCapability[] = []
  /** Whether the node has ever been ready: then resume. */
  #wasReady = false
  #session: string | undefined
  /** Number of the newest INFO that was read; undefined before the first, and on nodes that do not number. */
  #seq: number | undefined
  #attempt = 0
  #lastRequest: RequestId = 0

  constructor(options: LvspSessionOptions = {}) {
    this.#wanted = options.capabilities ?? Object.values(LvspCapability)
    this.#requestTimeout = options.requestTimeout ?? REQUEST_TIMEOUT
    this.#random = options.random ?? Math.random
  }

  get state(): State['kind'] {
    return this.#state.kind
  }
  get seq(): number | undefined {
    return this.#seq
  }
  /** What the node agreed to when it was last ready. */
  get capabilities(): readonly LvspCapability[] {
    return this.#capabilities
  }
  /** Commands that are not known to be carried out. */
  get unsettled(): number {
    return this.#outbox.size
  }

  /** When `tick` wants to be called; `Infinity` if never. */
  get deadline(): number {
    return Math.min(stateDeadline(this.#state), this.#outbox.deadline)
  }

  /** All outputs since the last call. */
  takeOutputs(): LvspOutput[] {
    const taken = this.#outputs
    this.#outputs = []
    return taken
  }

  start(now: number): void {
    if (this.#state.kind === 'idle') this.#connect(now)
  }

  connectionOpened(now: number): void {
    if (this.#state.kind === 'connecting')
      this.#state = { kind: 'entering', by: now + STEP_TIMEOUT, isTokenSent: false }
  }

  messageReceived(data: string | Uint8Array, now: number): void {
    if (!this.#isOpen) return
    const message = typeof data === 'string' ? read(data) : undefined
    if (message === undefined) {
      this.#outputs.push({ kind: 'undecodable', reason: 'a message has not the shape of its opcode or info type' })
      return
    }
    this.#dispatch(message, now)
  }

  /** Answers `sign` of this connection. */
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

  /** The WebSocket closed, or could not be opened (1006 and why). */
  connectionClosed(code: number, reason: string, now: number): void {
    const state = this.#state
    if (state.kind === 'idle' || state.kind === 'waiting' || state.kind === 'closed') return
    const isRefused = code === LvspClose.AuthenticationFailed && state.kind === 'entering' && state.isTokenSent
    if (isRefused) return this.#end(code, `${WRONG_SECRET} (${reason})`)
    if (state.kind === 'live' && now - state.since >= RECOVERED) this.#attempt = 0
    const wait = backoff(this.#attempt++, this.#random())
    this.#state = { kind: 'waiting', until: now + wait }
    this.#outputs.push({ kind: 'disconnected', code, reason, wait })
  }

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
        return this.fail('the node did not let us in in time', now)
      case 'live':
        return this.#beat(state, now)
    }
  }

  /**
   * Asks for something that has an answer: `answered` or `failed` will tell. May be called at any time; without a
   * connection it is sent once there is one. After a loss it is sent again: every request may be repeated.
   */
  request<T extends LvspCommand>(type: T, data: LvspCommandInput<T>, now: number): RequestId {
    const id = ++this.#lastRequest
    if (!hasAnswer(type)) this.#failed(id, { message: `info type ${type} has no answer` })
    else this.#enqueue({ type, parts: [data], request: { id, by: now + this.#requestTimeout } })
    return id
  }

  /** Sends a command that has no answer, likewise at any time and again after a loss; parts act together. */
  command<T extends LvspCommand>(type: T, ...parts: LvspCommandInput<T>[]): void {
    this.#enqueue({ type, parts })
  }

  /** Drops the connection because the host found it of no use; comes back as after any loss. */
  fail(reason: string, now: number): void {
    if (this.#isOpen || this.#state.kind === 'connecting')
      this.#outputs.push({ kind: 'close', code: LvspClose.GeneralError, reason })
    this.connectionClosed(LvspClose.GeneralError, reason, now)
  }

  /** Ends the session for good; what the backend has on the node stays there. */
  close(reason = 'closed'): void {
    if (this.#state.kind === 'closed') return
    // What was sent is on its way: that it is not known to be carried out is no news.
    if (this.#state.kind === 'live') this.#outbox.removeUnless(({ request }) => request !== undefined)
    if (this.#isOpen || this.#state.kind === 'connecting') this.#outputs.push({ kind: 'close', code: DONE, reason })
    this.#end(DONE, reason)
  }

  get #isOpen(): boolean {
    return this.#state.kind === 'entering' || this.#state.kind === 'live'
  }

  #connect(now: number): void {
    this.#state = { kind: 'connecting', by: now + STEP_TIMEOUT }
    this.#outputs.push({ kind: 'connect' })
  }

  #dispatch(message: Incoming, now: number): void {
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
    this.#state = { kind: 'live', since: now, interval, heartbeatAt: now + interval, isAnswered: true }
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

  #beat(state: Extract<State, { kind: 'live' }>, now: number): void {
    if (!state.isAnswered) return this.fail('the node did not answer a heartbeat', now)
    state.heartbeatAt = now + state.interval
    state.isAnswered = false
    this.#outbox.markHeartbeat()
    this.#send({ op: LvspOp.Heartbeat, d: {} })
  }

  #acknowledged(health: number): void {
    if (this.#state.kind !== 'live') return
    this.#state.isAnswered = true
    this.#outbox.heartbeatAcknowledged()
    this.#outputs.push({ kind: 'health', health })
  }

  /**
   * Before READY an INFO tells what was missed, or state: it answers nothing, because which of the two it is, is not
   * known yet; open requests are asked again. Its number counts only where it continues ours: those of another session
   * do not.
   */
  #info(info: Info | undefined, seq: number | undefined): void {
    const isLive = this.#state.kind === 'live'
    if (isLive && seq !== undefined && this.#seq !== undefined && seq <= this.#seq) return
    if (isLive || seq === (this.#seq ?? 0) + 1) this.#seq = seq ?? this.#seq
    if (info !== undefined) this.#tell(info, isLive)
  }

  #tell(info: Info, mayAnswer: boolean): void {
    const request = mayAnswer ? settledBy(this.#outbox, info)?.request : undefined
    const output = request === undefined ? told(info) : answered(request.id, info)
    if (output !== undefined) this.#outputs.push(output)
  }

  #enqueue(command: Command): void {
    if (this.#state.kind === 'closed') return this.#drop(command, `the session is over: ${this.#state.reason}`)
    if (!this.#outbox.add(command)) return this.#drop(command, 'too many commands wait for the node')
    if (this.#state.kind !== 'live') return
    if (this.#isAgreed(command)) return this.#sendCommand(command)
    this.#outbox.remove(command)
    this.#dropUnagreed(command)
  }

  /** Ready: everything that may not have been carried out, in order. */
  #sendAll(): void {
    for (const command of this.#outbox.removeUnless(command => this.#isAgreed(command))) this.#dropUnagreed(command)
    for (const command of this.#outbox.all()) this.#sendCommand(command)
  }

  #isAgreed({ type }: Command): boolean {
    const needed = NEEDED[type]
    return needed === undefined || this.#capabilities.includes(needed)
  }

  #dropUnagreed(command: Command): void {
    this.#drop(command, `the node did not agree to ${NEEDED[command.type]}`)
  }

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

  #end(code: number, reason: string): void {
    this.#state = { kind: 'closed', reason }
    for (const command of this.#outbox.removeUnless(() => false)) this.#drop(command, `the session is over: ${reason}`)
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
