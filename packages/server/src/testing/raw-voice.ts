// A voice client without a library: what arrives on the WebSocket and over UDP, byte for byte.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { type PacketKind, PacketProtection } from '@parley/client'
import { decodeNodeBinary, encodeDiscoveryRequest, encodeRtp, type VoiceMode } from '@parley/protocol'
import { WebSocket } from 'ws'
import type { TestServer } from '../dev/test-server-types.ts'
import type { RawBot } from './raw-bot.ts'

export interface VoicePayload {
  op: number
  seq?: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads fields of many messages.
  d: any
}

const PATIENCE = 45_000
type Credentials = Awaited<ReturnType<RawBot['credentials']>>

export class RawVoice {
  readonly credentials: Credentials
  readonly socket: WebSocket
  readonly received: VoicePayload[] = []
  /** Texts that are not JSON. */
  readonly unreadable: string[] = []
  readonly binary: { seq: number | undefined; op: number; payload: Uint8Array }[] = []
  readonly datagrams: { bytes: Buffer; port: number }[] = []
  closeCode: number | undefined
  error: Error | undefined
  readonly udp: Socket = createSocket('udp4')
  #protection: PacketProtection | undefined
  #changed: () => void = () => {}
  #sequence = 0

  constructor(t: TestContext, server: TestServer, credentials: Credentials) {
    this.credentials = credentials
    this.socket = new WebSocket(`wss://${credentials.endpoint}/?v=8`, { ca: readFileSync(server.addresses.ca) })
    t.after(() => this.socket.terminate())
    t.after(() => this.udp.close())
    this.socket.on('message', (data: Buffer, isBinary) => {
      this.#take(data, isBinary)
      this.#changed()
    })
    this.socket.on('close', code => {
      this.closeCode = code
      this.#changed()
    })
    this.socket.on('error', error => {
      this.error = error
      this.#changed()
    })
    this.udp.on('message', (bytes, { port }) => {
      this.datagrams.push({ bytes, port })
      this.#changed()
    })
  }

  /** With the socket open. */
  static async open(t: TestContext, server: TestServer, bot: RawBot, channelId: string): Promise<RawVoice> {
    const voice = new RawVoice(t, server, await bot.credentials(channelId))
    if (voice.socket.readyState !== WebSocket.OPEN) await once(voice.socket, 'open')
    return voice
  }

  /** With a session: Identify, discovery, Select Protocol, Session Description. */
  static async join(t: TestContext, server: TestServer, bot: RawBot, channelId: string): Promise<RawVoice> {
    const voice = await RawVoice.open(t, server, bot, channelId)
    await voice.identify()
    await voice.discover()
    await voice.select()
    return voice
  }

  get ready(): VoicePayload['d'] {
    return this.received.find(({ op }) => op === 2)?.d
  }

  send(op: number, d: unknown): void {
    this.socket.send(JSON.stringify({ op, d }))
  }

  async identify(): Promise<void> {
    const { serverId, userId, sessionId, token } = this.credentials
    this.send(0, { server_id: serverId, user_id: userId, session_id: sessionId, token })
    await this.next('Ready', () => this.ready !== undefined)
  }

  /** Sends a request of IP discovery. */
  ask(): void {
    this.udp.send(encodeDiscoveryRequest(this.ready.ssrc), this.ready.port, '127.0.0.1')
  }

  async discover(): Promise<void> {
    this.ask()
    await this.next('a response of IP discovery', () => this.datagrams.length > 0)
  }

  async select(mode = 'aead_aes256_gcm_rtpsize'): Promise<void> {
    const { port } = this.udp.address()
    this.send(1, { protocol: 'udp', data: { address: '127.0.0.1', port, mode } })
    const { d } = await this.message(4)
    this.#protection = new PacketProtection(d.mode as VoiceMode, Uint8Array.from(d.secret_key))
  }

  /** Sends an RTP packet. */
  say(payload: Uint8Array, sequence = this.#sequence++): void {
    const { ssrc, port } = this.ready
    const plain = encodeRtp({ payloadType: 120, sequence, timestamp: sequence * 960, ssrc, payload })
    this.udp.send(this.#protection!.seal('rtp', plain)!, port, '127.0.0.1')
  }

  /** The plain form of a datagram; undefined if it does not open. */
  open(bytes: Uint8Array, kind: PacketKind = 'rtp'): Uint8Array | undefined {
    return this.#protection?.open(kind, bytes)
  }

  /** The first message with this opcode from `from` on. */
  async message(op: number, from = 0): Promise<VoicePayload> {
    const find = () => this.received.slice(from).find(message => message.op === op)
    await this.next(`op ${op}`, () => find() !== undefined)
    return find()!
  }

  async closed(): Promise<number> {
    await this.next('the close', () => this.closeCode !== undefined)
    return this.closeCode!
  }

  next(what: string, holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited ${PATIENCE} ms for ${what}`)), PATIENCE)
      this.#changed = () => {
        if (!holds()) return
        clearTimeout(timer)
        this.#changed = () => {}
        resolve()
      }
      this.#changed()
    })
  }

  #take(data: Buffer, isBinary: boolean): void {
    if (isBinary) return void this.binary.push(decodeNodeBinary(data))
    try {
      this.received.push(JSON.parse(String(data)))
    } catch {
      this.unreadable.push(String(data))
    }
  }
}
