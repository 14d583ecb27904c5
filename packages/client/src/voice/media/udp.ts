// A client's UDP socket to one node: IP discovery, round trip measurement, datagrams.
import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import {
  type Discovered,
  decodeDiscoveryResponse,
  encodeDiscoveryRequest,
  PING_LENGTH,
  PING_REQUEST,
  PING_RESPONSE,
} from '@parley/protocol'
import { LIMITS } from '../../limits.ts'

/** A running discovery: requests left, and the timer that sends them. */
interface Discovery {
  ssrc: number
  left: number
  timer: NodeJS.Timeout
  resolve(found: Discovered): void
  reject(error: Error): void
}

/** Opens with `VoiceUdp.open`. Answers of pings and discovery are consumed here, everything else goes to `received`. */
export class VoiceUdp {
  readonly #socket: Socket
  readonly #received: (datagram: Uint8Array) => void
  readonly #pinged: () => void
  readonly #pings: NodeJS.Timeout
  #discovery: Discovery | undefined
  /** The latest ping. An answer counts if it repeats this sequence, and once. */
  #ping = { sequence: 0, sentAt: 0, isAnswered: true }
  #roundTrip: number | undefined
  #isClosed = false

  /**
   * Opens a socket connected to `host` (address or name): it receives from there only. `pinged` is called with every ping. Rejects
   * with the system's error.
   */
  static async open(
    host: string,
    port: number,
    received: (datagram: Uint8Array) => void,
    pinged: () => void,
  ): Promise<VoiceUdp> {
    const { address, family } = await lookup(host)
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
    try {
      // Without a callback: Node.js passes the error of a failed connect to the callback instead of emitting it.
      socket.connect(port, address)
      await once(socket, 'connect')
    } catch (error) {
      socket.close()
      throw error
    }
    return new VoiceUdp(socket, received, pinged)
  }

  private constructor(socket: Socket, received: (datagram: Uint8Array) => void, pinged: () => void) {
    this.#socket = socket
    this.#received = received
    this.#pinged = pinged
    socket.on('message', datagram => this.#receive(datagram))
    // A node that restarts answers with "port unreachable"; the gateway decides about the session.
    socket.on('error', () => {})
    this.#pings = setInterval(() => this.#sendPing(), LIMITS.pingInterval)
  }

  /** Milliseconds of the latest ping's round trip; undefined before the first answer. */
  get roundTrip(): number | undefined {
    return this.#roundTrip
  }

  /** IP discovery: requests our public address. Rejects with an Error after five seconds without an answer. */
  discover(ssrc: number): Promise<Discovered> {
    this.#endDiscovery(new Error('IP discovery was restarted'))
    const promise = new Promise<Discovered>((resolve, reject) => {
      const timer = setInterval(() => this.#request(), LIMITS.discoveryInterval)
      this.#discovery = { ssrc, left: LIMITS.discoveryAttempts, timer, resolve, reject }
    })
    this.#request()
    return promise
  }

  /** Sends without waiting. Errors are ignored, as losses are; after `close` nothing is sent. */
  send(datagram: Uint8Array): void {
    if (!this.#isClosed) this.#socket.send(datagram, () => {})
  }

  /** Measures the round trip now. */
  ping(): void {
    this.#sendPing()
  }

  /** Stops pings and a running discovery, which rejects, and closes the socket. May be repeated. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#endDiscovery(new Error('the socket was closed'))
    clearInterval(this.#pings)
    this.#socket.close()
  }

  /** Sends a discovery request, or gives up after the last one went unanswered. */
  #request(): void {
    const discovery = this.#discovery
    if (discovery === undefined) return
    if (discovery.left-- > 0) this.send(encodeDiscoveryRequest(discovery.ssrc))
    else this.#endDiscovery(new Error('IP discovery was not answered'))
  }

  #endDiscovery(outcome: Discovered | Error): void {
    const discovery = this.#discovery
    if (discovery === undefined) return
    clearInterval(discovery.timer)
    this.#discovery = undefined
    if (outcome instanceof Error) discovery.reject(outcome)
    else discovery.resolve(outcome)
  }

  #sendPing(): void {
    const bytes = new Uint8Array(PING_LENGTH)
    const sequence = (this.#ping.sequence + 1) >>> 0
    this.#ping = { sequence, sentAt: performance.now(), isAnswered: false }
    const view = new DataView(bytes.buffer)
    view.setUint32(0, PING_REQUEST)
    view.setUint32(4, sequence)
    this.send(bytes)
    this.#pinged()
  }

  #receive(datagram: Uint8Array): void {
    if (this.#isPingAnswer(datagram)) return
    const found = this.#discovery === undefined ? undefined : decodeDiscoveryResponse(datagram)
    if (found === undefined) return this.#received(datagram)
    if (found.ssrc === this.#discovery?.ssrc) this.#endDiscovery(found)
  }

  #isPingAnswer(datagram: Uint8Array): boolean {
    if (datagram.length !== PING_LENGTH) return false
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength)
    if (view.getUint32(0) !== PING_RESPONSE) return false
    if (view.getUint32(4) === this.#ping.sequence && !this.#ping.isAnswered) {
      this.#ping.isAnswered = true
      this.#roundTrip = performance.now() - this.#ping.sentAt
    }
    return true
  }
}
