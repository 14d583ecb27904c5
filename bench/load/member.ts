// One member of a load: lets itself in over LVSP, keeps a voice session like any client, and knows its key.
import {
  type GrantedVoiceState,
  type LvspClient,
  openPacket,
  VoiceClientSession,
  type VoiceDescription,
  type VoiceOutput,
} from '@parley/client'
import {
  type Discovered,
  encodeClientBinary,
  OPUS_PAYLOAD_TYPE,
  PROTECTION_LAYOUTS,
  type VoiceMode,
  VoiceOp,
} from '@parley/protocol'
import { WebSocket } from 'ws'
import type { DaveLibrary } from '../../packages/client/src/voice/dave/dave.ts'
import { nameOf } from '../floor/socket-name.ts'
import type { SendCommit } from './dave/mls.ts'
import type { LoadSockets } from './media/load-sockets.ts'
import { BROWSER_OPUS, Browser } from './webrtc/browser.ts'
import type { DtlsClients } from './webrtc/dtls-client.ts'
import type { SrtpOpener } from './webrtc/srtp-opener.ts'

/** Where a member is, and how it gets in. */
export interface MemberPlace {
  readonly backend: LvspClient
  /** `host:port` of the node. */
  readonly endpoint: string
  readonly userId: string
  readonly channelId: string
  /** Which of loopback's addresses it comes from. */
  readonly localAddress: string
  find(ssrc: number, node: Int32Array): Promise<Discovered>
  /** For one who comes as a browser. */
  readonly browser?: { clients: DtlsClients; sockets: LoadSockets; socket: number }
  /** For one whose calls are encrypted end to end. Asked anew for each join. */
  library?(send: SendCommit): Promise<DaveLibrary>
  /** Told when another group is in force. */
  encryptionChanged?(): void
}

interface Settling {
  resolve(): void
  reject(error: Error): void
}

/** A nonce of ours is above those of the session, which count from 1. */
const PROBES = 1e9
/** Browsers choose their SSRCs themselves. */
const OWN_SSRCS = 7

export class Member {
  mode: VoiceMode
  ssrc = -1
  /** Where its packets go. */
  node: Int32Array | undefined
  /** What opens its packets: the key of its mode, or what DTLS gave a browser. Both are absent while it is not in the channel. */
  key: Uint8Array | undefined
  #opener: SrtpOpener | undefined
  /** How often its session ended without its doing. */
  lost = 0
  readonly #place: MemberPlace
  readonly #answered: (milliseconds: number) => void
  #session: VoiceClientSession | undefined
  #socket: WebSocket | undefined
  #browser: Browser | undefined
  #timer: NodeJS.Timeout | undefined
  #settling: Settling | undefined
  #isPumping = false
  #address = { address: '', port: 0 }
  #probe = { nonce: PROBES, sentAt: 0 }

  /** `answered` hears how long the node took to answer each heartbeat of `beat`. */
  constructor(place: MemberPlace, mode: VoiceMode, answered: (milliseconds: number) => void) {
    this.#place = place
    this.mode = mode
    this.#answered = answered
  }

  /** Resolves when media may flow. */
  async join(): Promise<void> {
    const { backend, userId, channelId } = this.#place
    const dave = await this.#place.library?.(commit => this.#sendCommit(commit))
    const granted = await backend.createVoiceState({ userId, channelId, guildId: channelId })
    await this.#settle(() => this.#enter(granted, dave))
  }

  get userId(): string {
    return this.#place.userId
  }
  get isIn(): boolean {
    return this.key !== undefined || this.#opener !== undefined
  }
  /** What it hears Opus as. */
  get payloadType(): number {
    return this.#place.browser === undefined ? OPUS_PAYLOAD_TYPE : BROWSER_OPUS
  }

  /** The plain packet, by other code than the node's; undefined if it does not verify. */
  open(sealed: Uint8Array): Uint8Array | undefined {
    if (this.#opener !== undefined) return this.#opener.open(sealed)
    return this.key && openPacket(PROTECTION_LAYOUTS[this.mode], 'rtp', this.key, sealed)
  }

  /** Takes a datagram that is no media; false if it is nothing that a browser gets. */
  receive(bytes: Uint8Array): boolean {
    return this.#browser?.receive(bytes) ?? false
  }

  /** Leaves as a client does, then the backend ends the voice state. */
  leave(): void {
    const { backend, userId, channelId } = this.#place
    this.#end()?.close(1000)
    backend.destroyVoiceState({ userId, channelId, guildId: channelId })
  }

  /** Selects the protocol again: the node makes a new key. */
  changeMode(mode: VoiceMode): Promise<void> {
    this.mode = mode
    return this.#settle(() => this.#select())
  }

  setSpeaking(): void {
    this.#session?.setSpeaking(1)
    this.#pump()
  }

  /** A heartbeat beside those of the session, if the last one of these was answered. */
  beat(): void {
    if (this.#probe.sentAt !== 0 || !this.isIn) return
    this.#probe = { nonce: this.#probe.nonce + 1, sentAt: performance.now() }
    this.#session?.command(VoiceOp.Heartbeat, { t: this.#probe.nonce, seq_ack: this.#session.seq })
    this.#pump()
  }

  /** Cuts the connection. */
  close(): void {
    this.#end()?.terminate()
  }

  #end(): WebSocket | undefined {
    const socket = this.#socket
    this.#forgetKeys()
    this.#session = undefined
    this.#socket = undefined
    clearTimeout(this.#timer)
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
    this.#session = new VoiceClientSession({ ...credentials, attempts: 0, ...(dave !== undefined && { dave }) })
    this.#session.start(performance.now())
    this.#pump()
  }

  #pump(): void {
    const session = this.#session
    if (session === undefined || this.#isPumping) return
    this.#isPumping = true
    for (let outputs = session.takeOutputs(); outputs.length > 0; outputs = session.takeOutputs())
      for (const output of outputs) this.#apply(output)
    this.#isPumping = false
    clearTimeout(this.#timer)
    const wait = session.deadline - performance.now()
    if (wait < Infinity) this.#timer = setTimeout(() => this.#feed(now => session.tick(now)), Math.max(0, wait) + 1)
  }

  #feed(input: (now: number) => void): void {
    input(performance.now())
    this.#pump()
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
        return void this.#ready(output.ready.ssrc, output.ready.ip, output.ready.port)
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
      if (this.#session === session) this.#feed(input)
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
    }
    this.#session?.messageReceived(data, now)
  }

  async #ready(ssrc: number, ip: string, port: number): Promise<void> {
    this.ssrc = ssrc
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
      if (description.protocol === 'udp') this.key = description.key
      else await this.#connect(description.sdp)
      this.#settling?.resolve()
    } catch (error) {
      this.#settling?.reject(error as Error)
    }
  }

  async #connect(answer: string): Promise<void> {
    const { browser: place } = this.#place
    if (place === undefined || this.node === undefined) throw new Error('expected a description for UDP')
    const { browser, opener } = Browser.connect(place.sockets, place.socket, place.clients, this.node, answer)
    this.#browser = browser
    this.#opener = await opener
  }

  #select(): void {
    const { browser } = this.#place
    if (browser === undefined) this.#session?.select({ protocol: 'udp', ...this.#address, mode: this.mode })
    else this.#session?.select(Browser.selection(browser.clients, OWN_SSRCS + this.ssrc))
    this.#pump()
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
    this.#settling?.reject(new Error(`a session ended: ${reason}`))
  }
}
