// A voice client session without sockets or clock: messages in, messages and events out, time as an argument.
import { MediaSinkWants, VOICE_VERSION, VoiceClose, VoiceOp } from '@parley/protocol'
import type { z } from 'zod'
import { Backoff } from '../../backoff.ts'
import { LIMITS } from '../../limits.ts'
import type { ClientDave } from '../dave/dave.ts'
import type { DaveEvent } from '../dave/dave-messages.ts'
import { localDaveOf, type RemoteDaveSession, remoteDaveOf } from '../dave/remote-dave.ts'
import { ClientClose, type Reaction, reactionTo } from './close-policy.ts'
import { identifyData, resumeData, SEQ_VERSION, seqAck, type VoiceSessionOptions } from './credentials.ts'
import { Heartbeat } from './heartbeat.ts'
import type { MembersView } from './members.ts'
import { Roster } from './roster.ts'
import { deadlineOf, type Entrance, type State, type VoiceSessionState } from './session-state.ts'
import * as messages from './voice-messages.ts'
import type { ProtocolSelection, VoiceOutput } from './voice-outputs.ts'

/** The lowest gateway version that this client supports. */
const MIN_VERSION = 4
/**
 * The client side of the voice gateway as a state machine. Feed it the events of a WebSocket, apply `takeOutputs` after every
 * input, and call `tick` at `deadline`. `now` is milliseconds of a monotonic clock. A lost connection is resumed, or the
 * session identifies again, until `close`, a close code that forbids it, or `attempts`.
 */
export class VoiceClientSession {
  /** Seals and opens frames; undefined without a DAVE library, or with one in another thread. */
  readonly dave: ClientDave | undefined
  readonly #remoteDave: RemoteDaveSession | undefined
  readonly #options: VoiceSessionOptions
  readonly #backoff: Backoff
  #outputs: VoiceOutput[] = []
  readonly #roster = new Roster(output => this.#outputs.push(output))
  #state: State = { kind: 'idle' }
  #version: number
  /** `seq` of the newest numbered message; 0 before the first of a session. */
  #seq = 0
  /** Flags that the caller set, and those that the node was last sent in this session. */
  #speaking: { flags: number; announced: number | undefined } = { flags: 0, announced: undefined }
  #roundTrip: number | undefined
  /** Times in a row that a live connection was closed as replaced, without a stable period between them. */
  #replacements = 0
  /** SSRC of our audio where the client chooses it (WebRTC). */
  #webrtcSsrc: number | undefined

