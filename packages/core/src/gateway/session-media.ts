// The media of a voice session: its transport, what it sends (audio, camera, screen), what it wants and which codecs it knows.
import { type Codec, type Identify, SpeakingFlag, type Video, VoiceClose } from '@parley/protocol'
import type { Channel } from '../channel/channel.ts'
import type { ChannelMedia, ChannelSession } from '../channel/channel-session.ts'
import type { LaneHandle, PeerNumbers, PeerOwner } from '../channel/lane-handle.ts'
import type { RouteSource } from '../channel/media-routes.ts'
import { type SoundSource, soundSource, withoutSound } from '../channel/video/sound-source.ts'
import { declarationOf, type VideoSource, videoSources } from '../channel/video/video-source.ts'
import type { PeerId, PeerQuality } from '../lane/commands.ts'
import type { LayerReport } from '../lane/layer-report.ts'
import { ALL_WANTED, type Wants } from '../lane/wants.ts'
import { LIMITS } from '../limits.ts'
import type { UdpTransport } from '../transport/udp-transport.ts'
import { discordMapping, hasVideoCodec, UNLISTED_CODECS } from '../transport/video-mapping.ts'
import type { WebrtcTransport } from '../transport/webrtc/webrtc-transport.ts'

/** Packets that were not forwarded, because their sender, or its channel, sent too much. */
export interface OverBitrate {
  readonly member: number
  readonly channel: number
}

/** The session that media belongs to. */
export interface MediaOwner extends ChannelSession {
  readonly channel: Channel
  /** Its speaking flags, or whether it sends video, changed. */
  spoke(): void
  /** The layer that it is sent of a source, or the reason for it, changed. */
  viewed(report: LayerReport): void
  /** So many of its packets were above a limit of bit rate, its own or that of its channel. */
  bitrateExceeded(over: OverBitrate): void
  /** It no longer views the source with this SSRC. */
  viewEnded(ssrc: number): void
}

export class SessionMedia implements ChannelMedia, PeerOwner {
  readonly lane: LaneHandle
  readonly numbers: PeerNumbers
  /** The first SSRC of the session's block. */
  readonly audio: RouteSource
  /** The pairs of SSRCs after it. */
  readonly sources: readonly VideoSource[]
  /** The last SSRC of the block, if Identify offers a sound. */
  readonly sound: SoundSource | undefined
  /** Whether Ready lists the sources. */
  readonly offersVideo: boolean
  speaking = 0
  lastSpeaking = 0
  hasDeclaredSpeaking = false
  wants: Wants = ALL_WANTED
  readonly layers = new Map<number, LayerReport>()
  codecs: readonly Codec[] = []
  /** Undefined before Select Protocol. */
  transport: UdpTransport | WebrtcTransport | undefined
  /** How its packets arrived at the last report of the lane. */
  quality: PeerQuality | undefined
  readonly #owner: MediaOwner
  readonly #identifiedVideo: boolean
  #hasDeclaredVideo = false
  #hasMapping = false
  #sessionIp = ''
  /** Packets above a limit that were not reported yet, and when others may be reported. */
  #over: OverBitrate = { member: 0, channel: 0 }
  #overReportedAt = -Infinity

  constructor(
    owner: MediaOwner,
    { video, streams }: Identify,
    { lane, numbers }: { lane: LaneHandle; numbers: PeerNumbers },
  ) {
    const { peer, ssrcs } = numbers
    const [audioSsrc = 0, ...videoSsrcs] = ssrcs
    this.#owner = owner
    this.lane = lane
    this.numbers = numbers
    this.audio = { peer, ssrc: audioSsrc }
    const offered = withoutSound(streams ?? [])
    this.sources = videoSources(peer, videoSsrcs, offered)
    this.sound = soundSource(peer, ssrcs.at(-1) ?? 0, streams ?? [])
    this.#identifiedVideo = video === true
    this.offersVideo = video === true || offered.length > 0
  }

  get peer(): PeerId {
    return this.numbers.peer
  }
  get knowsSounds(): boolean {
    return this.sound !== undefined
  }
  get isWebrtc(): boolean {
    return this.transport?.kind === 'webrtc'
  }
  /** The IP of the session's WebSocket. */
  get sessionIp(): string {
    return this.#sessionIp
  }
  get takesVideo(): boolean {
    return this.#identifiedVideo || this.hasVideo
  }
  get hasVideo(): boolean {
    return hasVideoCodec(this.codecs)
  }
  get isSendingVideo(): boolean {
    return this.sources.some(source => source.isSending)
  }

  /** Opens the peer on its lane. */
  open(): void {
    this.lane.addPeer(this.numbers, this.#owner.channel.backend, this)
  }

  /** The session's WebSocket comes from `ip`: the lane trusts UDP addresses in the same network more. */
  connectedFrom(ip: string): void {
    if (ip === this.#sessionIp) return
    this.#sessionIp = ip
    this.lane.send({ kind: 'setSessionIp', peer: this.peer, ip })
  }

  /** Closes the transport and the peer. */
  close(): void {
    for (const ssrc of [...this.layers.keys()]) this.#forgetView(ssrc)
    this.closeTransport()
    this.lane.removePeer(this.numbers)
  }

  /** Returns whether anything but the bit rate differs from the last report. */
  #noteView(report: LayerReport): boolean {
    const before = this.layers.get(report.ssrc)
    const { views } = this.#owner.channel.usage
    if (before !== undefined) views[before.reason ?? 'best']--
    views[report.reason ?? 'best']++
    this.layers.set(report.ssrc, report)
    const isSame =
      before?.target === report.target && before.current === report.current && before.reason === report.reason
    if (!isSame) this.#owner.viewed(report)
    return !isSame
  }

  #forgetView(ssrc: number): void {
    const before = this.layers.get(ssrc)
    if (before !== undefined) this.#owner.channel.usage.views[before.reason ?? 'best']--
    this.layers.delete(ssrc)
  }

