// One WebSocket of a voice client, from Hello to close: versions, authentication order, heartbeats, limits.
import {
  Heartbeat,
  Identify,
  memberSource,
  Resume,
  VOICE_VERSION,
  VoiceClose,
  VoiceMessage,
  VoiceOp,
} from '@parley/protocol'
import type { Timed } from '../deadlines.ts'
import type { ConnectionId } from '../effect.ts'
import { ProtocolError } from '../errors.ts'
import { LIMITS } from '../limits.ts'
import { MessageRate } from '../message-rate.ts'
import { type CommandContext, decode, dispatch, dispatchBinary } from './commands.ts'
import type { Greetings } from './greetings.ts'
import type { Attachment, VoiceSession } from './voice-session.ts'

/** Decides who gets a session. Throws a ProtocolError for who does not. */
export interface Authenticator {
  identify(identify: Identify, connection: GatewayConnection, now: number): VoiceSession
  resume(resume: Resume, connection: GatewayConnection, now: number): VoiceSession
  /** The connection of a session is gone. */
  connectionLost(session: VoiceSession, connection: GatewayConnection, code: number, now: number): void
}

export interface GatewayOptions {
  /** `v` of the URL, as it was written. */
  version: string | undefined
  remoteAddress: string
  /** The address of ours that the client reached. */
  localAddress: string
}

/** What all connections of a node share. */
export interface Gateway extends CommandContext {
  /** The lowest version served; lower ones are closed with 4020. */
  readonly minVersion: number
  readonly authenticator: Authenticator
  readonly greetings: Greetings
}

type State =
  | { kind: 'greeting'; identifyBy: number }
  | { kind: 'live'; session: VoiceSession; silentUntil: number }
  | { kind: 'closed' }

/** Opcodes that come often and cost little. DAVE's answer what the node sent, and its group counts what was not asked for. */
const CHATTY: ReadonlySet<number> = new Set([
  VoiceOp.Heartbeat,
  VoiceOp.Speaking,
  VoiceOp.MediaSinkWants,
  VoiceOp.DaveTransitionReady,
])

/** The longest heartbeat nonce that is echoed, in characters of JSON. */
const MAX_NONCE = 64

/** A window's worth at once, and then as many as the window has time for. */
const rateOf = (perWindow: number, now: number) =>
  new MessageRate(perWindow / (LIMITS.commandWindow / 1_000), perWindow, now)

/** Absent or not a number means version 1; above ours means ours. */
function parseVersion(text: string | undefined): number {
  const version = Number.parseInt(text ?? '', 10)
  return Number.isNaN(version) ? VOICE_VERSION.min : Math.min(version, VOICE_VERSION.max)
}

export class GatewayConnection implements Attachment, Timed {
  readonly id: ConnectionId
  readonly version: number
  readonly remoteAddress: string
  readonly localAddress: string
  readonly #gateway: Gateway
  readonly #commands: MessageRate
  /** What clients send at will, or because the node asked for it. */
  readonly #chatter: MessageRate
  #state: State

  constructor(id: ConnectionId, options: GatewayOptions, gateway: Gateway, now: number) {
    this.id = id
    this.version = parseVersion(options.version)
    this.remoteAddress = options.remoteAddress
    this.localAddress = options.localAddress
    this.#gateway = gateway
    this.#commands = rateOf(LIMITS.commandsPerWindow, now)
    this.#chatter = rateOf(LIMITS.chattyCommandsPerWindow, now)
    this.#state = { kind: 'greeting', identifyBy: now + LIMITS.identifyTimeout }
    if (this.version < Math.max(gateway.minVersion, VOICE_VERSION.min))
      this.close(VoiceClose.BadRequest, `gateway version ${this.version} is not served here`)
    else this.#greet()
  }

  get deadline(): number {
    switch (this.#state.kind) {
      case 'greeting':
        return this.#state.identifyBy
      case 'live':
        return this.#state.silentUntil
      case 'closed':
        return Infinity
    }
  }

  get kind(): State['kind'] {
    return this.#state.kind
  }

