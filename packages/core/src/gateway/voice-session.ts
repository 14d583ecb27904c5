// A voice session: what a resume restores. It outlives connections, and its media continues while it has none.
import { encodeNodeBinary, type Identify, NUMBERED_OPS, type VoiceEvents, VoiceOp } from '@parley/protocol'
import type { Channel } from '../channel/channel.ts'
import type { Ending } from '../channel/channel-session.ts'
import type { LaneHandle, PeerNumbers } from '../channel/lane-handle.ts'
import type { VideoSource } from '../channel/video/video-source.ts'
import type { VoiceState } from '../channel/voice-states/voice-state.ts'
import type { Timed } from '../deadlines.ts'
import type { PeerQuality } from '../lane/commands.ts'
import type { LayerReport } from '../lane/layer-report.ts'
import { LIMITS } from '../limits.ts'
import { ReplayBuffer, type ReplayLimits } from '../replay-buffer.ts'
import type { TokenOwner } from './authenticator.ts'
import { type MediaOwner, type OverBitrate, SessionMedia } from './session-media.ts'

/** What a session needs of the connection it is attached to. */
export interface Attachment {
  readonly version: number
  readonly remoteAddress: string
  sendMessage(data: string | Uint8Array): void
  close(code: number, reason: string): void
}

/** Is notified of the life of sessions. */
export interface SessionObserver {
  /** Its media may flow, and the other members know of it. */
  sessionEntered(session: VoiceSession, now: number): void
  sessionDetached(session: VoiceSession, code: number, now: number): void
  sessionResumed(session: VoiceSession, now: number): void
  sessionEnded(session: VoiceSession, ending: Ending, now: number): void
  /** Its speaking flags, or whether it sends video, changed. */
  sessionSpoke(session: VoiceSession): void
  /** The layer that it is sent of a source, or the reason for it, changed. */
  sessionViewed(session: VoiceSession, report: LayerReport): void
  /** So many of its packets were above a limit of bit rate; at most once a minute. */
  sessionExceededBitrate(session: VoiceSession, over: OverBitrate): void
  /** It no longer views the source with this SSRC. */
  sessionViewEnded(session: VoiceSession, ssrc: number): void
  /** A source of its video began, paused or ended, or has another number of viewers. */
  sessionSourceChanged(session: VoiceSession, source: VideoSource): void
}

export interface VoiceSessionOptions {
  readonly identify: Identify
  readonly voiceState: VoiceState
  readonly channel: Channel
  readonly tokenOwner: TokenOwner
  readonly connection: Attachment
  /** The address that Ready names. */
  readonly mediaIp: string
  /** Where its peer is. */
  readonly lane: LaneHandle
  readonly numbers: PeerNumbers
  readonly observer: SessionObserver
  /** When the client identified. */
  readonly now: number
}

/** A session as `VoiceNode.inspect()` shows it. */
export interface VoiceSessionInspection {
  readonly backend: string
  readonly userId: string
  readonly sessionId: string
  readonly channelId: string
  /** The lane that it sends to and receives from. */
  readonly lane: number
  readonly state: 'connected' | 'detached' | 'ended'
  /** The address of its latest connection. */
  readonly address: string
  /** When the client identified, on the clock of the node's inputs. */
  readonly openedAt: number
  /** Gateway version. */
  readonly version: number
  readonly audioSsrc: number
  /** Undefined before Select Protocol. */
  readonly transport:
    | { readonly kind: 'udp'; readonly mode: string }
    | { readonly kind: 'webrtc'; readonly state: string; readonly profile: string | undefined }
    | undefined
  /** Whether the other members know of it. */
  readonly present: boolean
  readonly mutedByOperator: boolean
  /** How its packets arrived at the last report of the lane; undefined before. */
  readonly quality: PeerQuality | undefined
  /** Speaking flags. */
  readonly speaking: number
  /** Whether it sends video. */
  readonly video: boolean
  /** What it is sent of the video of others. */
  readonly views: readonly LayerReport[]
  /** Number of the newest numbered message. */
  readonly lastSeq: number
  /** Numbered messages kept for resume. */
  readonly kept: number
}

type State =
  | { kind: 'connected'; connection: Attachment }
  | { kind: 'detached'; until: number; code: number }
  | { kind: 'ended' }