  closeTransport(): void {
    if (this.transport?.kind === 'webrtc') this.transport.close()
  }

  refuseSealed(): void {
    this.lane.send({ kind: 'refuseSealed', peer: this.peer })
  }

  setCodecs(codecs: readonly Codec[]): void {
    const isUnlisted = this.#hasDeclaredVideo && !hasVideoCodec(codecs)
    this.codecs = isUnlisted ? [...codecs, ...UNLISTED_CODECS] : codecs
  }

  /** A Discord client without video uses the node's payload types, unless it has had a mapping before. */
  sendMapping(): void {
    if (!this.hasVideo && !this.#hasMapping) return
    this.#hasMapping = true
    this.lane.send({ kind: 'setRtpMapping', peer: this.peer, mapping: discordMapping(this.codecs) })
  }

  /** Op 14. The payload types of a WebRTC client are those of its SDP. */
  updateCodecs(codecs: readonly Codec[]): void {
    const hadVideo = this.hasVideo
    this.setCodecs(codecs)
    if (this.transport?.kind === 'udp') this.sendMapping()
    this.#owner.channel.codecsChanged(this.#owner, this.hasVideo && !hadVideo)
  }

  /** Op 15. */
  setWants(wants: Wants): void {
    this.wants = wants
    this.#owner.channel.wantsChanged(this.#owner)
  }

  /**
   * Op 5. Only the backend grants the priority flag. A repeat changes nothing, but the first declaration is announced even if it
   * is 0: bots send it to announce their SSRC, and a listener that knows the SSRC loses no first frame.
   */
  declareSpeaking(flags: number): void {
    const allowed = this.#owner.voiceState.priority ? flags : flags & ~SpeakingFlag.Priority
    const isChanged = allowed !== this.speaking
    if (!isChanged && this.hasDeclaredSpeaking) return
    this.hasDeclaredSpeaking = true
    this.speaking = allowed
    if (allowed !== 0) this.lastSpeaking = allowed
    this.#owner.channel.speakingChanged(this.#owner)
    if (isChanged) this.#owner.spoke()
  }

  /** Op 12. Declaring an SSRC is taking part in video, whatever Identify said. */
  declareVideo(video: Video): void {
    if (video.video_ssrc) this.#hasDeclaredVideo = true
    if (this.#hasDeclaredVideo && !this.hasVideo && this.transport !== undefined) this.updateCodecs(this.codecs)
    const wasSending = this.isSendingVideo
    const before = this.#declared
    const declared = { ...video, streams: video.streams && withoutSound(video.streams) }
    for (const source of this.sources) source.declare(declarationOf(source, this.sources, declared))
    this.sound?.declare(video)
    const isChanged = this.#declared !== before
    this.#owner.channel.videoDeclared(this.#owner, isChanged)
    if (this.isSendingVideo !== wasSending) this.#owner.spoke()
  }

  get #declared(): string {
    return JSON.stringify([this.sound, ...this.sources].map(source => source?.declared))
  }

  /** Listeners need the SSRC, whether or not the client declared that it speaks. The audio of a stream is the sound of its screen. */
  packetsArrived(ssrc: number): void {
    if (ssrc !== this.audio.ssrc || this.lastSpeaking !== 0) return
    const isStream = this.#owner.channel.properties.kind === 'stream'
    this.declareSpeaking(isStream ? SpeakingFlag.Soundshare : SpeakingFlag.Voice)
  }

  layersChanged(layers: readonly LayerReport[], ended: readonly number[]): void {
    for (const ssrc of ended) {
      this.#forgetView(ssrc)
      this.#owner.viewEnded(ssrc)
    }
    let isChanged = false
    for (const report of layers) if (this.#noteView(report)) isChanged = true
    if (isChanged || ended.length > 0) this.#owner.channel.layersChanged()
  }

  datagramArrived(bytes: Uint8Array, now: number): void {
    if (this.transport?.kind === 'webrtc') this.transport.datagramArrived(bytes, now)
  }

  measured(quality: PeerQuality): void {
    this.quality = quality
  }

  /** A client that sends too much does so all the time: one report a minute. */
  bitrateExceeded({ member, channel }: OverBitrate, now: number): void {
    this.#owner.channel.usage.overBitrate += member + channel
    this.#over = { member: this.#over.member + member, channel: this.#over.channel + channel }
    if (now - this.#overReportedAt < LIMITS.overBitrateNotes) return
    this.#owner.bitrateExceeded(this.#over)
    this.#over = { member: 0, channel: 0 }
    this.#overReportedAt = now
  }

  /** Ends the session instead of detaching it: a resume would bring the same key back. */
  keyExhausted(now: number): void {
    this.#owner.end({ code: VoiceClose.ServerCrashed, reason: 'the media key is exhausted' }, now)
  }
}
