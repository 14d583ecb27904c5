// A whole call on a virtual clock: a node, its lane and real client sessions, over a seeded link that loses and reorders.
import { PacketProtection } from '@parley/client'
import { VoiceClientSession, type VoiceOutput, type VoiceSessionOptions } from '@parley/client/sessions'
import { type LaneCommand, Router, type SocketAddress } from '@parley/core'
import { decodeDiscoveryResponse, decodeRtp, encodeDiscoveryRequest, encodeRtp, type VoiceMode } from '@parley/protocol'
import { type BenchCredentials, type BenchSocket, NodeBench } from '../../packages/core/src/testing/node-bench.ts'
import { seededRandom } from '../../packages/core/src/testing/seeded-random.ts'
import { protectionReady } from '../../packages/server/src/lane/crypto/protection.ts'
import type { DatagramPort } from '../../packages/server/src/lane/engine/portable-engine.ts'
import { PortableEngine } from '../../packages/server/src/lane/engine/portable-engine.ts'

export interface Weather {
  /** Share of datagrams lost, 0 to 1. */
  loss: number
  /** Share of datagrams to the node that are delivered twice, 0 to 1. */
  duplicates: number
  /** Minimum delay and maximum random additional delay, in milliseconds. */
  latency: number
  jitter: number
}
export const CALM: Weather = { loss: 0, duplicates: 0, latency: 1, jitter: 0 }

const NODE_PORT = 50_000
const WEBSOCKET_LATENCY = 2

export class SimCall {
  readonly bench: NodeBench
  readonly backend
  router: Router
  readonly random: () => number
  weather: Weather
  #engine: PortableEngine
  /** Commands queued while the lane is lost; undefined while it runs. */
  #waiting: LaneCommand[] | undefined
  readonly #clients = new Set<SimClient>()
  /** Receivers of datagrams by address. */
  readonly #addresses = new Map<string, (bytes: Uint8Array) => void>()
  #queue: { at: number; order: number; run: () => void }[] = []
  #order = 0

  /** libsodium must be initialized before a lane seals packets. */
  static async create(
    options: ConstructorParameters<typeof NodeBench>[0] = {},
    seed = 1,
    weather = CALM,
  ): Promise<SimCall> {
    await protectionReady()
    return new SimCall(options, seed, weather)
  }

  private constructor(options: ConstructorParameters<typeof NodeBench>[0], seed: number, weather: Weather) {
    this.random = seededRandom(seed)
    this.weather = weather
    this.#engine = new PortableEngine(this.#nodePort())
    this.router = new Router(this.#engine)
    this.bench = new NodeBench(options, `sim ${seed}`)
    this.bench.onEffect = effect => {
      if (effect.kind === 'lane') this.#command(effect.command)
    }
    this.backend = this.bench.backend()
  }

  get now(): number {
    return this.bench.now
  }

  /** Creates a client, which connects by itself. */
  client(
    credentials: BenchCredentials,
    options: Partial<VoiceSessionOptions> & { mode?: VoiceMode | undefined } = {},
  ): SimClient {
    const client = new SimClient(this, credentials, options)
    this.#clients.add(client)
    client.start()
    return client
  }

  /** Advances the clock and runs everything due on the way in order. */
  advance(duration: number): void {
    const until = this.now + duration
    for (;;) {
      const at = this.#nextMoment()
      if (at > until) break
      this.bench.now = Math.max(this.now, at)
      this.#doDue()
    }
    this.bench.now = until
  }

  /** Crashes the lane; after `gap` milliseconds another replaces it and receives the commands sent in between. */
  loseLane(gap: number): void {
    this.#waiting = []
    this.bench.input(now => this.bench.node.laneLost(0, 'crashed', now))
    this.after(gap, () => {
      const waiting = this.#waiting ?? []
      this.#waiting = undefined
      this.#engine = new PortableEngine(this.#nodePort())
      this.router = new Router(this.#engine)
      for (const command of waiting) this.#command(command)
      this.bench.input(now => this.bench.node.laneReplaced(0, NODE_PORT, now))
    })
  }

  after(delay: number, run: () => void): void {
    const entry = { at: this.now + delay, order: this.#order++, run }
    let index = this.#queue.length
    while (index > 0 && this.#queue[index - 1]!.at > entry.at) index--
    this.#queue.splice(index, 0, entry)
  }

  /** Sends a datagram to the node through the simulated link. */
  toNode(bytes: Uint8Array, from: SocketAddress): void {
    this.#throughWeather(bytes, this.random() < this.weather.duplicates ? 2 : 1, copy => {
      if (this.#waiting !== undefined) return
      const batch = this.#engine.load(copy, from.ip, from.port)
      if (batch === undefined) return
      this.router.receive(batch, this.now)
      this.#settleLane()
    })
  }

  listen(address: SocketAddress, onDatagram: (bytes: Uint8Array) => void): void {
    this.#addresses.set(`${address.ip} ${address.port}`, onDatagram)
  }

  gone(client: SimClient): void {
    this.#clients.delete(client)
  }

  #throughWeather(bytes: Uint8Array, count: number, deliver: (copy: Uint8Array) => void): void {
    const { loss, latency, jitter } = this.weather
    const copies = this.random() < loss ? 0 : count
    for (let sent = 0; sent < copies; sent++) {
      const copy = bytes.slice()
      this.after(latency + this.random() * jitter, () => deliver(copy))
    }
  }

  #nodePort(): DatagramPort {
    return {
      port: NODE_PORT,
      unsent: 0,
      failed: 0,
      destination: (address, local) => ({ ...address, local }),
      send: (bytes, offset, length, to) => {
        const deliver = (copy: Uint8Array) => this.#addresses.get(`${to.ip} ${to.port}`)?.(copy)
        this.#throughWeather(bytes.subarray(offset, offset + length), 1, deliver)
      },
      close: async () => {},
    }
  }

  #command(command: LaneCommand): void {
    if (this.#waiting !== undefined) return void this.#waiting.push(command)
    this.router.command(command, this.now)
    this.#settleLane()
  }

  #settleLane(): void {
    for (const event of this.router.takeEvents()) this.after(0, () => this.bench.laneEvent(event))
  }