/** A message that is kept for resume: the JSON of its data, or a binary payload. */
interface Numbered {
  op: VoiceOp
  seq: number
  body: string | Uint8Array
}

const REPLAY_LIMITS: ReplayLimits = {
  highest: LIMITS.replayHighest,
  messages: LIMITS.replayMessages,
  bytes: LIMITS.replayBytes,
}

const envelope = ({ op, seq, body }: Numbered): string | Uint8Array =>
  typeof body === 'string' ? `{"op":${op},"seq":${seq},"d":${body}}` : encodeNodeBinary(seq, op, body)

export class VoiceSession implements MediaOwner, Timed {
  readonly sessionId: string
  readonly voiceState: VoiceState
  readonly channel: Channel
  readonly tokenOwner: TokenOwner
  readonly media: SessionMedia
  /** The highest DAVE version its client claims. */
  readonly daveVersion: number
  readonly mediaIp: string
  /** When the client identified. */
  readonly openedAt: number
  #remoteAddress: string
  #state: State
  #version: number
  readonly #replay: ReplayBuffer<Numbered>
  readonly #observer: SessionObserver

  constructor({ identify, voiceState, channel, tokenOwner, connection, ...options }: VoiceSessionOptions) {
    this.sessionId = identify.session_id
    this.voiceState = voiceState
    this.channel = channel
    this.tokenOwner = tokenOwner
    this.media = new SessionMedia(this, identify, options)
    this.daveVersion = daveVersionOf(identify)
    this.mediaIp = options.mediaIp
    this.openedAt = options.now
    this.#remoteAddress = connection.remoteAddress
    this.#version = connection.version
    this.#state = { kind: 'connected', connection }
    this.#observer = options.observer
    this.#replay = new ReplayBuffer(REPLAY_LIMITS, channel.usage)
  }

  get userId(): string {
    return this.voiceState.userId
  }
  get version(): number {
    return this.#version
  }
  /** The address of its latest connection. */
  get remoteAddress(): string {
    return this.#remoteAddress
  }
  get ended(): boolean {
    return this.#state.kind === 'ended'
  }
  isAttachedTo(connection: Attachment): boolean {
    return this.#state.kind === 'connected' && this.#state.connection === connection
  }
  /** Whether the other members know of it. */
  get isPresent(): boolean {
    return this.channel.isPresent(this)
  }
  get deadline(): number {
    return this.#state.kind === 'detached' ? this.#state.until : Infinity
  }

