// One member of a load: creates its voice state over LVSP, has a voice session as clients do, and opens its packets.
import {
  type GrantedVoiceState,
  type LvspClient,
  openPacket,
  PacketProtection,
  SessionLoop,
  VoiceClientSession,
  type VoiceDescription,
  type VoiceOutput,
  type VoiceReady,
} from '@parley/client'
import {
  type Codec,
  type Discovered,
  encodeClientBinary,
  encodeReceiverReport,
  OPUS_PAYLOAD_TYPE,
  PROTECTION_LAYOUTS,
  rtxTypeOf,
  type Stream,
  type VoiceMode,
  VoiceOp,
} from '@parley/protocol'
import { WebSocket } from 'ws'
import type { DaveLibrary } from '../../packages/client/src/voice/dave/dave.ts'
import { nameOf } from '../floor/socket-name.ts'
import type { SendCommit } from './dave/mls.ts'
import type { LoadSockets } from './media/load-sockets.ts'
import { H264_TYPE } from './media/video-packets.ts'
import type { DtlsClients } from './webrtc/dtls-client.ts'
import type { SrtpOpener } from './webrtc/srtp-opener.ts'
import { WEBRTC_OPUS, WebrtcClient } from './webrtc/webrtc-client.ts'

/** Identity and environment of a member. */
export interface MemberPlace {
  readonly backend: LvspClient
  /** `host:port` of the node. */
  readonly endpoint: string
  readonly userId: string
  readonly channelId: string
  /** The loopback address that it connects from. */
  readonly localAddress: string
  find(ssrc: number, node: Int32Array): Promise<Discovered>
  /** Sends a datagram from its socket. */
  send(bytes: Uint8Array, node: Int32Array): void
  /** Present if the member uses WebRTC. */
  readonly browser?: { clients: DtlsClients; sockets: LoadSockets; socket: number }
  /** Present if it takes part in video; `offered` has the layers that it sends, of one source. */
  readonly video?: { readonly offered: readonly Stream[] }
  /** Present if its calls are encrypted end to end. Called for each join. */
  library?(send: SendCommit): Promise<DaveLibrary>
  /** Called when the member's encryption changes. */
  encryptionChanged?(): void
}

interface Settling {
  resolve(): void
  reject(error: Error): void
}

/** Discord's numbers. With a type for retransmissions the node keeps packets for them, as for Discord's clients. */
const VIDEO_CODECS: readonly Codec[] = [
  { name: 'opus', type: 'audio', priority: 1_000, payload_type: OPUS_PAYLOAD_TYPE },
  { name: 'H264', type: 'video', priority: 1_000, payload_type: H264_TYPE, rtx_payload_type: rtxTypeOf(H264_TYPE) },
]
/** Nonces of the measured heartbeats start here, above those of the session, which count from 1. */
const PROBES = 1e9
/** Offset between the node's SSRC and the one that a WebRTC client chooses for itself. */
const CLIENT_SSRCS = 7

export class Member {
  mode: VoiceMode
  ssrc = -1
  /** Layers of its video source with the SSRCs that the node assigned, in the order in which it offered them. */
  streams: readonly Stream[] = []
  /** Socket name of the node. */
  node: Int32Array | undefined
  /** Key of its encryption mode; undefined while it is not joined or uses WebRTC. */
  key: Uint8Array | undefined
  /** Opens SRTP packets with the keys of DTLS; undefined while it is not joined or uses UDP. */
  #opener: SrtpOpener | undefined
  /** Number of sessions that the node ended. */
  lost = 0
  readonly #place: MemberPlace
  readonly #answered: (milliseconds: number) => void
  #session: VoiceClientSession | undefined
  #loop: SessionLoop<VoiceOutput> | undefined
  #socket: WebSocket | undefined
  #browser: WebrtcClient | undefined
  #settling: Settling | undefined
  #address = { address: '', port: 0 }
  #probe = { nonce: PROBES, sentAt: 0 }
  /** Called at the answer to the latest probe. */
  readonly #settled: (() => void)[] = []

  /** `answered` receives the milliseconds until each heartbeat of `beat` was acknowledged. */
  constructor(place: MemberPlace, mode: VoiceMode, answered: (milliseconds: number) => void) {
    this.#place = place
    this.mode = mode
    this.#answered = answered
  }