  tick(now: number): void {
    if (now < this.deadline) return
    if (this.#state.kind === 'greeting') this.close(VoiceClose.SessionTimeout, 'no Identify or Resume in time')
    else this.#lose(VoiceClose.SessionTimeout, 'no heartbeat in time', now)
  }

  /** Takes one message. Whatever it holds, nothing is thrown. */
  receive(data: string | Uint8Array, now: number): void {
    if (this.#state.kind === 'closed') return
    if (this.#state.kind === 'live') this.#state.silentUntil = now + LIMITS.heartbeatGrace
    try {
      if (typeof data === 'string') this.#receiveText(data, now)
      else this.#receiveBinary(data, now)
    } catch (error) {
      if (error instanceof ProtocolError) this.#lose(error.code, error.message, now)
      else {
        this.#gateway.effects.note('gateway.internal_error', { error: String(error), stack: stackOf(error) })
        this.#lose(VoiceClose.ServerCrashed, 'internal error', now)
      }
    }
  }

  /** The socket is gone. */
  closed(code: number, now: number): void {
    const state = this.#state
    this.#gateway.greetings.remove(this)
    this.#state = { kind: 'closed' }
    if (state.kind === 'live') this.#gateway.authenticator.connectionLost(state.session, this, code, now)
  }

  sendMessage(data: string | Uint8Array): void {
    if (this.#state.kind !== 'closed') this.#gateway.effects.send(this.id, data)
  }

  /** Closes the socket; the session, if there is one, is the caller's to look after. */
  close(code: number, reason: string): void {
    if (this.#state.kind === 'closed') return
    this.#gateway.greetings.remove(this)
    this.#state = { kind: 'closed' }
    this.#gateway.effects.close(this.id, code, reason)
  }

  /** Closes the socket for a fault of the client: its session may be resumed. */
  #lose(code: number, reason: string, now: number): void {
    const state = this.#state
    this.close(code, reason)
    this.#gateway.effects.note('gateway.closed', { connection: this.id, code, reason })
    if (state.kind === 'live') this.#gateway.authenticator.connectionLost(state.session, this, code, now)
  }

  #greet(): void {
    this.#gateway.greetings.add(this)
    if (this.#state.kind === 'closed') return
    const interval = LIMITS.heartbeatInterval
    const data = `{"v":${this.version},"heartbeat_interval":${interval}}`
    this.sendMessage(this.version >= 3 ? `{"op":${VoiceOp.Hello},"d":${data}}` : `{"heartbeat_interval":${interval}}`)
  }

  #receiveText(text: string, now: number): void {
    if (text.length > LIMITS.jsonMessage) throw new ProtocolError(VoiceClose.DecodeError, 'the message is too long')
    const { op, d: data } = decode(VoiceMessage, parseJson(text), VoiceClose.DecodeError)
    this.#count(CHATTY.has(op) ? this.#chatter : this.#commands, now)
    if (op === VoiceOp.Heartbeat) this.#heartbeat(text, data)
    else if (this.#state.kind === 'live') dispatch(this.#state.session, op, data, this.#gateway, now)
    else this.#authenticate(op, data, now)
  }

  #receiveBinary(data: Uint8Array, now: number): void {
    if (data.length > LIMITS.binaryMessage) throw new ProtocolError(VoiceClose.DecodeError, 'the message is too long')
    if (this.#state.kind !== 'live') throw new ProtocolError(VoiceClose.NotAuthenticated, 'expected Identify or Resume')
    this.#count(this.#chatter, now)
    dispatchBinary(this.#state.session, data, this.#gateway, now)
  }

  #count(rate: MessageRate, now: number): void {
    if (!rate.take(now)) throw new ProtocolError(VoiceClose.RateLimited, 'too many messages')
  }

  #authenticate(op: number, data: unknown, now: number): void {
    const session = this.#admit(op, data, now)
    this.#gateway.greetings.remove(this)
    this.#state = { kind: 'live', session, silentUntil: now + LIMITS.heartbeatGrace }
  }

  #admit(op: number, data: unknown, now: number): VoiceSession {
    switch (op) {
      case VoiceOp.Identify:
        return this.#gateway.authenticator.identify(decode(Identify, data, VoiceClose.DecodeError), this, now)
      case VoiceOp.Resume:
        return this.#gateway.authenticator.resume(decode(Resume, data, VoiceClose.DecodeError), this, now)
      default:
        throw new ProtocolError(VoiceClose.NotAuthenticated, 'expected Identify or Resume')
    }
  }

  /** Answers at once, with the nonce as it was written and in the shape it came in. Version 1 hears its own opcode. */
  #heartbeat(text: string, data: unknown): void {
    const source = memberSource(text, 'd') ?? 'null'
    const isObject = typeof data === 'object' && data !== null && !Array.isArray(data)
    const nonce = isObject ? (memberSource(source, 't') ?? 'null') : source
    if (nonce.length > MAX_NONCE) throw new ProtocolError(VoiceClose.DecodeError, 'the heartbeat nonce is too long')
    const op = this.version === 1 ? VoiceOp.Heartbeat : VoiceOp.HeartbeatAck
    this.sendMessage(isObject ? `{"op":${op},"d":{"t":${nonce}}}` : `{"op":${op},"d":${nonce}}`)
    const heartbeat = Heartbeat.safeParse(data)
    if (this.#state.kind === 'live' && heartbeat.success)
      this.#state.session.acknowledge(normaliseSeqAck(heartbeat.data.seq_ack))
  }
}

/** Absent, null, 0 and −1 mean "nothing received"; one client holds the number in a signed 16-bit integer. */
export const normaliseSeqAck = (seqAck: number | null | undefined): number =>
  seqAck === undefined || seqAck === null || seqAck === -1 ? 0 : seqAck & 0xffff

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ProtocolError(VoiceClose.DecodeError, 'expected JSON')
  }
}

const stackOf = (error: unknown) => (error instanceof Error ? error.stack : undefined)
