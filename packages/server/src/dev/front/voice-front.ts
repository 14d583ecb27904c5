// The voice endpoint of a test server: TLS ports that relay each voice connection to the node behind them.
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { SERVER_LIMITS } from '../../limits.ts'
import { selfSignedCertificate } from '../../net/self-signed.ts'
import type { TlsFiles } from '../../net/tls.ts'
import { webSocketServer } from '../../net/websocket.ts'
import { seeded } from '../faults/seeded.ts'
import type { UserFaults } from '../faults/user-faults.ts'
import { UdpRelay } from '../media/udp-relay.ts'
import type { LinkSession } from '../messages/voice-messages.ts'
import type { Recorder } from '../trace/trace-record.ts'
import { UserPort } from './user-port.ts'
import { type LinkOwner, VoiceLink } from './voice-link.ts'

/** Certificate, seed, and what is known of users and the node. */
export interface FrontOptions {
  tls: TlsFiles
  /** Of the endpoints that clients receive. */
  voiceHost: string
  seed: number
  faultsOf(userId: string): UserFaults
  recorderOf(userId: string): Recorder
  /** URL of the node behind it; undefined while it is stopped. */
  node(): string | undefined
}

const HOST = '127.0.0.1'

export class VoiceFront {
  readonly #server: Server
  /** With a certificate that no client trusts; created when a fault first needs it. */
  #untrusted: Server | undefined
  readonly #upgrades = webSocketServer()
  readonly #options: FrontOptions
  readonly #links = new Set<VoiceLink>()
  /** By user and guild: a session keeps its relay when it resumes. */
  readonly #relays = new Map<string, UdpRelay>()
  readonly #ports = new Map<string, Promise<UserPort>>()
  /** Users by the number of their port. */
  readonly #users = new Map<number, string>()
  #isClosed = false

  static async open(options: FrontOptions): Promise<VoiceFront> {
    const front = new VoiceFront(options)
    await new Promise<void>((resolve, reject) => {
      front.#server.once('error', reject)
      front.#server.listen(0, HOST, resolve)
    })
    return front
  }

  private constructor(options: FrontOptions) {
    this.#options = options
    this.#server = this.#tlsServer(options.tls)
  }

  /** `host:port` of the port that all users share. */
  get endpoint(): string {
    return `${this.#options.voiceHost}:${(this.#server.address() as AddressInfo).port}`
  }

  /** `host:port` of a user, as in VOICE_SERVER_UPDATE. The same as long as the front is open. */
  async endpointOf(userId: string): Promise<string> {
    const open = this.#ports.get(userId) ?? this.#openPort(userId)
    this.#ports.set(userId, open)
    return `${this.#options.voiceHost}:${(await open).number}`
  }

  /** The voice connections of a user, or all. */
  links(userId?: string): VoiceLink[] {
    return [...this.#links].filter(link => userId === undefined || link.userId === userId)
  }

  /** Closes the relay of a session that has ended. */
  release({ userId, serverId }: LinkSession): void {
    const key = `${userId} ${serverId}`
    this.#relays.get(key)?.close()
    this.#relays.delete(key)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    for (const link of this.#links) link.drop()
    for (const port of await Promise.all(this.#ports.values())) port.close()
    this.#server.closeAllConnections()
    this.#untrusted?.closeAllConnections()
    await closed
    for (const relay of this.#relays.values()) relay.close()
    this.#relays.clear()
  }

  #tlsServer(tls: TlsFiles): Server {
    const server = createServer({
      ...tls,
      handshakeTimeout: SERVER_LIMITS.tlsHandshakeTimeout,
      headersTimeout: SERVER_LIMITS.headersTimeout,
      requestTimeout: SERVER_LIMITS.headersTimeout,
      maxHeaderSize: SERVER_LIMITS.maxHeaderBytes,
    })
    server.maxConnections = SERVER_LIMITS.maxTestConnections
    server.on('tlsClientError', () => {})
    server.on('request', (_, response) => {
      response.writeHead(426).end('voice clients connect here over WebSocket\n')
    })
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    return server
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {})
    const node = this.#options.node()
    // As a machine without a server behind the port does.
    if (node === undefined || this.#isClosed) return void socket.destroy()
    const userId = this.#users.get((socket as Socket).localPort ?? 0)
    const status = userId === undefined ? undefined : this.#options.faultsOf(userId).value('no-upgrade')
    if (status !== undefined) return void socket.end(`HTTP/1.1 ${status} Fault\r\nconnection: close\r\n\r\n`)
    this.#upgrades.handleUpgrade(request, socket, head, client => {
      const url = request.url ?? '/'
      const search = URL.canParse(url, 'http://front') ? new URL(url, 'http://front').search : ''
      this.#links.add(new VoiceLink(client, `${node}${search}`, this.#owner, userId))
    })
  }

  async #openPort(userId: string): Promise<UserPort> {
    const port = await UserPort.open({
      faults: this.#options.faultsOf(userId),
      serve: (socket, isTrusted) => void (isTrusted ? this.#server : this.#wrongServer()).emit('connection', socket),
    })
    this.#users.set(port.number, userId)
    if (this.#isClosed) port.close()
    return port
  }

  #wrongServer(): Server {
    this.#untrusted ??= this.#tlsServer(selfSignedCertificate())
    return this.#untrusted
  }

  get #owner(): LinkOwner {
    return {
      faultsOf: this.#options.faultsOf,
      recorderOf: this.#options.recorderOf,
      relay: (session, node) => this.#relay(session, node),
      relayOf: ({ userId, serverId }) => this.#relays.get(`${userId} ${serverId}`),
      ended: link => void this.#links.delete(link),
    }
  }

  async #relay(session: LinkSession, node: number): Promise<UdpRelay> {
    const { userId, serverId } = session
    const { seed, faultsOf, recorderOf } = this.#options
    const random = (what: string) => seeded(seed, `${userId} ${serverId} ${what}`)
    const relay = await UdpRelay.open({
      node,
      faults: faultsOf(userId),
      up: random('up'),
      down: random('down'),
      frames: random('frames'),
      record: recorderOf(userId),
      announce: message => {
        for (const link of this.links(userId)) link.announce(message)
      },
    })
    this.release(session)
    this.#relays.set(`${userId} ${serverId}`, relay)
    return relay
  }
}
