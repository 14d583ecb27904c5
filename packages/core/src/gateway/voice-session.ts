// A voice session: what a resume restores. It outlives connections; its media goes on while it has none.
import {
  type Codec,
  encodeNodeBinary,
  type Identify,
  type MediaSinkWants,
  NUMBERED_OPS,
  SpeakingFlag,
  type Stream,
  type Video,
  VoiceClose,
  type VoiceEvents,
  type VoiceMode,
  VoiceOp,
} from '@parley/protocol'
import type { Channel, ChannelSession, Ending } from '../channel/channel.ts'
import type { PeerOwner } from '../channel/lane-handle.ts'
import type { RouteSource } from '../channel/media-routes.ts'
import type { VoiceState } from '../channel/voice-state.ts'
import type { Crypto } from '../crypto.ts'
import type { Timed } from '../deadlines.ts'
import type { PeerId } from '../lane/commands.ts'
import { LIMITS } from '../limits.ts'
import { ReplayBuffer } from '../replay-buffer.ts'
import { selectUdp, type UdpTransport } from '../transport/udp-transport.ts'
import { discordMapping, videoTypes } from '../transport/video-mapping.ts'
import type { WebrtcTransport } from '../transport/webrtc/webrtc-transport.ts'

/** What a session needs of the connection it is attached to. */
export interface Attachment {
  readonly version: number
  sendMessage(data: string | Uint8Array): void
  close(code: number, reason: string): void
}

