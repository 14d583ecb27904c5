// One WebSocket of a voice client, from Hello to close: versions, order of authentication, heartbeats, limits.
import { Identify, memberSource, Resume, VOICE_VERSION, VoiceClose, VoiceMessage, VoiceOp } from '@parley/protocol'
import type { ClientRates } from '../channel/voice-states/client-rates.ts'
import type { Timed } from '../deadlines.ts'
import type { ConnectionId } from '../effect.ts'
import { ProtocolError, stackOf } from '../errors.ts'
import { LIMITS } from '../limits.ts'
import { UnidentifiedMessages } from '../message-rate.ts'
import type { IdentifyRefusal } from './authenticator.ts'
import { type CommandContext, dispatch, dispatchBinary } from './commands.ts'
import { decode, isHeartbeat, isRecord, parseJson, readSeqAck } from './decode.ts'
import type { Greetings } from './greetings.ts'
import type { Held, HeldIdentifies } from './held-identifies.ts'
import type { Attachment, VoiceSession } from './voice-session.ts'
import type { VoiceSessions } from './voice-sessions.ts'

export interface GatewayOptions {
  /** `v` of the URL, as the client wrote it. */
  version: string | undefined
  remoteAddress: string
  /** The address of the node that the client connected to. */
  localAddress: string
}

/** What the voice connections of a node share. */
export interface Gateway extends CommandContext {
  /** The lowest gateway version served; lower ones are closed with 4020. */
  readonly minVersion: number
  readonly sessions: VoiceSessions
  readonly greetings: Greetings
  readonly held: HeldIdentifies
  /** An Identify was refused because it does not match. */
  identifyRefused(identify: Identify, refusal: IdentifyRefusal, remoteAddress: string, now: number): void
}

type State =
  | { kind: 'greeting'; identifyBy: number; messages: UnidentifiedMessages }
  | { kind: 'live'; session: VoiceSession; rates: ClientRates; silentUntil: number }
  /** Identify did not match; the voice state may still arrive. */
  | { kind: 'held'; identify: Identify; refusal: IdentifyRefusal; until: number; messages: UnidentifiedMessages }
  | { kind: 'closed' }

const UNIDENTIFIED = { tooMany: VoiceClose.RateLimited, tooLarge: VoiceClose.DecodeError }

/** Frequent opcodes of little cost, besides heartbeats. Those of DAVE answer messages of the node; the group counts unsolicited ones itself. */
const CHATTY: ReadonlySet<number> = new Set([VoiceOp.Speaking, VoiceOp.MediaSinkWants, VoiceOp.DaveTransitionReady])

/**
 * The version of clients that name none: Spacebar's web client waits for op 8 and op 6, which version 1 does not have, and discordgo
 * decodes `speaking` as a boolean.
 */
const UNVERSIONED = 3

/** A version above the highest supported one is served as the highest. */
function parseVersion(text: string | undefined): number {
  const version = Number.parseInt(text ?? '', 10)
  return Number.isNaN(version) ? UNVERSIONED : Math.min(version, VOICE_VERSION.max)
}

export class GatewayConnection implements Attachment, Held, Timed {
  readonly id: ConnectionId
  readonly version: number
  readonly remoteAddress: string
  readonly localAddress: string
  readonly #gateway: Gateway
  #state: State

