// One WebSocket of a backend, from HELLO to close.
// Order: HELLO (at once, or delayed after wrong tokens from its address), IDENTIFY or RESUME, READY, then INFO.
// Heartbeats are answered in any state.
import {
  LvspCapability,
  LvspClose,
  type LvspEventData,
  type LvspHello,
  LvspIdentify,
  LvspInfo,
  LvspInfoMessage,
  type LvspMessage,
  LvspOp,
  type LvspReady,
  LvspResume,
} from '@parley/protocol'
import type { BackendId } from '../channel/channel-ref.ts'
import type { Timed } from '../deadlines.ts'
import type { ConnectionId } from '../effect.ts'
import { ProtocolError } from '../errors.ts'
import { LIMITS } from '../limits.ts'
import { CountedRate, MessageRate, UnidentifiedMessages } from '../message-rate.ts'
import type { NOTES, NoteFields, NoteName } from '../notes.ts'
import { Commands, healthOf } from './commands.ts'
import { decode } from './decode.ts'
import { type Agreement, type Dialect, isAgreed, isLitecordAgent, isLitecordCreate } from './dialect.ts'
import type { LvspOrigin, LvspOwner } from './entry/owner.ts'
import { canonicalToken, type KeyMatch } from './keyring.ts'
import type { Attachment, LvspSession } from './session.ts'
import { type Work, WorkQueue } from './work.ts'

/** A connection as `VoiceNode.inspect()` shows it. */
export interface LvspConnectionInspection {
  readonly connection: ConnectionId
  readonly state: 'greeting' | 'live' | 'closed'
  readonly remoteAddress: string
  /** Undefined before IDENTIFY, as are the next two. */
  readonly backend: BackendId | undefined
  readonly dialect: Dialect | undefined
  readonly capabilities: readonly LvspCapability[] | undefined
}

/** `live`: authenticated. Its commands wait in `queue` until READY was sent, and during long commands. */
type State =
  | { kind: 'greeting'; nonce: string; helloAt: number; identifyBy: number; messages: UnidentifiedMessages }
  | {
      kind: 'live'
      session: LvspSession
      commands: Commands
      agreement: Agreement
      queue: WorkQueue<LvspInfoMessage | 'heartbeat'>
      heartbeatBy: number
    }
  | { kind: 'closed' }
type Live = Extract<State, { kind: 'live' }>
type LvspNote = Extract<NoteName, `lvsp.${string}`>

const UNIDENTIFIED = { tooMany: LvspClose.GeneralError, tooLarge: LvspClose.DecodeError }

/**
 * Owned by `Lvsp`, attached to the `LvspSession` of its backend while live. An older connection of the same backend
 * stays live and is still read; only the newest one receives INFO.
 */
export class LvspConnection implements Timed, Attachment {
  readonly id: ConnectionId
  readonly origin: LvspOrigin
  readonly #owner: LvspOwner
  readonly #rate: MessageRate
  /** Bound on log lines that its messages may cause. */
  readonly #noteRate: CountedRate
  #state: State
  #requireHeartbeat = false

  constructor(owner: LvspOwner, id: ConnectionId, origin: LvspOrigin, nonce: string, helloDelay: number, now: number) {
    this.#owner = owner
    this.id = id
    this.origin = origin
    this.#rate = new MessageRate(LIMITS.lvspInfosPerSecond, LIMITS.lvspInfoBurst, now)
    this.#noteRate = new CountedRate(LIMITS.lvspNotesPerSecond, LIMITS.lvspNoteBurst, now)
    const helloAt = now + helloDelay
    const identifyBy = helloAt + LIMITS.lvspIdentifyTimeout
    this.#state = { kind: 'greeting', nonce, helloAt, identifyBy, messages: new UnidentifiedMessages(UNIDENTIFIED) }
  }

  get kind(): State['kind'] {
    return this.#state.kind
  }

