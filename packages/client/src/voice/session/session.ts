// A voice client's session without sockets or clocks: messages in, messages and events out, time as an argument.
import type { Identify, Stream } from '@parley/protocol'
import { MediaSinkWants, VOICE_VERSION, VoiceOp } from '@parley/protocol'
import type { z } from 'zod'
import { ClientDave, type DaveLibrary, outletTo } from '../dave/dave.ts'
import { backoff, ClientClose, reactionTo } from './close-policy.ts'
import { Heartbeat } from './heartbeat.ts'
import * as incoming from './incoming.ts'
import type { MembersView } from './members.ts'
import type { ProtocolSelection, VoiceOutput } from './outputs.ts'
import { Roster } from './roster.ts'
import { deadlineOf, type Entrance, type State } from './session-state.ts'

/** Who the session is for, as the backend told it: voice state update and voice server update. */
export interface VoiceCredentials {
  /** The guild; for a DM or group call the channel. */
  serverId: string
  channelId?: string | undefined
  userId: string
  sessionId: string
  token: string
}

export interface VoiceSessionOptions extends VoiceCredentials {
  /** Gateway version, 4 to 9. Without it, 9. */
  version?: number | undefined
  /** What encrypts end to end; without it, calls with this client are in the clear. */
  dave?: DaveLibrary | undefined
  video?: boolean | undefined
  /** Simulcast layers to offer. */
  streams?: readonly Stream[] | undefined
  /** How often in a row to try to come back before giving up; 10 without it. */
  attempts?: number | undefined
  /** In [0, 1); spreads reconnects over time. `Math.random` without it. */
  random?: (() => number) | undefined
}

/** How long connecting, entering and selecting may take, each. The official client gives up after as long. */
const STEP_TIMEOUT = 20_000
/** A session that was live this long has recovered: the next loss starts counting attempts anew. */
const RECOVERED = 30_000
const LOWEST_VERSION = 4
const SEQ_VERSION = 8
const CHANNEL_VERSION = 9

export class VoiceClientSession {
  /** Seals and opens frames; undefined without a library for it. */
  readonly dave: ClientDave | undefined
  readonly #options: VoiceSessionOptions
  readonly #random: () => number
  #outputs: VoiceOutput[] = []
  readonly #roster = new Roster(output => this.#outputs.push(output))
  #state: State = { kind: 'idle' }
  #version: number
  /** Number of the newest numbered message; 0 before the first of a session. */
  #seq = 0
  #attempt = 0
  #speaking: { flags: number; announced: number | undefined } = { flags: 0, announced: undefined }
  #roundTrip: number | undefined
  /** What we send with, where the node does not decide that. */
  #ownSsrc: number | undefined