  /** Throws a RangeError for an unsupported version. */
  constructor(options: VoiceSessionOptions) {
    const version = options.version ?? VOICE_VERSION.max
    if (!Number.isInteger(version) || version < MIN_VERSION || version > VOICE_VERSION.max)
      throw new RangeError(`expected a version from ${MIN_VERSION} to ${VOICE_VERSION.max}, found ${version}`)
    this.dave = localDaveOf(options, output => this.#outputs.push(output))
    this.#remoteDave = remoteDaveOf(options, output => this.#outputs.push(output))
    this.#options = options
    this.#version = version
    this.#backoff = new Backoff(options.random ?? Math.random)
  }

  /** When to call `tick`; `Infinity` if never. */
  get deadline(): number {
    return deadlineOf(this.#state)
  }
  /** The gateway version: the requested one, or a lower one that Hello names. */
  get version(): number {
    return this.#version
  }
  /** Where the session is; see `VoiceSessionState`. */
  get state(): VoiceSessionState {
    return this.#state.kind
  }
  /** Close code and reason of the session; undefined before its end. */
  get end(): { readonly code: number; readonly reason: string } | undefined {
    return this.#state.kind === 'closed' ? this.#state : undefined
  }
  /** The other members of the channel. */
  get members(): MembersView {
    return this.#roster.members
  }
  /** Milliseconds of the latest heartbeat's round trip; undefined before the first acknowledgement. */
  get roundTrip(): number | undefined {
    return this.#roundTrip
  }
  /** `seq` of the newest numbered message received; 0 before the first. */
  get seq(): number {
    return this.#seq
  }

  /** All outputs since the last call. */
  takeOutputs(): VoiceOutput[] {
    const taken = this.#outputs
    this.#outputs = []
    return taken
  }

  /** Connects. No effect after the first call. */
  start(now: number): void {
    if (this.#state.kind === 'idle') this.#connect({ kind: 'first' }, now)
  }

  /** The WebSocket opened. */
  connectionOpened(now: number): void {
    if (this.#state.kind !== 'connecting') return
    const { entrance } = this.#state
    this.#state = { kind: 'entering', entrance, by: now + LIMITS.stepTimeout, heartbeat: undefined }
    const version = this.#version
    if (entrance.kind === 'resume') this.#send(VoiceOp.Resume, resumeData(this.#options, version, this.#seq))
    else this.#send(VoiceOp.Identify, identifyData(this.#options, version))
  }

  /** A text or binary message arrived. */
  messageReceived(data: string | Uint8Array, now: number): void {
    if (!this.#isOpen) return
    const isNumbered = this.#version >= SEQ_VERSION
    const message = typeof data === 'string' ? messages.decodeEnvelope(data) : messages.decodeBinary(data, isNumbered)
    if (message === undefined) return this.#undecodable('A message')
    if (message.seq !== undefined && message.seq > 0 && message.seq <= 0xffff) this.#seq = message.seq
    if ('d' in message) this.#dispatch(message.op, message.d, now)
    else this.#dave?.receiveBinary(message.op, message.payload, this.#roster.members)
  }

  /** An event of the DAVE session in another thread, in answer to an output `dave`. */
  daveEvent(event: DaveEvent): void {
    if (event.output.kind !== 'send' || this.#isOpen) this.#remoteDave?.take(event)
  }

  /**
   * The WebSocket closed, or could not be opened (code 1006 and the reason). The close code decides whether the session
   * resumes, identifies again or ends: see close-policy.ts.
   */
  connectionClosed(code: number, reason: string, now: number): void {
    const state = this.#state
    const isResuming = state.kind === 'entering' && state.entrance.kind === 'resume'
    if (state.kind === 'live' && code === VoiceClose.SessionInvalid && this.#isReplacedForGood(now))
      return this.#end(code, reason)
    this.#lose(code, reason, reactionTo(code, isResuming), now)
  }

  /**
   * Handles whatever is due: a reconnect, a step that took too long, a heartbeat. Calls before `deadline` have no
   * effect.
   */
  tick(now: number): void {
    const state = this.#state
    if (now < this.deadline) return
    switch (state.kind) {
      case 'idle':
      case 'closed':
        return
      case 'waiting':
        return this.#connect(state.entrance, now)
      case 'connecting':
        return this.fail('the connection did not open in time', now)
      case 'entering':
      case 'selecting':
        if (now >= state.by) return this.fail('the node did not answer in time', now)
        return this.#beat(now)
      case 'live':
        return this.#beat(now)
    }
  }

  /** Answers the output `ready`. May be repeated later: the node then issues a new key. Returns false if not connected. */
  select(selection: ProtocolSelection): boolean {
    if (this.#state.kind !== 'selecting' && this.#state.kind !== 'live') return false
    this.#webrtcSsrc = selection.protocol === 'webrtc' ? selection.audioSsrc : undefined
    this.#send(VoiceOp.SelectProtocol, messages.wireSelection(selection))
    return true
  }

  /** Declares our speaking flags (op 5). They are declared again after a reconnect where the node needs it. */
  setSpeaking(flags: number): void {
    this.#speaking.flags = flags
    this.#announceSpeaking()
  }

  /** Sends any other opcode. Returns false if not connected. */
  command(op: number, data: unknown): boolean {
    if (this.#state.kind !== 'selecting' && this.#state.kind !== 'live') return false
    this.#send(op, data)
    return true
  }

  /** Closes a connection that the host found unusable, and reconnects. */
  fail(reason: string, now: number): void {
    if (this.#isOpen || this.#state.kind === 'connecting')
      this.#outputs.push({ kind: 'close', code: ClientClose.Resumable, reason })
    this.#lose(ClientClose.Resumable, reason, 'resume', now)
  }

  /** Leaves the channel and ends the session. The node removes it at once, because the close code is 1000. */
  close(reason = 'left'): void {
    if (this.#state.kind === 'closed') return
    if (this.#isOpen || this.#state.kind === 'connecting')
      this.#outputs.push({ kind: 'close', code: ClientClose.Done, reason })
    this.#end(ClientClose.Done, reason)
  }

  get #dave(): ClientDave | RemoteDaveSession | undefined {
    return this.dave ?? this.#remoteDave
  }

  get #isOpen(): boolean {
    return this.#state.kind === 'entering' || this.#state.kind === 'selecting' || this.#state.kind === 'live'
  }

  /** A node invalidates a live session only in favour of another client with the same credentials. */
  #isReplacedForGood(now: number): boolean {
    this.#replacements = this.#backoff.isStable(now) ? 1 : this.#replacements + 1
    return this.#replacements > LIMITS.replacements
  }

  /**
   * The connection is gone: waits for the next attempt, or ends the session if `reaction` or the number of attempts
   * says so.
   */
  #lose(code: number, reason: string, reaction: Reaction, now: number): void {
    const state = this.#state
    if (state.kind === 'idle' || state.kind === 'waiting' || state.kind === 'closed') return
    const entrance = this.#nextEntrance(reaction)
    if (entrance === undefined) return this.#end(code, reason)
    const wait = this.#backoff.next(now)
    this.#state = { kind: 'waiting', entrance, until: now + wait }
    const next = entrance.kind === 'resume' ? 'resume' : 'identify'
    this.#outputs.push({ kind: 'disconnected', code, reason, next, wait, attempt: this.#backoff.attempts })
  }

  /** How the next connection authenticates; undefined to end the session. */
  #nextEntrance(reaction: Reaction): Entrance | undefined {
    const state = this.#state
    const before: Entrance | undefined =
      state.kind === 'live'
        ? { kind: 'resume', joined: state.joined }
        : 'entrance' in state
          ? state.entrance
          : undefined
    if (before === undefined || before.kind === 'first' || reaction === 'stop') return undefined
    if (this.#backoff.attempts >= (this.#options.attempts ?? Infinity)) return undefined
    return reaction === 'resume' ? before : { kind: 'identify' }
  }

  /** Starts a connection. Only a resume keeps members and `seq`. */
  #connect(entrance: Entrance, now: number): void {
    if (entrance.kind !== 'resume') this.#forget()
    this.#state = { kind: 'connecting', entrance, by: now + LIMITS.stepTimeout }
    this.#outputs.push({ kind: 'connect', version: this.#options.version ?? VOICE_VERSION.max })
  }

  /** A new session has no members and no received messages. */
  #forget(): void {
    this.#version = this.#options.version ?? VOICE_VERSION.max
    this.#seq = 0
    this.#speaking.announced = undefined
    this.#roster.clear()
  }

  #end(code: number, reason: string): void {
    this.#state = { kind: 'closed', code, reason }
    this.#remoteDave?.end()
    this.#roster.members.clear()
    this.#outputs.push({ kind: 'closed', code, reason })
  }

  /** Unknown opcodes are ignored. */
  #dispatch(op: number, data: unknown, now: number): void {
    switch (op) {
      case VoiceOp.Hello:
        return this.#onHello(data, now)
      case VoiceOp.Ready:
        return this.#onReady(data, now)
      case VoiceOp.SessionDescription:
        return this.#onDescription(data, now)
      case VoiceOp.Resumed:
        return this.#onResumed(now)
      case VoiceOp.Heartbeat:
        return this.#sendHeartbeat(now)
      case VoiceOp.HeartbeatAck:
        return this.#onHeartbeatAck(data, now)
      case VoiceOp.SessionUpdate:
        return this.#onSessionUpdate(data)
      case VoiceOp.MediaSinkWants:
        return this.#onWants(data)
      default:
        if (this.#dave?.receive(op, data) !== true) this.#roster.receive(op, data)
    }
  }

  /** Op 8. A lower version in Hello is the node's offer; heartbeats start here. */
  #onHello(data: unknown, now: number): void {
    const state = this.#state
    const hello = this.#readEssential('Hello', messages.Hello, data, now)
    if (hello === undefined || !('heartbeat' in state) || state.heartbeat !== undefined) return
    this.#version = Math.min(this.#version, hello.v ?? this.#version)
    if (this.#version < MIN_VERSION) return this.fail(`the node offers only gateway version ${this.#version}`, now)
    state.heartbeat = new Heartbeat(hello.heartbeat_interval, now)
  }

  /** Op 2. `select` and the node's Session Description have to follow within `LIMITS.stepTimeout`. */
  #onReady(data: unknown, now: number): void {
    const state = this.#state
    if (state.kind !== 'entering' || state.entrance.kind === 'resume') return
    const message = this.#readEssential('Ready', messages.Ready, data, now)
    if (message === undefined) return
    const { ssrc, ip, port, modes, streams } = message
    const ready = { ssrc, ip, port, modes, streams: streams ?? [] }
    const { entrance, heartbeat } = state
    this.#state = { kind: 'selecting', entrance, heartbeat, ready, by: now + LIMITS.stepTimeout }
    this.#outputs.push({ kind: 'ready', ready })
  }

  /** Op 4. The session is live: media may be sent. After a repeated `select` it replaces the key. */
  #onDescription(data: unknown, now: number): void {
    const state = this.#state
    if (state.kind !== 'selecting' && state.kind !== 'live') return
    const message = this.#readEssential('Session Description', messages.SessionDescription, data, now)
    if (message === undefined) return
    const description = messages.descriptionOf(message)
    const { heartbeat } = state
    if (state.kind === 'live') state.joined = { ...state.joined, description }
    else this.#state = { kind: 'live', joined: { ready: state.ready, description }, heartbeat }
    this.#backoff.established(now)
    this.#outputs.push({ kind: 'description', description })
    this.#dave?.described(description.daveVersion)
    this.#announceSpeaking()
  }

  /** Op 9. The missed messages follow as ordinary ones. */
  #onResumed(now: number): void {
    const state = this.#state
    if (state.kind !== 'entering' || state.entrance.kind !== 'resume') return
    const { entrance, heartbeat } = state
    this.#state = { kind: 'live', joined: entrance.joined, heartbeat }
    this.#backoff.established(now)
    // Without numbers there is no replay: the node announces all present members again.
    if (this.#version < SEQ_VERSION) this.#roster.clear()
    this.#outputs.push({ kind: 'resumed' })
    this.#announceSpeaking()
  }

  #onHeartbeatAck(data: unknown, now: number): void {
    this.#heartbeat?.acknowledge(messages.nonceOf(data), now)
    this.#roundTrip = this.#heartbeat?.roundTrip ?? this.#roundTrip
  }

  #onSessionUpdate(data: unknown): void {
    const update = messages.SessionUpdate.safeParse(data)
    if (!update.success) return this.#undecodable('Session Update')
    const { audio_codec, video_codec } = update.data
    this.#outputs.push({ kind: 'codecs', audioCodec: audio_codec ?? undefined, videoCodec: video_codec ?? undefined })
  }

  #onWants(data: unknown): void {
    const wants = MediaSinkWants.safeParse(data)
    if (wants.success) this.#outputs.push({ kind: 'wants', ...wants.data })
    else this.#undecodable('Media Sink Wants')
  }