  /** Defined for a live connection only. */
  get agreement(): Agreement {
    if (this.#state.kind !== 'live') throw new Error('a connection that is not live has no agreement')
    return this.#state.agreement
  }

  /** 0 means "at once": slices of a long command are done between the inputs of other connections. */
  get deadline(): number {
    switch (this.#state.kind) {
      case 'greeting':
        return Math.min(this.#state.helloAt, this.#state.identifyBy)
      case 'live':
        return this.#state.queue.isBusy ? 0 : this.#state.heartbeatBy
      case 'closed':
        return Infinity
    }
  }

  /** Sends HELLO once its delay has passed, closes for missed deadlines, and does a slice of a long command. */
  tick(now: number): void {
    const state = this.#state
    if (state.kind === 'live' && state.queue.isBusy) this.#guarded(() => state.queue.run(now), now)
    if (state.kind === 'greeting' && state.helloAt <= now) this.#hello(state)
    if (state.kind === 'greeting' && state.identifyBy <= now)
      this.#close(LvspClose.AuthenticationFailed, 'no IDENTIFY or RESUME within the time limit', now)
    if (state.kind === 'live' && state.heartbeatBy <= now)
      this.#close(LvspClose.GeneralError, 'no HEARTBEAT within the time limit', now)
  }

  /** Processes one message. Never throws. */
  receive(data: string | Uint8Array, now: number): void {
    this.#guarded(() => {
      if (!this.#rate.take(now)) throw new ProtocolError(LvspClose.GeneralError, 'too many messages')
      if (this.#state.kind === 'greeting' && typeof data === 'string') this.#state.messages.check(data)
      const message = decode(data)
      if (message === undefined) this.#ignore('a message without an opcode', now)
      else this.#dispatch(message, data.length, now)
    }, now)
  }

  /** The WebSocket closed with this code. */
  closed(code: number, now: number): void {
    if (this.#state.kind === 'live') this.#note('lvsp.disconnected', { code })
    this.#end(now)
  }

  /** Another connection of the backend receives from now on, or this one again. RECEIVER says so, if agreed on. */
  receiverChanged(receives: boolean, by?: ConnectionId): void {
    if (by !== undefined) this.#note('lvsp.superseded', { by })
    if (!isAgreed(this.agreement, LvspInfo.Receiver)) return
    const data: LvspEventData<typeof LvspInfo.Receiver> = { receives }
    this.#send(LvspOp.Info, { type: LvspInfo.Receiver, data })
  }

  /** Closes the connection with 4000. */
  dismiss(reason: string, now: number): void {
    this.#close(LvspClose.GeneralError, reason, now)
  }

  inspect(): LvspConnectionInspection {
    const live = this.#state.kind === 'live' ? this.#state : undefined
    return {
      connection: this.id,
      state: this.#state.kind,
      remoteAddress: this.origin.remoteAddress,
      backend: live?.session.backend,
      dialect: live?.agreement.dialect,
      capabilities: live && [...live.agreement.capabilities],
    }
  }

  /** Closes the connection if the input fails. */
  #guarded(input: () => void, now: number): void {
    if (this.#state.kind === 'closed') return
    try {
      input()
    } catch (error) {
      this.#fail(error, now)
    }
  }

  #dispatch({ op, d }: LvspMessage, size: number, now: number): void {
    switch (op) {
      case LvspOp.Identify:
        return this.#identify(d, now)
      case LvspOp.Resume:
        return this.#resume(d, now)
      case LvspOp.Heartbeat:
        return this.#heartbeat(size, now)
      case LvspOp.Info:
        return this.#info(d, size, now)
      default:
        this.#ignore(`opcode ${op} is not one that backends send`, now)
    }
  }

  #hello(state: Extract<State, { kind: 'greeting' }>): void {
    state.helloAt = Infinity
    const { serverVersion, capabilities } = this.#owner
    const d: LvspHello = {
      heartbeat_interval: LIMITS.lvspHeartbeatInterval,
      nonce: state.nonce,
      server: { name: 'parley', version: serverVersion },
      capabilities: [...capabilities],
    }
    this.#send(LvspOp.Hello, d)
  }

  /** IDENTIFY. Older connections of the backend stay. */
  #identify(data: unknown, now: number): void {
    if (this.#state.kind !== 'greeting') return this.#ignore('IDENTIFY on a connection that is live', now)
    const identify = LvspIdentify.safeParse(data)
    if (!identify.success) throw this.#rejected('IDENTIFY is malformed', now)
    const { token, capabilities } = identify.data
    const match = this.#owner.authenticate(this.#state.nonce, token)
    if (match === undefined) throw this.#rejected('wrong token', now)
    const live = this.#goLive(match.backend, identify.data, now)
    // A front knows nothing of the node yet.
    if (live.session.front !== undefined) return this.#catchUp(live, {}, match, now)
    live.session.attach(this, now)
    this.#note('lvsp.identified', { secret: match.secret, dialect: live.agreement.dialect })
    if (capabilities == null) this.#hintAtLitecord(live)
    this.#ready(live, undefined, now)
  }

  /** RESUME. Closes the backend's older connections. What cannot be replayed is sent as state; READY follows. */
  #resume(data: unknown, now: number): void {
    if (this.#state.kind !== 'greeting') return this.#ignore('RESUME on a connection that is live', now)
    const resume = LvspResume.safeParse(data)
    if (!resume.success) throw this.#rejected('RESUME is malformed', now)
    const { token } = resume.data
    const match = this.#owner.authenticate(this.#state.nonce, token)
    const backend = match?.backend ?? this.#owner.sessionByDraftToken(token)?.backend
    if (backend === undefined) throw this.#rejected('wrong token', now)
    this.#catchUp(this.#goLive(backend, resume.data, now), resume.data, match, now)
  }

  #catchUp(live: Live, missed: Pick<LvspResume, 'seq' | 'session'>, match: KeyMatch | undefined, now: number): void {
    const { resumed, work } = live.session.resume(this, missed, now)
    this.#note('lvsp.resumed', { secret: match?.secret, dialect: live.agreement.dialect, resumed })
    live.queue.begin(this.#caughtUp(work, live, resumed), now)
  }

  /** READY follows the messages that were missed. */
  *#caughtUp(work: Work | undefined, live: Live, resumed: LvspReady['resumed']): Work {
    let now = yield
    while (work?.next(now).done === false) now = yield
    this.#ready(live, resumed, now)
  }

