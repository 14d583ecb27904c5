// The voice endpoint of a test server: a TLS port that relays each voice connection to the node behind it.
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { SERVER_LIMITS } from '../../limits.ts'
import type { TlsFiles } from '../../net/tls.ts'
import { webSocketServer } from '../../net/websocket.ts'
import { seeded } from '../faults/seeded.ts'
import type { UserFaults } from '../faults/user-faults.ts'
import { UdpRelay } from './udp-relay.ts'
import { type LinkSession, VoiceLink } from './voice-link.ts'

export interface FrontOptions {
  tls: TlsFiles
  seed: number
  faultsOf(userId: string): UserFaults
  /** URL of the node behind it; undefined while it is stopped. */
  node(): string | undefined
}

const HOST = '127.0.0.1'

export class VoiceFront {
  readonly #server: Server
  readonly #upgrades = webSocketServer()
  readonly #options: FrontOptions
  readonly #links = new Set<VoiceLink>()
  /** By user and guild: a session keeps its relay when it resumes. */
  readonly #relays = new Map<string, UdpRelay>()

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
    this.#server = createServer({
      ...options.tls,
      handshakeTimeout: SERVER_LIMITS.tlsHandshakeTimeout,
      headersTimeout: SERVER_LIMITS.headersTimeout,
      requestTimeout: SERVER_LIMITS.headersTimeout,
      maxHeaderSize: SERVER_LIMITS.maxHeaderBytes,
    })
    this.#server.maxConnections = SERVER_LIMITS.maxTestConnections
    this.#server.on('request', (_, response) => {
      response.writeHead(426).end('voice clients connect here over WebSocket\n')
    })
    this.#server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => {})
      const node = this.#options.node()
      // As a machine without a server behind the port does.
      if (node === undefined) return socket.destroy()
      this.#upgrades.handleUpgrade(request, socket as Duplex, head, client => {
        const { search } = new URL(request.url ?? '/', 'http://front')
        this.#links.add(new VoiceLink(client, `${node}${search}`, this.#owner))
      })
    })
  }

  /** `host:port`, as in VOICE_SERVER_UPDATE. */
  get endpoint(): string {
    return `${HOST}:${(this.#server.address() as AddressInfo).port}`
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
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    for (const link of this.#links) link.drop()
    this.#server.closeAllConnections()
    await closed
    for (const relay of this.#relays.values()) relay.close()
    this.#relays.clear()
  }

  get #owner() {
    return {
      faultsOf: this.#options.faultsOf,
      relay: (session: LinkSession, node: number) => this.#relay(session, node),
      ended: (link: VoiceLink) => void this.#links.delete(link),
    }
  }

  async #relay(session: LinkSession, node: number): Promise<number> {
    const { userId, serverId } = session
    const { seed, faultsOf } = this.#options
    const relay = await UdpRelay.open({
      node,
      conditions: faultsOf(userId).conditions,
      up: seeded(seed, `${userId} ${serverId} up`),
      down: seeded(seed, `${userId} ${serverId} down`),
    })
    this.release(session)
    this.#relays.set(`${userId} ${serverId}`, relay)
    return relay.port
  }
}