  get #routerDeadline(): number {
    return this.#waiting === undefined ? this.router.deadline : Infinity
  }

  #nextMoment(): number {
    let next = Math.min(this.#queue[0]?.at ?? Infinity, this.bench.node.deadline, this.#routerDeadline)
    for (const client of this.#clients) next = Math.min(next, client.session.deadline)
    return next
  }

  #doDue(): void {
    while ((this.#queue[0]?.at ?? Infinity) <= this.now) this.#queue.shift()!.run()
    if (this.bench.node.deadline <= this.now) this.bench.input(now => this.bench.node.tick(now))
    if (this.#routerDeadline <= this.now) {
      this.router.tick(this.now)
      this.#settleLane()
    }
    for (const client of [...this.#clients]) if (client.session.deadline <= this.now) client.tick()
  }
}

export interface ReceivedFrame {
  ssrc: number
  sequence: number
  payload: string
}

let lastPort = 30_000

/** A client session with simulated sockets: a WebSocket that is reliable and in order, and a UDP port that is not. */
export class SimClient {
  readonly session: VoiceClientSession
  readonly received: ReceivedFrame[] = []
  readonly outputs: VoiceOutput[] = []
  /** Datagrams that failed authentication, for example in flight during a key change. */
  unopened = 0
  address: SocketAddress
  ssrc = 0
  readonly #call: SimCall
  readonly #mode: VoiceMode
  #socket: BenchSocket | undefined
  #protection: PacketProtection | undefined
  #sequence = 0

  constructor(
    call: SimCall,
    credentials: BenchCredentials,
    options: Partial<VoiceSessionOptions> & { mode?: VoiceMode | undefined },
  ) {
    const { server_id: serverId, channel_id: channelId, user_id: userId, session_id: sessionId, token } = credentials
    this.#call = call
    this.#mode = options.mode ?? 'aead_aes256_gcm_rtpsize'
    this.session = new VoiceClientSession({
      serverId,
      channelId,
      userId,
      sessionId,
      token,
      random: call.random,
      ...options,
    })
    this.address = this.#newAddress()
  }

  get isLive(): boolean {
    return this.session.state === 'live'
  }

  start(): void {
    this.session.start(this.#call.now)
    this.#drain()
  }
  tick(): void {
    this.session.tick(this.#call.now)
    this.#drain()
  }
  speak(flags = 1): void {
    this.session.setSpeaking(flags)
    this.#drain()
  }
  /** Sends one 20 ms frame with this text as its Opus payload. */
  say(text: string): void {
    const payload = new TextEncoder().encode(text)
    const sequence = this.#sequence++ & 0xffff
    const plain = encodeRtp({ payloadType: 120, sequence, timestamp: sequence * 960, ssrc: this.ssrc, payload })
    const sealed = this.#protection?.seal('rtp', plain)
    if (sealed !== undefined) this.#call.toNode(sealed, this.address)
  }
  /** Changes the client's address, as after a NAT rebinding or a network change. */
  rebind(ip = '203.0.113.77'): void {
    this.address = this.#newAddress(ip)
  }
  /** Cuts the TCP connection: neither side receives a close frame. */
  cut(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.drop()
    this.session.connectionClosed(1006, 'cut', this.#call.now)
    this.#drain()
  }
  leave(): void {
    this.session.close()
    this.#drain()
  }
  texts(from?: SimClient): string[] {
    return this.received.filter(frame => from === undefined || frame.ssrc === from.ssrc).map(frame => frame.payload)
  }

  #newAddress(ip = '203.0.113.77'): SocketAddress {
    const address = { ip, port: ++lastPort }
    this.#call.listen(address, bytes => this.#datagram(bytes))
    return address
  }

  #datagram(bytes: Uint8Array): void {
    const discovered = decodeDiscoveryResponse(bytes)
    if (discovered !== undefined) {
      this.session.select({ protocol: 'udp', address: discovered.ip, port: discovered.port, mode: this.#mode })
      return this.#drain()
    }
    const isRtcp = bytes[1]! >= 192 && bytes[1]! <= 223
    const plain = this.#protection?.open(isRtcp ? 'rtcp' : 'rtp', bytes)
    if (plain === undefined) {
      this.unopened++
      return
    }
    const packet = isRtcp ? undefined : decodeRtp(plain)
    if (packet !== undefined)
      this.received.push({
        ssrc: packet.ssrc,
        sequence: packet.sequence,
        payload: new TextDecoder().decode(packet.payload),
      })
  }

  #drain(): void {
    for (const output of this.session.takeOutputs()) {
      this.outputs.push(output)
      this.#do(output)
    }
  }

  #do(output: VoiceOutput): void {
    switch (output.kind) {
      case 'connect':
        return this.#connect(output.version)
      case 'send': {
        const socket = this.#socket
        return this.#call.after(WEBSOCKET_LATENCY, () => void socket?.sendText(output.data))
      }
      case 'close': {
        const socket = this.#socket
        this.#socket = undefined
        return this.#call.after(WEBSOCKET_LATENCY, () => socket?.drop(output.code))
      }
      case 'ready':
        this.ssrc = output.ready.ssrc
        return this.#discover(0)
      case 'description': {
        const { description } = output
        if (description.protocol !== 'udp') throw new Error('expected a description of UDP')
        this.#protection = new PacketProtection(description.mode as VoiceMode, description.key)
        return
      }
      case 'closed':
        return this.#call.gone(this)
    }
  }

  #connect(version: number): void {
    this.#call.after(WEBSOCKET_LATENCY, () => {
      const socket = this.#call.bench.client(String(version), this.address.ip)
      this.#socket = socket
      const isCurrent = () => this.#socket === socket
      socket.tap(
        data =>
          this.#call.after(
            WEBSOCKET_LATENCY,
            () => isCurrent() && this.#feed(() => this.session.messageReceived(data, this.#call.now)),
          ),
        (code, reason) => this.#call.after(WEBSOCKET_LATENCY, () => isCurrent() && this.#closed(code, reason)),
      )
      this.#feed(() => this.session.connectionOpened(this.#call.now))
    })
  }

  #closed(code: number, reason: string): void {
    this.#socket = undefined
    this.#feed(() => this.session.connectionClosed(code, reason, this.#call.now))
  }

  #feed(input: () => void): void {
    input()
    this.#drain()
  }

  /** Sends discovery requests until one is answered: the link may lose requests and responses. */
  #discover(attempt: number): void {
    if (this.session.state !== 'selecting' || attempt > 50) return
    this.#call.toNode(encodeDiscoveryRequest(this.ssrc), this.address)
    this.#call.after(200, () => this.#discover(attempt + 1))
  }
}
