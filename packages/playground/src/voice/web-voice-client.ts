// A voice client for browsers: the session of @parley/client on a WebSocket, a timer and an RTCPeerConnection.
import type { DaveReport, DaveWorker } from '@parley/client/browser'
import {
  type Member,
  SessionLoop,
  VoiceClientSession,
  type VoiceDescription,
  type VoiceOutput,
  type VoiceSessionOptions,
} from '@parley/client/sessions'
import { type Stream, VoiceOp } from '@parley/protocol'
import type { CallEncryption } from '../encryption/encryption.ts'
import { Link, type LinkState, mediaStateOf } from './link.ts'
import { type RemoteSource, remoteSourcesOf } from './remote-source.ts'
import { Trace } from './trace.ts'
import { cameraSsrc, OFFERED_STREAMS, type Sends, type SentSsrcs, videoAnnouncement } from './video-announcement.ts'
import { type SentTracks, WebMedia } from './web-media.ts'

export interface WebVoiceOptions extends Omit<VoiceSessionOptions, 'dave'> {
  /** For end-to-end encryption. It serves one client at a time. */
  dave: DaveWorker | undefined
  /** URL of the voice gateway, such as `wss://voice.example.org/`. */
  url: string
  /** Whether the node responds over HTTP. Called when media fails while the gateway connection seems open. Never rejects. */
  isReachable: () => Promise<boolean>
}

/** The reason why a call ended. */
export type CallEnd =
  | { kind: 'closed'; code: number; reason: string }
  /** The gateway responds, but media does not arrive in one or both directions. */
  | { kind: 'noRoute'; address: string | undefined }
  | { kind: 'failed'; reason: string }

/** An interruption: the gateway connection is lost, or no packets arrive although the gateway responds. */
export type Interruption = Extract<LinkState, { kind: 'away' | 'silent' }>

export interface WebVoiceObserver {
  /** The gateway responds, and media is connected. */
  connected(): void
  /** The call is interrupted; the client reconnects by itself. */
  interrupted(by: Interruption): void
  /** The members or their speaking flags have changed. */
  membersChanged(): void
  encryptionChanged(encryption: CallEncryption): void
  sourceAdded(source: RemoteSource, track: MediaStreamTrack): void
  sourceRemoved(source: RemoteSource): void
  /** The call has ended; no other method is called afterwards. */
  ended(end: CallEnd): void
}

/** Milliseconds for the ICE checks and the DTLS handshake. */
const MEDIA_TIMEOUT = 12_000
/** The only code besides 3000 to 4999 that WebSocket.close accepts in browsers (RFC 6455 §7.4.1). */
const NORMAL = 1000

export class WebVoiceClient {
  readonly trace = new Trace()
  readonly #options: WebVoiceOptions
  readonly #session: VoiceClientSession
  readonly #loop: SessionLoop<VoiceOutput>
  readonly #observer: WebVoiceObserver
  #socket: WebSocket | undefined
  #media: WebMedia | undefined
  #tracks: SentTracks
  /** What Ready assigned to the offered streams. */
  #assigned: readonly Stream[] = []
  #mediaTimer: number | undefined
  /** Whether the node knows what is sent of video: before the first change, none is. */
  #isVideoAnnounced = true
  readonly #link = new Link()
  readonly #dave: DaveWorker | undefined
  #isEnded = false