  /** The connection is authenticated: agrees on capabilities. `adopt_token` is for backends configured so. Throws for a front too many. */
  #goLive(backend: string, { token, capabilities: named, front }: LvspIdentify, now: number): Live {
    const wanted = named ?? []
    const isFront = [wanted, this.#owner.capabilities].every(names => names.includes(LvspCapability.Front))
    const entered = this.#owner.enter(backend, (isFront && front) || undefined)
    if (entered === undefined)
      throw new ProtocolError(LvspClose.GeneralError, 'too many fronts of this backend are connected')
    const { session, agreement: configured, requireHeartbeat, adoptsTokens } = entered
    const offered = this.#owner.capabilities.filter(name => adoptsTokens || name !== LvspCapability.AdoptToken)
    const capabilities = new Set(offered.filter(name => wanted.includes(name)))
    const agreement: Agreement = { ...configured, capabilities }
    const commands = new Commands(this.#owner, session, agreement)
    this.#requireHeartbeat = requireHeartbeat
    const queue = new WorkQueue<LvspInfoMessage | 'heartbeat'>(
      (message, at) => this.#run(live, message, at),
      session.waiting,
    )
    const heartbeatBy = this.#nextHeartbeatBy(now)
    const live: Live = { kind: 'live', session, commands, agreement, queue, heartbeatBy }
    this.#state = live
    this.#owner.identified(this)
    this.#owner.effects.authenticated(this.id, backend)
    session.draftToken = canonicalToken(token)
    return live
  }

  #ready({ session, agreement }: Live, resumed: LvspReady['resumed'], now: number): void {
    const d: LvspReady = {
      health: healthOf(this.#owner.node, now),
      session: session.id,
      seq: session.seq,
      resumed,
      capabilities: [...agreement.capabilities],
    }
    this.#send(LvspOp.Ready, d)
    if (resumed !== 'replay') this.#owner.ready(session.backend, now)
  }

  /** Answered in the order of the commands: the backend does not repeat those before an acknowledged heartbeat. */
  #heartbeat(size: number, now: number): void {
    if (this.#state.kind !== 'live') return this.#acknowledge(now)
    this.#state.heartbeatBy = this.#nextHeartbeatBy(now)
    this.#push(this.#state, 'heartbeat', size, now)
  }

  #acknowledge(now: number): undefined {
    this.#send(LvspOp.HeartbeatAck, { health: healthOf(this.#owner.node, now) })
  }