  /** Throws a RangeError for a version that is not spoken. */
  constructor(options: VoiceSessionOptions) {
    const version = options.version ?? VOICE_VERSION.max
    if (!Number.isInteger(version) || version < LOWEST_VERSION || version > VOICE_VERSION.max)
      throw new RangeError(`expected a version from ${LOWEST_VERSION} to ${VOICE_VERSION.max}, found ${version}`)
    const { dave, userId, channelId, serverId } = options
    const keys = dave?.keysFor(userId, channelId ?? serverId)
    this.dave =
      keys &&
      new ClientDave(
        keys,
        outletTo(output => this.#outputs.push(output)),
      )
    this.#options = options
    this.#version = version
    this.#random = options.random ?? Math.random
  }

  /** When `tick` wants to be called; `Infinity` if never. */
  get deadline(): number {
    return deadlineOf(this.#state)
  }
  /** As asked for, then as the node's Hello has decided. */
  get version(): number {
    return this.#version
  }
  get state(): State['kind'] {
    return this.#state.kind
  }
  /** The others in the channel, as far as the node has told. */
  get members(): MembersView {
    return this.#roster.members
  }
  /** Of the last answered heartbeat. */
  get roundTrip(): number | undefined {
    return this.#roundTrip
  }
  /** Number of the newest numbered message received. */
  get seq(): number {
    return this.#seq
  }

  /** All outputs since the last call. */
  takeOutputs(): VoiceOutput[] {
    const taken = this.#outputs
    this.#outputs = []
    return taken
  }

  start(now: number): void {
    if (this.#state.kind === 'idle') this.#connect({ kind: 'first' }, now)
  }

  connectionOpened(now: number): void {
    if (this.#state.kind !== 'connecting') return
    const { entrance } = this.#state
    this.#state = { kind: 'entering', entrance, by: now + STEP_TIMEOUT, heartbeat: undefined }
    if (entrance.kind === 'resume') this.#send(VoiceOp.Resume, this.#resume())
    else this.#send(VoiceOp.Identify, this.#identify())
  }

  messageReceived(data: string | Uint8Array, now: number): void {
    if (!this.#isOpen) return
    const message = typeof data === 'string' ? incoming.readEnvelope(data) : incoming.readBinary(data)
    if (message === undefined) return this.#undecodable('A message')
    if (message.seq !== undefined && message.seq > 0 && message.seq <= 0xffff) this.#seq = message.seq
    if ('d' in message) this.#dispatch(message.op, message.d, now)
    else this.dave?.receiveBinary(message.op, message.payload, this.#roster.members)
  }

  /** The WebSocket closed, or could not be opened (1006 and why). */
  connectionClosed(code: number, reason: string, now: number): void {
    const state = this.#state
    if (state.kind === 'idle' || state.kind === 'waiting' || state.kind === 'closed') return
    if (state.kind === 'live' && now - state.since >= RECOVERED) this.#attempt = 0
    const entrance = this.#nextEntrance(code)
    if (entrance === undefined) return this.#end(code, reason)
    const wait = backoff(this.#attempt++, this.#random())
    this.#state = { kind: 'waiting', entrance, until: now + wait }
    const next = entrance.kind === 'resume' ? 'resume' : 'identify'
    this.#outputs.push({ kind: 'disconnected', code, reason, next, wait })
  }

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

  /** Answers `ready`. May be repeated while live: the node then makes a new key. */
  select(selection: ProtocolSelection): boolean {
    if (this.#state.kind !== 'selecting' && this.#state.kind !== 'live') return false
    this.#ownSsrc = selection.protocol === 'webrtc' ? selection.audioSsrc : undefined
    this.#send(VoiceOp.SelectProtocol, incoming.fromSelection(selection))
    return true
  }

  /** Declares our speaking flags; kept, and declared again where a new connection needs it. */
  setSpeaking(flags: number): void {
    this.#speaking.flags = flags
    this.#announceSpeaking()
  }

  /** Sends any other opcode, if the node can take it now; says whether it could. */
  command(op: number, data: unknown): boolean {
    if (this.#state.kind !== 'selecting' && this.#state.kind !== 'live') return false
    this.#send(op, data)
    return true
  }

  /** Drops the connection because the host found it of no use; comes back as after any loss. */
  fail(reason: string, now: number): void {
    if (this.#isOpen || this.#state.kind === 'connecting')
      this.#outputs.push({ kind: 'close', code: ClientClose.Resumable, reason })
    this.connectionClosed(ClientClose.Resumable, reason, now)
  }

  /** Leaves the channel for good. */
  close(reason = 'left'): void {
    if (this.#state.kind === 'closed') return
    if (this.#isOpen || this.#state.kind === 'connecting')
      this.#outputs.push({ kind: 'close', code: ClientClose.Done, reason })
    this.#end(ClientClose.Done, reason)
  }

  get #isOpen(): boolean {
    return this.#state.kind === 'entering' || this.#state.kind === 'selecting' || this.#state.kind === 'live'
  }

  /** What to do after a close with `code`; undefined to give up. */
  #nextEntrance(code: number): Entrance | undefined {
    const state = this.#state
    const before: Entrance | undefined =
      state.kind === 'live'
        ? { kind: 'resume', joined: state.joined }
        : 'entrance' in state
          ? state.entrance
          : undefined
    const reaction = reactionTo(code)
    if (before === undefined || before.kind === 'first' || reaction === 'stop') return undefined
    if (this.#attempt >= (this.#options.attempts ?? 10)) return undefined
    return reaction === 'resume' ? before : { kind: 'identify' }
  }

  #connect(entrance: Entrance, now: number): void {
    if (entrance.kind !== 'resume') this.#forget()
    this.#state = { kind: 'connecting', entrance, by: now + STEP_TIMEOUT }
    this.#outputs.push({ kind: 'connect', version: this.#options.version ?? VOICE_VERSION.max })
  }

  /** A session that starts anew knows nobody, and has received nothing. */
  #forget(): void {
    this.#version = this.#options.version ?? VOICE_VERSION.max
    this.#seq = 0
    this.#speaking.announced = undefined
    this.#roster.clear()
  }

  #end(code: number, reason: string): void {
    this.#state = { kind: 'closed' }
    this.#roster.members.clear()
    this.#outputs.push({ kind: 'closed', code, reason })
  }

  #identify(): Identify {
    const { serverId, channelId, userId, sessionId, token, video, streams, dave } = this.#options
    return {
      server_id: serverId,
      ...(this.#version >= CHANNEL_VERSION && channelId !== undefined && { channel_id: channelId }),
      user_id: userId,
      session_id: sessionId,
      token,
      ...(video !== undefined && { video }),
      ...(streams !== undefined && { streams: [...streams] }),
      max_dave_protocol_version: this.#version >= SEQ_VERSION ? (dave?.version ?? 0) : 0,
    }
  }

  #resume(): Record<string, unknown> {
    const { serverId, channelId, sessionId, token } = this.#options
    return {
      server_id: serverId,
      ...(this.#version >= CHANNEL_VERSION && channelId !== undefined && { channel_id: channelId }),
      session_id: sessionId,
      token,
      ...this.#seqAck(),
    }
  }

  #seqAck(): { seq_ack?: number } {
    return this.#version >= SEQ_VERSION && this.#seq > 0 ? { seq_ack: this.#seq } : {}
  }

  /** One line per opcode; unknown ones are ignored. */
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
        if (this.dave?.receive(op, data) !== true) this.#roster.receive(op, data)
    }
  }

  #onHello(data: unknown, now: number): void {
    const state = this.#state
    const hello = this.#readEssential('Hello', incoming.Hello, data, now)
    if (hello === undefined || !('heartbeat' in state) || state.heartbeat !== undefined) return
    this.#version = Math.min(this.#version, hello.v ?? this.#version)
    if (this.#version < LOWEST_VERSION) return this.fail(`the node speaks version ${this.#version}`, now)
    state.heartbeat = new Heartbeat(hello.heartbeat_interval, now)
  }

  #onReady(data: unknown, now: number): void {
    const state = this.#state
    if (state.kind !== 'entering' || state.entrance.kind === 'resume') return
    const message = this.#readEssential('Ready', incoming.Ready, data, now)
    if (message === undefined) return
    const { ssrc, ip, port, modes, streams } = message
    const ready = { ssrc, ip, port, modes, streams: streams ?? [] }
    const { entrance, heartbeat } = state
    this.#state = { kind: 'selecting', entrance, heartbeat, ready, by: now + STEP_TIMEOUT }
    this.#outputs.push({ kind: 'ready', ready })
  }

  #onDescription(data: unknown, now: number): void {
    const state = this.#state
    if (state.kind !== 'selecting' && state.kind !== 'live') return
    const message = this.#readEssential('Session Description', incoming.SessionDescription, data, now)
    if (message === undefined) return
    const description = incoming.toDescription(message)
    const { heartbeat } = state
    if (state.kind === 'live') state.joined = { ...state.joined, description }
    else this.#state = { kind: 'live', joined: { ready: state.ready, description }, heartbeat, since: now }
    this.#outputs.push({ kind: 'description', description })
    this.dave?.described(description.daveVersion)
    this.#announceSpeaking()
  }

  #onResumed(now: number): void {
    const state = this.#state
    if (state.kind !== 'entering' || state.entrance.kind !== 'resume') return
    const { entrance, heartbeat } = state
    this.#state = { kind: 'live', joined: entrance.joined, heartbeat, since: now }
    // Without numbers nothing is replayed: everybody who is here comes again, and the rest have left.
    if (this.#version < SEQ_VERSION) this.#roster.clear()
    this.#outputs.push({ kind: 'resumed' })
    this.#announceSpeaking()
  }

  #onHeartbeatAck(data: unknown, now: number): void {
    this.#heartbeat?.acknowledge(incoming.nonceOf(data), now)
    this.#roundTrip = this.#heartbeat?.roundTrip ?? this.#roundTrip
  }

  #onSessionUpdate(data: unknown): void {
    const update = incoming.SessionUpdate.safeParse(data)
    if (!update.success) return this.#undecodable('Session Update')
    const { audio_codec, video_codec } = update.data
    this.#outputs.push({ kind: 'codecs', audioCodec: audio_codec ?? undefined, videoCodec: video_codec ?? undefined })
  }

  #onWants(data: unknown): void {
    const wants = MediaSinkWants.safeParse(data)
    if (wants.success) this.#outputs.push({ kind: 'wants', ...wants.data })
    else this.#undecodable('Media Sink Wants')
  }

  /** A message without which the connection is of no use. */
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

  /** The next heartbeat, if the one before was answered. */
  #beat(now: number): void {
    if (this.#heartbeat?.unanswered === true) this.fail('the node missed a heartbeat', now)
    else this.#sendHeartbeat(now)
  }

  #sendHeartbeat(now: number): void {
    const nonce = this.#heartbeat?.beat(now)
    if (nonce === undefined) return
    this.#send(VoiceOp.Heartbeat, this.#version >= SEQ_VERSION ? { t: nonce, ...this.#seqAck() } : nonce)
  }

  /** Kept by the node over resumes. After Identify even silence is told: who knows our SSRC in time loses no first frame. */
  #announceSpeaking(): void {
    const { flags, announced } = this.#speaking
    if (this.#state.kind !== 'live' || flags === announced) return
    this.#speaking.announced = flags
    this.#send(VoiceOp.Speaking, { speaking: flags, delay: 0, ssrc: this.#ownSsrc ?? this.#state.joined.ready.ssrc })
  }

  #send(op: number, d: unknown): void {
    this.#outputs.push({ kind: 'send', data: JSON.stringify({ op, d }) })
  }
}