  /** `tracks` are sent first. */
  constructor(options: WebVoiceOptions, tracks: SentTracks, observer: WebVoiceObserver) {
    this.#options = options
    // Reconnects until the user leaves.
    this.#session = new VoiceClientSession({ video: true, streams: [...OFFERED_STREAMS], ...options })
    this.#loop = new SessionLoop(this.#session, output => this.#apply(output))
    this.#tracks = tracks
    this.#observer = observer
    this.#dave = options.dave
    if (this.#dave !== undefined) this.#dave.onEvent = event => this.#loop.feed(() => this.#session.daveEvent(event))
  }

  get members(): Iterable<Readonly<Member>> {
    return this.#session.members
  }
  /** Round trip to the gateway in milliseconds; undefined before the first acknowledged heartbeat. */
  get gatewayPing(): number | undefined {
    return this.#session.roundTrip
  }
  /** The node's media address. */
  get nodeAddress(): string | undefined {
    return this.#media?.nodeAddress
  }

  /** Opens the session. Outcomes are reported to the observer. */
  connect(): void {
    this.#loop.feed(now => this.#session.start(now))
  }

  /** Replaces the sent tracks. */
  send(tracks: SentTracks): void {
    const before = this.#sends
    this.#tracks = tracks
    void this.#media?.send(tracks)
    const { camera, screen, sound } = this.#sends
    if (before.camera === camera && before.screen === screen && before.sound === sound) return
    this.#announceVideo()
    this.#loop.pump()
  }

  /** Sends opcode 15: how much is wanted of each source, see `wantsOf`. Returns false if it is not connected. */
  setWants(wants: Record<string, unknown>): boolean {
    const isSent = this.#session.command(VoiceOp.MediaSinkWants, wants)
    this.#loop.pump()
    return isSent
  }

  /** Declares speaking flags. */
  setSpeaking(flags: number): void {
    this.#session.setSpeaking(flags)
    this.#loop.pump()
  }

  /** Statistics of the media connection; none before it exists. */
  async stats(): Promise<Iterable<Record<string, unknown>>> {
    const report = await this.#media?.stats()
    return report === undefined ? [] : (report.values() as Iterable<Record<string, unknown>>)
  }

  /** Counts of sealed and opened frames of the page; undefined without DAVE. */
  async daveReport(): Promise<DaveReport | undefined> {
    return this.#dave?.report()
  }

  close(): void {
    this.#session.close()
    this.#loop.pump()
  }

  #apply(output: VoiceOutput): void {
    switch (output.kind) {
      case 'connect':
        return this.#openSocket(output.version)
      case 'send':
        return this.#send(output.data)
      case 'close':
        return this.#closeSocket(output.code, output.reason)
      case 'ready':
        this.#assigned = output.ready.streams
        return this.#openMedia()
      case 'description':
        return this.#answered(output.description)
      case 'disconnected':
        if (output.next === 'identify') this.#closeMedia()
        this.#link.gatewayLost(output.code, output.reason)
        return this.#report()
      case 'closed':
        return this.#end({ kind: 'closed', code: output.code, reason: output.reason })
      case 'resumed':
        if (this.#link.gatewayResumed()) return this.#openMedia()
        if (!this.#isVideoAnnounced) this.#announceVideo()
        return this.#report()
      case 'undecodable':
        return this.trace.note(output.reason, performance.now())
      case 'userConnected':
      case 'userDisconnected':
      case 'speaking':
      case 'memberChanged':
        return this.#membersChanged()
      case 'wants':
        return this.#wanted(ssrc => (output.wants.get(ssrc) ?? output.any) > 0)
      case 'codecs':
        return output.videoCodec === undefined ? undefined : this.#media?.preferVideo(output.videoCodec)
      case 'dave':
        return this.#dave?.command(output.command)
      case 'encryption':
        return this.#observer.encryptionChanged(output)
      case 'keys':
        return
    }
  }

  #openSocket(version: number): void {
    const url = new URL(this.#options.url)
    url.searchParams.set('v', String(version))
    const socket = new WebSocket(url)
    socket.binaryType = 'arraybuffer'
    this.#socket = socket
    this.trace.note(`connects to ${url}`, performance.now())
    // Events of a replaced socket belong to an earlier connection and are ignored.
    const feed = (input: (now: number) => void) => {
      if (this.#socket === socket) this.#loop.feed(input)
    }
    socket.onopen = () => feed(now => this.#session.connectionOpened(now))
    socket.onmessage = ({ data }) => feed(now => this.#received(data, now))
    socket.onclose = ({ code, reason }) => feed(now => this.#closed(code, reason, now))
  }

  #received(data: unknown, now: number): void {
    const message = data instanceof ArrayBuffer ? new Uint8Array(data) : String(data)
    this.trace.message('received', message, now)
    this.#session.messageReceived(message, now)
  }

  #closed(code: number, reason: string, now: number): void {
    this.trace.note(`closed with ${code} ${reason}`.trim(), now)
    this.#session.connectionClosed(code, reason, now)
  }

  #send(data: string | Uint8Array): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return
    this.trace.message('sent', data, performance.now())
    this.#socket.send(typeof data === 'string' ? data : new Uint8Array(data))
  }

  #closeSocket(code: number, reason: string): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.close(code >= 3_000 ? code : NORMAL, reason)
  }

  /** A new session needs a new peer connection. */
  #openMedia(): void {
    this.#closeMedia()
    const media = new WebMedia(this.#tracks, this.#dave, {
      stateChanged: state => this.#mediaChanged(media, state),
      sourceAdded: (source, track) => this.#observer.sourceAdded(source, track),
      sourceRemoved: source => this.#observer.sourceRemoved(source),
      failed: reason => this.#end({ kind: 'failed', reason }),
    })
    this.#media = media
    this.#link.mediaOpened()
    this.#mediaTimer = window.setTimeout(() => this.#mediaFailed(), MEDIA_TIMEOUT)
    void this.#select(media)
  }