  #nextHeartbeatBy(now: number): number {
    return this.#requireHeartbeat ? now + LIMITS.lvspHeartbeatGrace : Infinity
  }

  /** Commands are executed in order: one that arrives during a long one waits, within a bound on bytes. */
  #info(data: unknown, size: number, now: number): void {
    if (this.#state.kind !== 'live') return this.#ignore('INFO before READY', now)
    const message = LvspInfoMessage.safeParse(data)
    if (!message.success) return this.#ignore('INFO without an info type', now)
    this.#push(this.#state, message.data, size, now)
  }

  #push({ queue }: Live, message: LvspInfoMessage | 'heartbeat', size: number, now: number): void {
    if (!queue.push(message, size, now))
      throw new ProtocolError(LvspClose.GeneralError, 'too many messages before READY or during SYNC')
  }

  #run({ commands, agreement }: Live, message: LvspInfoMessage | 'heartbeat', now: number): Work | undefined {
    if (message === 'heartbeat') return this.#acknowledge(now)
    this.#noticeLitecord(message, agreement)
    const result = commands.run(message, now)
    if (result.ok) return result.value
    const { failure, message: why } = result.reason
    this.#noteRarely('lvsp.refused', { type: message.type, failure, why }, now)
    return undefined
  }

  /** A type 4 from a backend identifies the numbering of Litecord. */
  #noticeLitecord({ type, data }: LvspInfoMessage, agreement: Agreement): void {
    if (agreement.dialect === 'litecord' || !isLitecordCreate(type, data)) return
    agreement.dialect = 'litecord'
    this.#note('lvsp.dialect_switched', { hint: 'set dialect = "litecord" for this backend' })
  }

  #hintAtLitecord({ agreement }: Live): void {
    if (agreement.dialect !== 'spec' || !isLitecordAgent(this.origin.userAgent)) return
    this.#note('lvsp.looks_like_litecord', { hint: 'if it is Litecord, set dialect = "litecord" for this backend' })
  }

  #rejected(reason: string, now: number): ProtocolError {
    this.#owner.failed(this.origin.remoteAddress, now)
    this.#note('lvsp.authentication_failed', { reason })
    return new ProtocolError(LvspClose.AuthenticationFailed, reason)
  }

  /** A ProtocolError is the backend's fault. Anything else is an internal error: 4000, and a note with the stack. */
  #fail(error: unknown, now: number): void {
    if (error instanceof ProtocolError) return this.#close(error.code, error.message, now)
    const { message, stack } = error instanceof Error ? error : new Error(String(error))
    this.#note('lvsp.internal_error', { message, stack })
    this.#close(LvspClose.GeneralError, 'internal error', now)
  }

  #close(code: number, reason: string, now: number): void {
    if (this.#state.kind === 'closed') return
    this.#note(this.#state.kind === 'live' ? 'lvsp.closed' : 'lvsp.unidentified_closed', { code, reason })
    this.#owner.effects.close(this.id, code, reason)
    this.#end(now)
  }

  /** The only place that leaves `live`: detaches from the session, which then waits for RESUME. */
  #end(now: number): void {
    const state = this.#state
    if (state.kind === 'closed') return
    this.#state = { kind: 'closed' }
    if (state.kind === 'live') {
      state.queue.close()
      state.session.detach(this, now)
    }
    this.#owner.ended(this)
  }

  #send(op: LvspOp, d: object): void {
    this.#owner.effects.send(this.id, JSON.stringify({ op, d }))
  }

  #ignore(why: string, now: number): void {
    this.#noteRarely('lvsp.ignored', { why }, now)
  }

  /** Notes that every message can cause are limited; `unnoted` counts those left out. */
  #noteRarely<Event extends 'lvsp.refused' | 'lvsp.ignored'>(
    event: Event,
    fields: NoteFields<typeof NOTES, Event>,
    now: number,
  ): void {
    const unnoted = this.#noteRate.take(now)
    if (unnoted !== undefined) this.#note(event, fields, unnoted === 0 ? undefined : unnoted)
  }

  #note<Event extends LvspNote>(event: Event, fields: NoteFields<typeof NOTES, Event>, unnoted?: number): void {
    const backend = this.#state.kind === 'live' ? this.#state.session.backend : undefined
    const { remoteAddress: address } = this.origin
    this.#owner.effects.note(event, fields, { connection: this.id, address, backend, unnoted })
  }
}