  /** Resolves when the member has its key. */
  async join(): Promise<void> {
    const { backend, userId, channelId } = this.#place
    const dave = await this.#place.library?.(commit => this.#sendCommit(commit))
    const granted = await backend.createVoiceState({ userId, channelId, guildId: channelId })
    await this.#settle(() => this.#enter(granted, dave))
  }

  get userId(): string {
    return this.#place.userId
  }
  get isJoined(): boolean {
    return this.key !== undefined || this.#opener !== undefined
  }
  /** Payload type in packets to this member, by the sender's. */
  typeOf(payloadType: number): number {
    return payloadType === OPUS_PAYLOAD_TYPE && this.#place.browser !== undefined ? WEBRTC_OPUS : payloadType
  }

  /** Opens a packet with code that the node does not use; returns undefined if it does not verify. */
  open(sealed: Uint8Array): Uint8Array | undefined {
    if (this.#opener !== undefined) return this.#opener.open(sealed)
    return this.key && openPacket(PROTECTION_LAYOUTS[this.mode], 'rtp', this.key, sealed)
  }

  /** Receives a datagram that is not media; returns false if it is neither STUN nor DTLS for this member. */
  receive(bytes: Uint8Array): boolean {
    return this.#browser?.receive(bytes) ?? false
  }

  /** Closes the session as a client does, then destroys the voice state. */
  leave(): void {
    const { backend, userId, channelId } = this.#place
    this.#end()?.close(1000)
    backend.destroyVoiceState({ userId, channelId, guildId: channelId })
  }

  /** Selects the protocol again, after which the node creates a new key. */
  changeMode(mode: VoiceMode): Promise<void> {
    this.mode = mode
    return this.#settle(() => this.#select())
  }

  setSpeaking(): void {
    this.#session?.setSpeaking(1)
    this.#loop?.pump()
  }

  /** Declares all layers of its source (op 12). */
  show(): void {
    const streams = this.streams.map(stream => ({ ...stream, active: true }))
    const [best] = streams
    const ssrcs = { audio_ssrc: this.ssrc, video_ssrc: best?.ssrc ?? 0, rtx_ssrc: best?.rtx_ssrc ?? 0 }
    this.#command(VoiceOp.Video, { ...ssrcs, streams })
  }

  /** Declares which layers it wants to receive (op 15), by SSRC; 0 is not wanted. All that is not named is, such as audio. */
  want(wants: ReadonlyMap<number, number>): void {
    this.#command(VoiceOp.MediaSinkWants, { any: 100, ...Object.fromEntries(wants) })
  }

  /**
   * Resolves when the node has processed all messages that the member sent before: it answers heartbeats in their order. Rejects with
   * an Error for a member that is not joined.
   */
  async settled(): Promise<void> {
    if (!this.isJoined) throw new Error(`${this.#place.userId} is not joined`)
    // An answer that is due may be older than the messages.
    this.#probe.sentAt = 0
    this.beat()
    await new Promise<void>(resolve => this.#settled.push(resolve))
  }

  /** Sends a heartbeat in addition to those of the session, unless the previous one is unanswered. */
  beat(): void {
    if (this.#probe.sentAt !== 0 || !this.isJoined) return
    this.#probe = { nonce: this.#probe.nonce + 1, sentAt: performance.now() }
    this.#command(VoiceOp.Heartbeat, { t: this.#probe.nonce, seq_ack: this.#session?.seq })
  }

  /** Drops the connection without a close frame. */
  close(): void {
    this.#end()?.terminate()
  }

  #command(op: number, data: unknown): void {
    this.#session?.command(op, data)
    this.#loop?.pump()
  }

  #end(): WebSocket | undefined {
    const session = this.#session
    const socket = this.#socket
    this.#forgetKeys()
    this.#session = undefined
    this.#socket = undefined
    // The outputs of a closed session find neither session nor socket here; its timer ends.
    session?.close()
    this.#loop?.pump()
    return socket
  }

  #settle(begin: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settling = { resolve, reject }
      begin()
    })
  }

  #enter({ sessionId, token }: GrantedVoiceState, dave: DaveLibrary | undefined): void {
    const { userId, channelId } = this.#place
    if (token === undefined) throw new Error('expected a token for the user')
    const credentials = { serverId: channelId, channelId, userId, sessionId, token }
    this.#probe = { nonce: PROBES, sentAt: 0 }
    const { video } = this.#place
    this.#session = new VoiceClientSession({
      ...credentials,
      attempts: 0,
      ...(dave !== undefined && { dave }),
      ...(video !== undefined && { video: true, streams: video.offered }),
    })
    this.#loop = new SessionLoop(this.#session, output => this.#apply(output))
    this.#session.start(performance.now())
    this.#loop.pump()
  }

  #apply(output: VoiceOutput): void {
    switch (output.kind) {
      case 'connect':
        return this.#open(output.version)
      case 'send':
        return this.#socket?.send(output.data)
      case 'close':
        return this.#socket?.close(output.code)
      case 'ready':
        return void this.#ready(output.ready)
      case 'description':
        return void this.#describe(output.description)
      case 'encryption':
        return this.#place.encryptionChanged?.()
      case 'disconnected':
      case 'closed':
        return this.#lose(`${output.code} ${output.reason}`)
    }
  }

  #open(version: number): void {
    const session = this.#session
    const { endpoint, localAddress } = this.#place
    const socket = new WebSocket(`ws://${endpoint}/?v=${version}`, { localAddress, perMessageDeflate: false })
    this.#socket = socket
    const feed = (input: (now: number) => void) => {
      if (this.#session === session) this.#loop?.feed(input)
    }
    socket.on('open', () => feed(now => session?.connectionOpened(now)))
    socket.on('message', (data, isBinary) => feed(now => this.#receive(isBinary ? (data as Buffer) : `${data}`, now)))
    socket.on('error', error => this.#settling?.reject(error))
    socket.on('close', (code, reason) => feed(now => session?.connectionClosed(code, `${reason}`, now)))
  }

  #receive(data: string | Uint8Array, now: number): void {
    if (typeof data === 'string' && this.#probe.sentAt !== 0 && data.includes(`{"t":${this.#probe.nonce}}`)) {
      this.#answered(now - this.#probe.sentAt)
      this.#probe.sentAt = 0
      for (const resolve of this.#settled.splice(0)) resolve()
    }
    this.#session?.messageReceived(data, now)
  }

  async #ready({ ssrc, ip, port, streams }: VoiceReady): Promise<void> {
    this.ssrc = ssrc
    this.streams = streams
    this.node = nameOf(ip, port)
    try {
      if (this.#place.browser === undefined) await this.#discover(ssrc, this.node)
      this.#select()
    } catch (error) {
      this.#settling?.reject(error as Error)
    }
  }

  async #discover(ssrc: number, node: Int32Array): Promise<void> {
    const found = await this.#place.find(ssrc, node)
    this.#address = { address: found.ip, port: found.port }
  }

  async #describe(description: VoiceDescription): Promise<void> {
    try {
      if (description.protocol === 'udp') this.#authenticate(description.key)
      else await this.#connect(description.sdp)
      this.#settling?.resolve()
    } catch (error) {
      this.#settling?.reject(error as Error)
    }
  }

  /** Sends a receiver report, which binds the member to its address even where another member uses the same socket. */
  #authenticate(key: Uint8Array): void {
    this.key = key
    if (this.node === undefined || PROTECTION_LAYOUTS[this.mode].nonceSource === 'header') return
    const report = new PacketProtection(this.mode, key).seal('rtcp', encodeReceiverReport(this.ssrc, []))
    if (report !== undefined) this.#place.send(report, this.node)
  }

  async #connect(answer: string): Promise<void> {
    const { browser: place } = this.#place
    if (place === undefined || this.node === undefined) throw new Error('expected a Session Description for UDP')
    const { browser, opener } = WebrtcClient.connect(place.sockets, place.socket, place.clients, this.node, answer)
    this.#browser = browser
    this.#opener = await opener
  }

  #select(): void {
    const { browser, video } = this.#place
    const codecs = video && { codecs: VIDEO_CODECS }
    if (browser === undefined) this.#session?.select({ protocol: 'udp', ...this.#address, mode: this.mode, ...codecs })
    else this.#session?.select(WebrtcClient.selection(browser.clients, CLIENT_SSRCS + this.ssrc))
    this.#loop?.pump()
  }

  #sendCommit(commit: Uint8Array): void {
    this.#socket?.send(encodeClientBinary(VoiceOp.DaveCommitWelcome, commit))
  }

  #forgetKeys(): void {
    this.key = undefined
    this.#opener = undefined
    this.#browser?.close()
    this.#browser = undefined
  }

  #lose(reason: string): void {
    if (this.#session === undefined) return
    this.lost++
    this.#forgetKeys()
    this.#settling?.reject(new Error(`the session ended: ${reason}`))
  }
}