  async #select(media: WebMedia): Promise<void> {
    try {
      const selection = await media.offer()
      if (this.#media !== media) return
      this.#session.select(selection)
      this.#loop.pump()
    } catch (error) {
      if (this.#media === media) this.#end({ kind: 'failed', reason: String(error) })
    }
  }

  #answered(description: VoiceDescription): void {
    if (description.protocol !== 'webrtc') return this.#end({ kind: 'failed', reason: 'the node answered without SDP' })
    this.#media?.answered(description.sdp, description.videoCodec)
    if (this.#sends.camera || this.#sends.screen || !this.#isVideoAnnounced) this.#announceVideo()
    this.#membersChanged()
  }

  #mediaChanged(media: WebMedia, state: RTCPeerConnectionState): void {
    if (this.#media !== media) return
    this.trace.note(`media is ${state}`, performance.now())
    if (state === 'failed') return this.#mediaFailed()
    const changed = mediaStateOf(state)
    if (changed === undefined) return
    if (changed === 'connected') window.clearTimeout(this.#mediaTimer)
    this.#link.mediaChanged(changed)
    this.#report()
  }

  /** A path that was connected may work again with another address of this machine. */
  #mediaFailed(): void {
    window.clearTimeout(this.#mediaTimer)
    if (!this.#link.mediaChanged('failed')) return this.#report()
    this.#observer.interrupted({ kind: 'silent' })
    this.#openMedia()
  }

  #report(): void {
    const { state } = this.#link
    switch (state.kind) {
      case 'connecting':
        return
      case 'connected':
        return this.#observer.connected()
      case 'away':
      case 'silent':
        return this.#observer.interrupted(state)
      case 'blocked':
        return void this.#blocked()
    }
  }

  /** Reports a blocked media path only if the node responds. Otherwise drops the gateway connection, which then reconnects. */
  async #blocked(): Promise<void> {
    const media = this.#media
    const isReachable = await this.#options.isReachable()
    if (this.#isEnded || this.#media !== media || this.#link.state.kind !== 'blocked') return
    if (isReachable) return this.#noRoute()
    this.#loop.feed(now => this.#session.fail('the node does not respond', now))
  }

  /** Opcode 15: what no viewer wants is not encoded. */
  #wanted(isWanted: (ssrc: number) => boolean): void {
    const ssrcs = this.#ssrcs
    void this.#media?.camera.encode(layer => isWanted(cameraSsrc(ssrcs, layer)))
    void this.#media?.screen.encode(() => isWanted(ssrcs.screen))
  }

  #noRoute(): void {
    const address = this.#media?.nodeAddress
    this.#session.command(VoiceOp.NoRoute, {})
    this.#end({ kind: 'noRoute', address })
  }

  #membersChanged(): void {
    this.#media?.setSources(Array.from(this.#session.members).flatMap(remoteSourcesOf))
    this.#observer.membersChanged()
  }

  /** Opcode 12: announces what is sent of video; once it is connected, if it is not. */
  #announceVideo(): void {
    const ssrcs = this.#ssrcs
    this.#isVideoAnnounced =
      ssrcs.audio !== 0 && this.#session.command(VoiceOp.Video, videoAnnouncement(ssrcs, this.#sends))
  }

  get #sends(): Sends {
    const { camera, screen, sound } = this.#tracks
    return { camera: camera !== null, screen: screen !== null, sound: screen !== null && sound !== null }
  }

  get #ssrcs(): SentSsrcs {
    const none = { audio: 0, screen: 0, screenRtx: 0, sound: 0 }
    const layers = this.#assigned.map(({ rid = '', ssrc, rtx_ssrc }) => [rid, { ssrc, rtx_ssrc }] as const)
    return { ...(this.#media?.ssrcs ?? none), camera: new Map(layers) }
  }

  #closeMedia(): void {
    window.clearTimeout(this.#mediaTimer)
    this.#media?.close()
    this.#media = undefined
  }

  #end(end: CallEnd): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#closeMedia()
    this.#session.close()
    this.#loop.pump()
    this.#socket = undefined
    this.#observer.ended(end)
  }
}