  constructor(id: ConnectionId, options: GatewayOptions, gateway: Gateway, now: number) {
    this.id = id
    this.version = parseVersion(options.version)
    this.remoteAddress = options.remoteAddress
    this.localAddress = options.localAddress
    this.#gateway = gateway
    this.#state = {
      kind: 'greeting',
      identifyBy: now + LIMITS.identifyTimeout,
      messages: new UnidentifiedMessages(UNIDENTIFIED),
    }
  }

  /** Sends Hello, or closes the connection if its version is not served or too many are open. */
  open(): void {
    if (this.version < Math.max(this.#gateway.minVersion, VOICE_VERSION.min))
      this.close(VoiceClose.BadRequest, `gateway version ${this.version} is not served`)
    else this.#greet()
  }

  get deadline(): number {
    switch (this.#state.kind) {
      case 'greeting':
        return this.#state.identifyBy
      case 'held':
        return this.#state.until
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
    if (this.#state.kind === 'greeting')
      this.close(VoiceClose.SessionTimeout, 'no Identify or Resume within the time limit')
    else if (this.#state.kind === 'held') this.#refuse(this.#state.identify, this.#state.refusal, now)
    else this.#lose(VoiceClose.SessionTimeout, 'no heartbeat within the time limit', now)
  }

  /** Processes one message. Never throws. */
  receive(data: string | Uint8Array, now: number): void {
    if (this.#state.kind === 'closed') return
    if (this.#state.kind === 'live') this.#state.silentUntil = now + LIMITS.heartbeatGrace
    this.#guard(now, () => (typeof data === 'string' ? this.#receiveText(data, now) : this.#receiveBinary(data, now)))
  }

  /** The voice state that a held Identify waits for arrived, or its token. Never throws. */
  retry(now: number): void {
    const state = this.#state
    if (state.kind === 'held') this.#guard(now, () => this.#identify(state.identify, now))
  }

  #guard(now: number, run: () => void): void {
    try {
      run()
    } catch (error) {
      if (error instanceof ProtocolError) this.#lose(error.code, error.message, now)
      else {
        this.#gateway.effects.note('gateway.internal_error', { error: String(error), stack: stackOf(error) })
        this.#lose(VoiceClose.ServerCrashed, 'internal error', now)
      }
    }
  }

  /** The socket is closed. */
  closed(code: number, now: number): void {
    const state = this.#state
    this.#release()
    this.#state = { kind: 'closed' }
    if (state.kind === 'live') this.#gateway.sessions.connectionLost(state.session, this, code, now)
  }

  sendMessage(data: string | Uint8Array): void {
    if (this.#state.kind !== 'closed') this.#gateway.effects.send(this.id, data)
  }

  /** Closes the socket; the caller takes care of the session. */
  close(code: number, reason: string): void {
    if (this.#state.kind === 'closed') return
    this.#release()
    this.#state = { kind: 'closed' }
    this.#gateway.effects.close(this.id, code, reason)
  }

  /** Closes the socket and detaches the session, which may be resumed. */
  #lose(code: number, reason: string, now: number): void {
    const state = this.#state
    this.close(code, reason)
    this.#gateway.effects.note('gateway.closed', { connection: this.id, code, reason })
    if (state.kind === 'live') this.#gateway.sessions.connectionLost(state.session, this, code, now)
  }

  #greet(): void {
    this.#gateway.greetings.add(this)
    if (this.#state.kind === 'closed') return
    const interval = LIMITS.heartbeatInterval
    const data = `{"v":${this.version},"heartbeat_interval":${interval}}`
    this.sendMessage(this.version >= 3 ? `{"op":${VoiceOp.Hello},"d":${data}}` : `{"heartbeat_interval":${interval}}`)
  }

  #receiveText(text: string, now: number): void {
    const { kind } = this.#state
    if (kind === 'greeting' || kind === 'held') this.#state.messages.check(text)
    if (text.length > LIMITS.jsonMessage) throw new ProtocolError(VoiceClose.DecodeError, 'the message is too long')
    // Before parsing, which is what a long message costs.
    this.#count('text', now, text.length)
    const message = parseJson(text)
    if (isHeartbeat(message)) {
      this.#count('chatter', now)
      return this.#heartbeat(text, message.d)
    }
    const { op, d: data } = decode(VoiceMessage, message, VoiceClose.DecodeError)
    this.#count(CHATTY.has(op) ? 'chatter' : 'commands', now)
    if (this.#state.kind === 'live') dispatch(this.#state.session, op, data, this.#gateway, now)
    else this.#authenticate(op, data, now)
  }

  #receiveBinary(data: Uint8Array, now: number): void {
    if (data.length > LIMITS.binaryMessage) throw new ProtocolError(VoiceClose.DecodeError, 'the message is too long')
    if (this.#state.kind !== 'live') throw new ProtocolError(VoiceClose.NotAuthenticated, 'expected Identify or Resume')
    this.#count('chatter', now)
    dispatchBinary(this.#state.session, data, this.#gateway, now)
  }

  /** The limits belong to the voice state: a client does not escape them with another connection. */
  #count(rate: 'commands' | 'chatter' | 'text', now: number, amount = 1): void {
    if (this.#state.kind === 'live' && !this.#state.rates[rate].take(now, amount))
      throw new ProtocolError(VoiceClose.RateLimited, rate === 'text' ? 'too much text' : 'too many messages')
  }

  #authenticate(op: number, data: unknown, now: number): void {
    if (this.#state.kind === 'held') throw new ProtocolError(VoiceClose.AlreadyAuthenticated, 'Identify is in progress')
    switch (op) {
      case VoiceOp.Identify:
        return this.#identify(decode(Identify, data, VoiceClose.DecodeError), now)
      case VoiceOp.Resume:
        return this.#enter(this.#gateway.sessions.resume(decode(Resume, data, VoiceClose.DecodeError), this, now), now)
      default:
        throw new ProtocolError(VoiceClose.NotAuthenticated, 'expected Identify or Resume')
    }
  }

  /** Without a match it waits for the voice state, if it may; a held one goes on waiting. */
  #identify(identify: Identify, now: number): void {
    const result = this.#gateway.sessions.identify(identify, this, now)
    if (result.ok) return this.#enter(result.value, now)
    const state = this.#state
    if (state.kind === 'held') state.refusal = result.reason
    else if (state.kind === 'greeting' && this.#gateway.held.add(identify, this)) {
      const until = now + this.#gateway.held.grace
      this.#state = { kind: 'held', identify, refusal: result.reason, until, messages: state.messages }
    } else this.#refuse(identify, result.reason, now)
  }

  #enter(session: VoiceSession, now: number): void {
    this.#release()
    this.#gateway.effects.authenticated(this.id, session.channel.backend)
    const rates = session.voiceState.rates(now)
    this.#state = { kind: 'live', session, rates, silentUntil: now + LIMITS.heartbeatGrace }
  }

  #refuse(identify: Identify, refusal: IdentifyRefusal, now: number): void {
    this.#gateway.identifyRefused(identify, refusal, this.remoteAddress, now)
    this.#lose(refusal.code, refusal.reason, now)
  }

  /** It counts no longer among those that have not identified. */
  #release(): void {
    this.#gateway.greetings.remove(this)
    if (this.#state.kind === 'held') this.#gateway.held.remove(this.#state.identify, this)
  }

  /** Answers immediately, with the nonce as the client wrote it and in the same shape. Version 1 is answered with op 3. */
  #heartbeat(text: string, data: unknown): void {
    const source = memberSource(text, 'd') ?? 'null'
    const isObject = isRecord(data)
    const nonce = isObject ? (memberSource(source, 't') ?? 'null') : source
    if (nonce.length > LIMITS.heartbeatNonce)
      throw new ProtocolError(VoiceClose.DecodeError, 'the heartbeat nonce is too long')
    const op = this.version === 1 ? VoiceOp.Heartbeat : VoiceOp.HeartbeatAck
    this.sendMessage(isObject ? `{"op":${op},"d":{"t":${nonce}}}` : `{"op":${op},"d":${nonce}}`)
    const seqAck = readSeqAck(data)
    if (this.#state.kind === 'live' && seqAck !== false) this.#state.session.acknowledge(seqAck)
  }
}
