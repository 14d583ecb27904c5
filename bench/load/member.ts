// One member of a load: lets itself in over LVSP, keeps a voice session like any client, and knows its key.
import {
  type GrantedVoiceState,
  type LvspClient,
  VoiceClientSession,
  type VoiceDescription,
  type VoiceOutput,
} from '@parley/client'
import { type Discovered, type VoiceMode, VoiceOp } from '@parley/protocol'
import { WebSocket } from 'ws'
import { nameOf } from './load-sockets.ts'

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
}

interface Settling {
  resolve(): void
  reject(error: Error): void
}

/** A nonce of ours is above those of the session, which count from 1. */
const PROBES = 1e9

export class Member {
  mode: VoiceMode
  ssrc = -1
  /** Where its packets go. */
  node: Int32Array | undefined
  /** Absent while it is not in the channel. */
  key: Uint8Array | undefined
  /** How often its session ended without its doing. */
  lost = 0
  readonly #place: MemberPlace
  readonly #answered: (milliseconds: number) => void
  #session: VoiceClientSession | undefined
  #socket: WebSocket | undefined
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
    const granted = await backend.createVoiceState({ userId, channelId, guildId: channelId })
    await this.#settle(() => this.#enter(granted))
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
    if (this.#probe.sentAt !== 0 || this.key === undefined) return
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
    this.key = undefined
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

  #enter({ sessionId, token }: GrantedVoiceState): void {
    const { userId, channelId } = this.#place
    if (token === undefined) throw new Error('expected a token for the user')
    const credentials = { serverId: channelId, channelId, userId, sessionId, token }
    this.#probe = { nonce: PROBES, sentAt: 0 }
    this.#session = new VoiceClientSession({ ...credentials, attempts: 0 })
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
        return void this.#discover(output.ready.ssrc, output.ready.ip, output.ready.port)
      case 'description':
        return this.#describe(output.description)
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

  async #discover(ssrc: number, ip: string, port: number): Promise<void> {
    this.ssrc = ssrc
    this.node = nameOf(ip, port)
    try {
      const found = await this.#place.find(ssrc, this.node)
      this.#address = { address: found.ip, port: found.port }
      this.#select()
    } catch (error) {
      this.#settling?.reject(error as Error)
    }
  }

  #describe(description: VoiceDescription): void {
    if (description.protocol !== 'udp') throw new Error(`expected UDP, found ${description.protocol}`)
    this.key = description.key
    this.#settling?.resolve()
  }

  #select(): void {
    this.#session?.select({ protocol: 'udp', ...this.#address, mode: this.mode })
    this.#pump()
  }

  #lose(reason: string): void {
    if (this.#session === undefined) return
    this.lost++
    this.key = undefined
    this.#settling?.reject(new Error(`a session ended: ${reason}`))
  }
}