  tick(now: number): void {
    if (this.#state.kind !== 'detached' || now < this.#state.until) return
    this.end({ code: this.#state.code, reason: 'the session was not resumed in time' }, now)
  }

  /** Registers the session with its channel and opens its peer. */
  open(): void {
    this.media.open()
    if (this.#state.kind === 'connected') this.media.connectedFrom(this.#state.connection.remoteAddress)
    this.channel.addSession(this)
  }

  /** Session Description was sent: the session becomes present. */
  enter(now: number): void {
    const wasPresent = this.isPresent
    this.channel.enter(this, now)
    if (!wasPresent) this.#observer.sessionEntered(this, now)
  }

  send<Op extends keyof VoiceEvents & VoiceOp>(op: Op, data: VoiceEvents[Op]): void {
    this.sendText(op, JSON.stringify(data))
  }

  /** Numbers, keeps and sends one message. While detached, numbered messages are only kept. */
  sendText(op: VoiceOp, text: string): void {
    if (this.#version >= 8 && NUMBERED_OPS.has(op)) this.#sendNumbered(op, text)
    else if (this.#state.kind === 'connected') this.#state.connection.sendMessage(`{"op":${op},"d":${text}}`)
  }

  /** A DAVE message. From version 8 on all of them are numbered, and kept while detached. */
  sendBinary(op: VoiceOp, payload: Uint8Array): void {
    // Clients refuse proposals about users that were not announced to them.
    if (op !== VoiceOp.DaveExternalSender) this.channel.announceArrivals()
    if (this.#version >= 8) this.#sendNumbered(op, payload)
    else if (this.#state.kind === 'connected')
      this.#state.connection.sendMessage(encodeNodeBinary(undefined, op, payload))
  }

  refuseSealed(): void {
    this.media.refuseSealed()
  }

  spoke(): void {
    this.#observer.sessionSpoke(this)
  }
  viewed(report: LayerReport): void {
    this.#observer.sessionViewed(this, report)
  }
  bitrateExceeded(over: OverBitrate): void {
    this.#observer.sessionExceededBitrate(this, over)
  }
  viewEnded(ssrc: number): void {
    this.#observer.sessionViewEnded(this, ssrc)
  }
  sourceChanged(source: VideoSource): void {
    this.#observer.sessionSourceChanged(this, source)
  }

  /** The client has every numbered message up to `seqAck`. */
  acknowledge(seqAck: number | null | undefined): void {
    this.#replay.acknowledge(seqOf(seqAck))
  }

  /** Its connection is lost; it may be resumed until `until`. */
  detach(connection: Attachment, code: number, until: number, now: number): void {
    if (!this.isAttachedTo(connection)) return
    this.#state = { kind: 'detached', until, code }
    this.channel.encryption.away(this, now)
    this.#observer.sessionDetached(this, code, now)
  }

  /** Whether every message after `seqAck` is kept, where messages are numbered. */
  canResume(seqAck: number | null | undefined, version: number): boolean {
    return version < 8 || this.#version < 8 || this.#replay.after(seqOf(seqAck)) !== undefined
  }

  /** Attaches a new connection and sends Resumed, then the missed messages in order, or a snapshot where none are numbered. */
  resume(connection: Attachment, seqAck: number | null | undefined, replaced: Ending, now: number): void {
    const missed = this.#version >= 8 && connection.version >= 8 ? this.#replay.after(seqOf(seqAck)) : undefined
    if (this.#state.kind === 'connected') this.#state.connection.close(replaced.code, replaced.reason)
    this.#state = { kind: 'connected', connection }
    this.#version = connection.version
    this.#remoteAddress = connection.remoteAddress
    this.media.connectedFrom(connection.remoteAddress)
    this.send(VoiceOp.Resumed, null)
    for (const message of missed ?? []) connection.sendMessage(envelope(message))
    if (missed === undefined && this.isPresent) this.channel.resumedWithoutReplay(this)
    this.channel.encryption.back(this, missed, now)
    this.#observer.sessionResumed(this, now)
  }

  end(ending: Ending, now: number): void {
    const state = this.#state
    if (state.kind === 'ended') return
    this.#state = { kind: 'ended' }
    this.channel.leave(this, now)
    this.media.close()
    this.#replay.clear()
    if (state.kind === 'connected') state.connection.close(ending.code, ending.reason)
    this.#observer.sessionEnded(this, ending, now)
  }

  inspect(): VoiceSessionInspection {
    const { transport, audio, speaking, isSendingVideo, quality, lane } = this.media
    return {
      backend: this.channel.backend,
      userId: this.userId,
      sessionId: this.sessionId,
      channelId: this.channel.channelId,
      lane: lane.id,
      state: this.#state.kind,
      address: this.#remoteAddress,
      openedAt: this.openedAt,
      version: this.#version,
      audioSsrc: audio.ssrc,
      transport: transport?.kind === 'webrtc' ? transport.inspect() : transport,
      present: this.isPresent,
      mutedByOperator: this.voiceState.mutedByOperator,
      quality,
      speaking,
      video: isSendingVideo,
      views: [...this.media.layers.values()],
      lastSeq: this.#replay.last,
      kept: this.#replay.size,
    }
  }

  #sendNumbered(op: VoiceOp, body: string | Uint8Array): void {
    if (this.#state.kind === 'ended') return
    const message = { op, seq: this.#replay.next, body }
    this.#replay.push(message, body.length)
    if (this.#state.kind === 'connected') this.#state.connection.sendMessage(envelope(message))
  }
}

/** The highest DAVE version a client claims. */
export const daveVersionOf = (identify: Identify): number => identify.max_dave_protocol_version ?? 0

/** Absent, null, 0 and −1 mean "no message received"; one client holds the number in a signed 16-bit integer. */
const seqOf = (seqAck: number | null | undefined): number =>
  seqAck === undefined || seqAck === null || seqAck === -1 ? 0 : seqAck & 0xffff
