// A voice connection of a case, message by message, and a UDP socket: they do nothing by themselves.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type Codec, type Discovered, decodeDiscoveryResponse, encodeDiscoveryRequest, VoiceOp } from '@parley/protocol'
import { applies, CaseFailure, expect } from '../checked-case.ts'
import { JsonSocket, type Message } from '../json-socket.ts'
import type { NodeTarget } from './node-target.ts'
import type { VoiceAccess } from './node-under-test.ts'

/** Gateway version from which Hello has an envelope, and from which messages are numbered. */
const ENVELOPE = 3
const NUMBERED = 8
const VERSION_NOT_SERVED = 4020
const KEY = 32
const REPEAT = 300
const ATTEMPTS = 10

/** Data of Ready. */
export interface VoiceReady {
  ssrc: number
  ip: string
  port: number
  modes: string[]
  /** One per stream that Identify offered. */
  streams?: { ssrc: number; rtx_ssrc: number }[]
}

/** Whether `wss:` is required: as for LVSP. */
const schemeOf = ({ url }: NodeTarget) => (url.startsWith('wss:') ? 'wss' : 'ws')

export class VoiceProbe {
  readonly socket: JsonSocket
  readonly access: VoiceAccess
  readonly #version: number

  static async open(target: NodeTarget, access: VoiceAccess, version = NUMBERED): Promise<VoiceProbe> {
    const { ca } = target
    const url = `${schemeOf(target)}://${access.endpoint}/?v=${version}`
    return new VoiceProbe(await JsonSocket.open(url, ca === undefined ? {} : { ca }), access, version)
  }

  private constructor(socket: JsonSocket, access: VoiceAccess, version: number) {
    this.socket = socket
    this.access = access
    this.#version = version
  }

  send(op: number, d: unknown): void {
    this.socket.send({ op, d })
  }

  /** The heartbeat interval of Hello. Rejects with a `CaseSkipped` if an old version is not served. */
  async hello(): Promise<number> {
    const isBare = this.#version < ENVELOPE
    try {
      const message = await this.socket.take('Hello', ({ op }) => op === (isBare ? undefined : VoiceOp.Hello))
      const d = isBare ? (JSON.parse(message.text) as Message['d']) : message.d
      const { heartbeat_interval: interval } = d
      expect(
        typeof interval === 'number' && interval > 0,
        `expected heartbeat_interval in Hello, found ${message.text}`,
      )
      return interval
    } catch (error) {
      const isOld = this.#version < NUMBERED && this.socket.closed?.code === VERSION_NOT_SERVED
      applies(!isOld, `the node does not serve version ${this.#version} of the voice gateway (${VERSION_NOT_SERVED})`)
      throw error
    }
  }

  /** Identify with the voice state's credentials; the fields replace them. */
  identify(fields: object = {}): void {
    const { guildId: server_id, channelId: channel_id, userId: user_id, sessionId: session_id, token } = this.access
    this.send(VoiceOp.Identify, { server_id, channel_id, user_id, session_id, token, ...fields })
  }

  /** Resume after the message with this number; the fields replace the credentials. */
  resume(seq_ack: number, fields: object = {}): void {
    const { guildId: server_id, sessionId: session_id, token } = this.access
    this.send(VoiceOp.Resume, { server_id, session_id, token, seq_ack, ...fields })
  }

  async ready(): Promise<VoiceReady> {
    const { d, text } = await this.socket.take('Ready (op 2)', ({ op }) => op === VoiceOp.Ready)
    const { ssrc, ip, port, modes } = d
    const isReady = [ssrc, port].every(Number.isInteger) && typeof ip === 'string' && Array.isArray(modes)
    expect(isReady && (modes as unknown[]).length > 0, `expected ssrc, ip, port and modes in Ready, found ${text}`)
    return d as unknown as VoiceReady
  }

  /** Select Protocol over UDP; resolves with Session Description. */
  async select(mode: string, { ip, port }: { ip: string; port: number }, codecs?: readonly Codec[]): Promise<Message> {
    this.send(VoiceOp.SelectProtocol, { protocol: 'udp', data: { address: ip, port, mode }, codecs })
    const message = await this.socket.take('Session Description (op 4)', ({ op }) => op === VoiceOp.SessionDescription)
    const { mode: selected, secret_key: key } = message.d
    expect(selected === mode, `expected mode ${mode} in Session Description, found ${selected}`)
    expect(Array.isArray(key) && key.length === KEY, `expected a key of ${KEY} bytes in Session Description`)
    const isNumbered = this.#version < NUMBERED || Number.isInteger(message.seq)
    expect(isNumbered, `expected seq in Session Description at version ${this.#version}`)
    return message
  }

  /** The whole join, over its own UDP socket. */
  async join(): Promise<{ ready: VoiceReady; udp: UdpProbe }> {
    await this.hello()
    this.identify()
    const ready = await this.ready()
    const udp = await UdpProbe.open(ready)
    try {
      await this.select(ready.modes[0]!, await udp.discover(ready.ssrc))
      return { ready, udp }
    } catch (error) {
      udp.close()
      throw error
    }
  }

  close(): void {
    this.socket.close()
  }
}

export class UdpProbe {
  readonly #socket: Socket
  readonly #node: { ip: string; port: number }
  #answered: (answer: Discovered) => void = () => {}
  /** Receives every datagram that is not an answer of IP discovery. */
  received: (datagram: Uint8Array) => void = () => {}

  static async open({ ip, port }: { ip: string; port: number }): Promise<UdpProbe> {
    const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4')
    socket.bind(0)
    await once(socket, 'listening')
    return new UdpProbe(socket, { ip, port })
  }

  private constructor(socket: Socket, node: { ip: string; port: number }) {
    this.#socket = socket
    this.#node = node
    socket.on('error', () => {})
    socket.on('message', bytes => {
      const answer = decodeDiscoveryResponse(bytes)
      if (answer === undefined) this.received(bytes)
      else this.#answered(answer)
    })
  }

  /** Port of this socket. */
  get port(): number {
    return this.#socket.address().port
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes, this.#node.port, this.#node.ip)
  }

  /** IP discovery, repeated like a client's. Rejects with a `CaseFailure` without an answer. */
  discover(ssrc: number): Promise<Discovered> {
    return new Promise((resolve, reject) => {
      let attempts = 0
      const ask = () => {
        if (attempts++ < ATTEMPTS) return this.send(encodeDiscoveryRequest(ssrc))
        clearInterval(timer)
        const { ip, port } = this.#node
        reject(new CaseFailure(`no answer to IP discovery from ${ip}:${port} in ${(ATTEMPTS * REPEAT) / 1_000} s`))
      }
      const timer = setInterval(ask, REPEAT)
      this.#answered = answer => {
        clearInterval(timer)
        resolve(answer)
      }
      ask()
    })
  }

  close(): void {
    this.#socket.close()
  }
}