/** Who wants to know how sessions fare. */
export interface SessionObserver {
  /** Its media may flow; the others know of it. */
  sessionEntered(session: VoiceSession, now: number): void
  sessionDetached(session: VoiceSession, code: number, now: number): void
  sessionResumed(session: VoiceSession, now: number): void
  sessionEnded(session: VoiceSession, code: number, now: number): void
  sessionSpoke(session: VoiceSession): void
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

const envelope = ({ op, seq, body }: Numbered): string | Uint8Array =>
  typeof body === 'string' ? `{"op":${op},"seq":${seq},"d":${body}}` : encodeNodeBinary(seq, op, body)

export class VoiceSession implements ChannelSession, PeerOwner, Timed {
  readonly sessionId: string
  /** The token it identified with; a resume has to show the same. */
  readonly token: string
  readonly voiceState: VoiceState
  readonly channel: Channel
  readonly peer: PeerId
  /** The first of its block of SSRCs. */
  readonly audio: RouteSource
  /** The next one; that of its retransmissions follows. */
  readonly camera: RouteSource
  readonly takesVideo: boolean
  /** The highest DAVE version its client claims, as far as its gateway version can carry it. */
  readonly daveVersion: number
  readonly offeredStreams: readonly Stream[]
  speaking = 0
  lastSpeaking = 0
  hasDeclaredSpeaking = false
  wants: MediaSinkWants = { any: 100, wants: new Map(), pixelCounts: new Map() }
  codecs: readonly Codec[] = []
  /** Whether it can take part in video: it says so, and has numbers for codecs that the node knows. */
  hasVideo = false
  /** What it last declared of its video; undefined before it did. */
  video: Video | undefined
  transport: UdpTransport | WebrtcTransport | undefined
  #state: State
  #version: number
  #hasMapping = false
  readonly #replay = new ReplayBuffer<Numbered>({
    highest: LIMITS.replayHighest,
    messages: LIMITS.replayMessages,
    bytes: LIMITS.replayBytes,
  })
  readonly #observer: SessionObserver
  /** The address that its client was told to send media to. */
  readonly mediaIp: string

  constructor(
    identify: Identify,
    voiceState: VoiceState,
    channel: Channel,
    connection: Attachment,
    mediaIp: string,
    observer: SessionObserver,
  ) {
    this.sessionId = identify.session_id
    this.token = identify.token
    this.voiceState = voiceState
    this.channel = channel
    const first = channel.lane.ssrcs.allocate()
    const ssrcs = Int32Array.from({ length: LIMITS.ssrcsPerSession }, (_, index) => first + index)
    const peer = channel.lane.addPeer(this, ssrcs)
    this.peer = peer
    this.audio = { peer, ssrc: first }
    this.camera = { peer, ssrc: first + 1 }
    this.takesVideo = identify.video === true
    this.offeredStreams = identify.streams ?? []
    this.daveVersion = daveVersionOf(identify, connection)
    this.#version = connection.version
    this.#state = { kind: 'connected', connection }
    this.mediaIp = mediaIp
    this.#observer = observer
    channel.sessions.set(voiceState.userId, this)
  }

  get userId(): string {
    return this.voiceState.userId
  }
  get version(): number {
    return this.#version
  }
  get ended(): boolean {
    return this.#state.kind === 'ended'
  }
  get attached(): boolean {
    return this.#state.kind === 'connected'
  }
  isAttachedTo(connection: Attachment): boolean {
    return this.#state.kind === 'connected' && this.#state.connection === connection
  }
  get deadline(): number {
    return this.#state.kind === 'detached' ? this.#state.until : Infinity
  }
  /** Whether the others know of it. */
  get isPresent(): boolean {
    return this.channel.isPresent(this)
  }
  get isWebrtc(): boolean {
    return this.transport?.kind === 'webrtc'
  }
  get audioSsrc(): number {
    return this.audio.ssrc
  }
  /** Without layers, `video_ssrc` alone says so; with some, one has to be on. */
  get isSendingVideo(): boolean {
    const { video_ssrc, streams } = this.video ?? {}
    return (video_ssrc ?? 0) > 0 && (!streams?.length || this.layer !== undefined)
  }
  /** Of a native client that is the one with the first SSRC for video, of a browser the first that it names. */
  get layer(): Stream | undefined {
    const active = this.video?.streams?.filter(stream => (stream.ssrc ?? 0) > 0 && stream.active !== false)
    return active?.find(({ ssrc }) => ssrc === this.camera.ssrc) ?? active?.[0]
  }

  tick(now: number): void {
    if (this.#state.kind !== 'detached' || now < this.#state.until) return
    this.end({ code: this.#state.code, reason: 'not resumed in time' }, now)
  }

  send<Op extends keyof VoiceEvents & VoiceOp>(op: Op, data: VoiceEvents[Op]): void {
    this.sendText(op, JSON.stringify(data))
  }

  /** Numbers, keeps and sends one message. While detached, numbered messages are only kept. */
  sendText(op: VoiceOp, text: string): void {
    if (this.#version >= 8 && NUMBERED_OPS.has(op)) this.#sendNumbered(op, text)
    else if (this.#state.kind === 'connected') this.#state.connection.sendMessage(`{"op":${op},"d":${text}}`)
  }

  /** One of DAVE's messages. All of them are numbered. */
  sendBinary(op: VoiceOp, payload: Uint8Array): void {
    // Clients refuse proposals about users of whom they have not heard.
    if (op !== VoiceOp.DaveExternalSender) this.channel.announceArrivals()
    this.#sendNumbered(op, payload)
  }

  refuseSealed(): void {
    this.channel.lane.send({ kind: 'refuseSealed', peer: this.peer })
  }

  acknowledge(seq: number): void {
    this.#replay.acknowledge(seq)
  }

  /** Select Protocol with `udp`: a new key, Session Description, and at the first time the channel hears of the session. */
  selectUdp(data: unknown, codecs: readonly Codec[], modes: readonly VoiceMode[], crypto: Crypto, now: number): void {
    const { transport, key, command } = selectUdp(data, this.peer, modes, crypto)
    this.#closeTransport()
    this.transport = transport
    if (!this.#describe({ mode: transport.mode, secret_key: [...key] }, codecs, crypto, now)) return
    this.channel.lane.send(command)
    this.#sendMapping()
    this.#enter(now)
  }

  /** The same with `webrtc`; the transport that `open` makes comes to its key by itself. */
  selectWebrtc(open: () => WebrtcTransport, codecs: readonly Codec[], crypto: Crypto, now: number): void {
    this.#closeTransport()
    const transport = open()
    this.transport = transport
    if (this.#describe({ sdp: transport.answer }, codecs, crypto, now)) this.#enter(now)
  }

  /**
   * Op 5. The priority flag is the backend's to grant; a repeat tells nobody anything. The first one does even if it is 0:
   * bots send it to announce their SSRC, and a listener that knows it loses no first frame.
   */
  declareSpeaking(flags: number): void {
    const allowed = this.voiceState.priority ? flags : flags & ~SpeakingFlag.Priority
    const isChanged = allowed !== this.speaking
    if (!isChanged && this.hasDeclaredSpeaking) return
    this.hasDeclaredSpeaking = true
    this.speaking = allowed
    if (allowed !== 0) this.lastSpeaking = allowed
    this.channel.speakingChanged(this)
    if (isChanged) this.#observer.sessionSpoke(this)
  }

  /** Listeners need its SSRC, whether or not the client declared that it speaks. */
  packetsArrived(ssrc: number): void {
    if (ssrc === this.audioSsrc && this.lastSpeaking === 0) this.declareSpeaking(SpeakingFlag.Voice)
  }

  datagramArrived(bytes: Uint8Array, now: number): void {
    if (this.transport?.kind === 'webrtc') this.transport.datagramArrived(bytes, now)
  }

  /** Ends rather than detaches: a resume would bring the same key back. */
  keyExhausted(now: number): void {
    this.end({ code: VoiceClose.ServerCrashed, reason: 'a new key is needed' }, now)
  }

  declareVideo(video: Video): void {
    const before = this.isSendingVideo
    const isChanged = JSON.stringify(video) !== JSON.stringify(this.video)
    this.video = video
    this.channel.videoDeclared(this, isChanged)
    if (this.isSendingVideo !== before) this.#observer.sessionSpoke(this)
  }

  /** Op 14. A browser's numbers are those of its SDP. */
  updateCodecs(codecs: readonly Codec[]): void {
    this.#setCodecs(codecs)
    if (this.transport?.kind === 'udp') this.#sendMapping()
    this.channel.codecsChanged(this)
  }

  setWants(wants: MediaSinkWants): void {
    this.wants = wants
    this.channel.wantsChanged(this)
  }

  /** Its connection is gone; it may resume until `until`. */
  detach(connection: Attachment, code: number, until: number, now: number): void {
    if (this.#state.kind !== 'connected' || this.#state.connection !== connection) return
    this.#state = { kind: 'detached', until, code }
    this.channel.encryption.away(this, now)
    this.#observer.sessionDetached(this, code, now)
  }

  /** Whether everything after `seqAck` is still kept, and the connection can carry what is to come. */
  canResume(seqAck: number, version: number): boolean {
    if (version < 8 && this.daveVersion > 0) return false
    return version < 8 || this.#version < 8 || this.#replay.after(seqAck) !== undefined
  }

  /** Attaches a new connection: Resumed, then what was missed in its order, or a fresh snapshot where nothing is numbered. */
  resume(connection: Attachment, seqAck: number, replaced: Ending, now: number): void {
    const missed = this.#version >= 8 && connection.version >= 8 ? this.#replay.after(seqAck) : undefined
    if (this.#state.kind === 'connected') this.#state.connection.close(replaced.code, replaced.reason)
    this.#state = { kind: 'connected', connection }
    this.#version = connection.version
    this.send(VoiceOp.Resumed, null)
    for (const message of missed ?? []) connection.sendMessage(envelope(message))
    if (missed === undefined && this.isPresent) this.channel.resumedAnew(this)
    const opcodes = (missed ?? []).map(({ op }) => op)
    this.channel.encryption.back(this, opcodes, now)
    this.#observer.sessionResumed(this, now)
  }

  end(ending: Ending, now: number): void {
    const state = this.#state
    if (state.kind === 'ended') return
    this.#state = { kind: 'ended' }
    this.channel.leave(this, now)
    this.#closeTransport()
    this.channel.lane.removePeer(this.peer)
    this.channel.lane.ssrcs.release(this.audioSsrc)
    if (state.kind === 'connected') state.connection.close(ending.code, ending.reason)
    this.#observer.sessionEnded(this, ending.code, now)
  }

  inspect(): object {
    return {
      userId: this.voiceState.userId,
      sessionId: this.sessionId,
      channelId: this.channel.channelId,
      state: this.#state.kind,
      version: this.#version,
      audioSsrc: this.audioSsrc,
      transport: this.transport?.kind === 'webrtc' ? this.transport.inspect() : this.transport,
      present: this.isPresent,
      speaking: this.speaking,
      video: this.isSendingVideo,
      lastSeq: this.#replay.last,
      kept: this.#replay.size,
    }
  }

  #setCodecs(codecs: readonly Codec[]): void {
    this.codecs = codecs
    this.hasVideo = this.takesVideo && codecs.some(codec => videoTypes(codec).length > 0)
  }

  /** A native client without video has the node's own numbers, unless it had others before. */
  #sendMapping(): void {
    if (!this.hasVideo && !this.#hasMapping) return
    this.#hasMapping = true
    this.channel.lane.send({ kind: 'setRtpMapping', peer: this.peer, mapping: discordMapping(this.codecs) })
  }

  #closeTransport(): void {
    if (this.transport?.kind === 'webrtc') this.transport.close()
  }

  /** Session Description. Returns false if the session has ended instead: it could not take part in the encryption. */
  #describe(
    transport: Pick<VoiceEvents[typeof VoiceOp.SessionDescription], 'mode' | 'secret_key' | 'sdp'>,
    codecs: readonly Codec[],
    crypto: Crypto,
    now: number,
  ): boolean {
    this.#setCodecs(codecs)
    const daveVersion = this.channel.encryption.join(this, now)
    if (this.ended) return false
    this.send(VoiceOp.SessionDescription, {
      ...transport,
      audio_codec: 'opus',
      video_codec: this.channel.videoCodecs.choose(this),
      media_session_id: crypto.randomHex(16),
      dave_protocol_version: daveVersion,
    })
    return true
  }

  #enter(now: number): void {
    const wasPresent = this.isPresent
    this.channel.enter(this, now)
    if (!wasPresent) this.#observer.sessionEntered(this, now)
  }

  /** While detached, messages are only kept. */
  #sendNumbered(op: VoiceOp, body: string | Uint8Array): void {
    if (this.#state.kind === 'ended') return
    const message = { op, seq: this.#replay.next, body }
    this.#replay.push(message, body.length)
    if (this.#state.kind === 'connected') this.#state.connection.sendMessage(envelope(message))
  }
}

/** The highest DAVE version a client claims. Before gateway version 8 there are no numbered and no binary messages. */
export const daveVersionOf = (identify: Identify, connection: { version: number }): number =>
  connection.version >= 8 ? (identify.max_dave_protocol_version ?? 0) : 0