  /** Decodes a message without which the connection is unusable. */
  #readEssential<T>(name: string, schema: z.ZodType<T>, data: unknown, now: number): T | undefined {
    const read = schema.safeParse(data)
    if (read.success) return read.data
    this.#undecodable(name)
    this.fail(`${name} did not decode`, now)
    return undefined
  }

  #undecodable(name: string): void {
    this.#outputs.push({ kind: 'undecodable', reason: `${name} did not decode` })
  }

  get #heartbeat(): Heartbeat | undefined {
    return 'heartbeat' in this.#state ? this.#state.heartbeat : undefined
  }

  /** Sends the next heartbeat, or fails the connection if the last one was not acknowledged. */
  #beat(now: number): void {
    if (this.#heartbeat?.unanswered === true) this.fail('the node missed a heartbeat', now)
    else this.#sendHeartbeat(now)
  }

  #sendHeartbeat(now: number): void {
    const nonce = this.#heartbeat?.beat(now)
    if (nonce === undefined) return
    this.#send(
      VoiceOp.Heartbeat,
      this.#version >= SEQ_VERSION ? { t: nonce, ...seqAck(this.#version, this.#seq) } : nonce,
    )
  }

  /** The node keeps the flags over a resume. After Identify even 0 is declared: listeners that know our SSRC lose no frame. */
  #announceSpeaking(): void {
    const { flags, announced } = this.#speaking
    if (this.#state.kind !== 'live' || flags === announced) return
    this.#speaking.announced = flags
    this.#send(VoiceOp.Speaking, { speaking: flags, delay: 0, ssrc: this.#webrtcSsrc ?? this.#state.joined.ready.ssrc })
  }

  #send(op: number, d: unknown): void {
    this.#outputs.push({ kind: 'send', data: JSON.stringify({ op, d }) })
  }
}
