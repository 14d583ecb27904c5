// A voice node that a test scripts, over real sockets: the gateway, and the media port.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  decodeRtp,
  encodeRtp,
  isRtcpType,
  PING_REQUEST,
  PING_RESPONSE,
  PROTECTION_LAYOUTS,
  type RtpPacket,
  readDiscoveryRequest,
  VoiceMode,
  VoiceOp,
  writeDiscoveryResponse,
} from '@parley/protocol'
import { type WebSocket, WebSocketServer } from 'ws'
import { openPacket, PacketProtection } from '../voice/media/packet.ts'
import { KEY } from './session-script.ts'

/** SSRC of the client. */
const SSRC = 4_001

/** A message of the client; a binary one has no data. */
interface Message {
  op: number
  d: Record<string, unknown>
}

/** A node that a test scripts; by default it accepts every client. */
export class ScriptedVoiceNode {
  readonly gateway: WebSocketServer
  readonly udp: Socket
  readonly mode: VoiceMode
  /** The latest connection. */
  socket: WebSocket | undefined
  readonly urls: string[] = []
  readonly messages: Message[] = []
  readonly packets: RtpPacket[] = []
  /** Datagrams that open as RTCP. */
  reports = 0
  discoveries = 0
  /** Number of discovery requests to ignore. */
  ignoredDiscoveries = 0
  /** Handles a message instead of the default answer; returns whether it did. */
  intercept: (message: Message, socket: WebSocket) => boolean = () => false
  #client: { port: number; address: string } | undefined
  readonly #waiting = new Set<() => void>()

  private constructor(gateway: WebSocketServer, udp: Socket, mode: VoiceMode) {
    this.gateway = gateway
    this.udp = udp
    this.mode = mode
    gateway.on('connection', (socket, request) => {
      this.socket = socket
      this.urls.push(request.url ?? '')
      this.send(VoiceOp.Hello, { v: 9, heartbeat_interval: 13_750 })
      socket.on('message', (data, isBinary) => this.#onMessage(decoded(data as Buffer, isBinary), socket))
    })
    udp.on('message', (datagram, from) => this.#onDatagram(datagram, from))
  }

  static async start(host = '127.0.0.1', mode: VoiceMode = VoiceMode.AeadAes256GcmRtpsize): Promise<ScriptedVoiceNode> {
    const gateway = new WebSocketServer({ host, port: 0 })
    const udp = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    udp.bind(0, host)
    await Promise.all([once(gateway, 'listening'), once(udp, 'listening')])
    return new ScriptedVoiceNode(gateway, udp, mode)
  }

  get endpoint(): string {
    const { address, port } = this.gateway.address() as AddressInfo
    return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  }

  send(op: number, d: unknown, seq?: number): void {
    this.socket?.send(JSON.stringify({ op, d, seq }))
  }

  /** Sends a packet of user 8, whose ssrc is 5001. */
  say(sequence: number, payload: Uint8Array, ssrc = 5_001): void {
    const plain = encodeRtp({ payloadType: 120, sequence, timestamp: sequence * 960, ssrc, payload })
    const sealed = this.#protection.seal('rtp', plain)
    if (sealed !== undefined && this.#client) this.udp.send(sealed, this.#client.port, this.#client.address)
  }
  readonly #protection = new PacketProtection(VoiceMode.AeadAes256GcmRtpsize, Uint8Array.from(KEY))

  /** Resolves as soon as `condition` holds; it is checked after every message and datagram. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>(resolve => this.#waiting.add(resolve))
  }

  async stop(): Promise<void> {
    for (const socket of this.gateway.clients) socket.terminate()
    this.gateway.close()
    this.udp.close()
    await once(this.gateway, 'close')
  }

  #checkWaiting(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  #onMessage(message: Message, socket: WebSocket): void {
    this.messages.push(message)
    if (!this.intercept(message, socket)) this.#answer(message)
    this.#checkWaiting()
  }

  #answer({ op }: Message): void {
    const { address, port } = this.udp.address()
    if (op === VoiceOp.Identify)
      this.send(VoiceOp.Ready, { ssrc: SSRC, ip: address, port, modes: ['unheard_of', this.mode], streams: [] })
    if (op === VoiceOp.SelectProtocol)
      this.send(VoiceOp.SessionDescription, { mode: this.mode, secret_key: KEY, dave_protocol_version: 0 }, 1)
    if (op === VoiceOp.Resume) this.send(VoiceOp.Resumed, null)
  }

  #onDatagram(datagram: Buffer, from: { port: number; address: string }): void {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength)
    if (readDiscoveryRequest(view, 0, datagram.length) === SSRC) this.#onDiscovery(from)
    else if (datagram.length === 8 && view.getUint32(0) === PING_REQUEST) this.#onPing(view, from)
    else if (isRtcpType(datagram[1]!)) {
      if (openPacket(PROTECTION_LAYOUTS[this.mode], 'rtcp', Uint8Array.from(KEY), datagram)) this.reports++
    } else {
      const plain = openPacket(PROTECTION_LAYOUTS[this.mode], 'rtp', Uint8Array.from(KEY), datagram)
      const packet = plain && decodeRtp(plain)
      if (packet) this.packets.push(packet)
    }
    this.#checkWaiting()
  }

  #onDiscovery(from: { port: number; address: string }): void {
    this.#client = from
    if (this.discoveries++ < this.ignoredDiscoveries) return
    const answer = new Uint8Array(74)
    writeDiscoveryResponse(answer, SSRC, from.address, from.port)
    this.udp.send(answer, from.port, from.address)
  }

  #onPing(view: DataView, from: { port: number; address: string }): void {
    const answer = new Uint8Array(8)
    new DataView(answer.buffer).setUint32(0, PING_RESPONSE)
    new DataView(answer.buffer).setUint32(4, view.getUint32(4))
    this.udp.send(answer, from.port, from.address)
  }
}

const decoded = (data: Buffer, isBinary: boolean): Message =>
  isBinary ? { op: data[0]!, d: {} } : JSON.parse(data.toString())
