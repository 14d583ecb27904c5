// A listener: one TCP port for WebSocket upgrades, probes and metrics, with or without TLS.
// `/` and `/lvsp` are WebSockets; `/livez`, `/readyz`, `/metrics` and `/playground` are plain requests. The port opens
// before the node runs, so that a port in use is reported first; until `serve` everything is answered with 503.
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  ServerResponse,
  STATUS_CODES,
} from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { BlockList, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ok, type Result } from '@parley/core'
import type { WebSocketServer } from 'ws'
import { divideConnections } from '../ice-tcp/first-byte.ts'
import { SERVER_LIMITS } from '../limits.ts'
import { addressText, isListed, remoteAddress } from './address.ts'
import type { SocketLimits } from './socket-limits.ts'
import { alpnSelection, type TlsFiles } from './tls.ts'
import { type Connections, webSocketServer } from './websocket.ts'

export interface ListenerOptions {
  host: string
  /** 0 selects a free port. */
  port: number
  /** The protocol at `/`. LVSP is at `/lvsp` in both cases. */
  root: 'gateway' | 'lvsp'
  tls: TlsFiles | undefined
  /** The certificate for a challenge of ACME, by server name (RFC 8737); undefined if none is pending. */
  challengeFor?: (serverName: string) => TlsFiles | undefined
  behindProxy: boolean
  /** Addresses that may request /metrics. */
  metricsFrom: BlockList
  /** Takes the connections that begin with a frame of ICE-TCP; without it they are invalid TLS or HTTP. */
  iceTcp?: FramedConnections | undefined
}

/** ICE-TCP behind a listener. */
export interface FramedConnections {
  /** `authenticated` ends the time in which the connection counts as half-open. */
  accept(socket: Socket, authenticated: () => void): void
}

/** Who relays a voice client, and the address of the client. */
export interface RelayHops {
  /** From the headers of a request: undefined if it is not relayed, refused if its header is forged. */
  hopOf(headers: IncomingHttpHeaders): Result<{ readonly relay: string; readonly address: string }> | undefined
}

/** Answers `/playground` and every path below it. */
export interface PageService {
  answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void>
}

/** The services behind a listener, once the node runs. */
export interface Service {
  connections: Connections
  socketLimits: SocketLimits
  version: string
  /** Undefined while the node accepts new calls, else the reason why not. */
  unready(): string | undefined
  metrics(): Promise<string>
  /** Of a cluster whose processes relay voice clients to each other. */
  relay?: RelayHops | undefined
  /** Undefined if it is disabled. */
  playground?: PageService | undefined
}

/** One or two per node: `http.listen`, and `lvsp.listen` with LVSP at `/`. */
export class Listener {
  readonly #server: Server | TlsServer
  readonly #upgrades: WebSocketServer
  readonly #options: ListenerOptions
  #service: Service | undefined
  #metricsFrom: BlockList
  #port: number

  private constructor(options: ListenerOptions) {
    this.#options = options
    this.#metricsFrom = options.metricsFrom
    this.#port = options.port
    this.#upgrades = webSocketServer()
    const bounds = {
      headersTimeout: SERVER_LIMITS.headersTimeout,
      requestTimeout: SERVER_LIMITS.headersTimeout,
      keepAliveTimeout: SERVER_LIMITS.keepAliveTimeout,
      connectionsCheckingInterval: SERVER_LIMITS.timeoutCheckInterval,
      maxHeaderSize: SERVER_LIMITS.maxHeaderBytes,
    }
    this.#server =
      options.tls === undefined
        ? createServer(bounds)
        : createTlsServer({
            ...bounds,
            ...options.tls,
            handshakeTimeout: SERVER_LIMITS.tlsHandshakeTimeout,
            ALPNCallback: alpnSelection(options.challengeFor),
          })
    this.#server.maxConnections = SERVER_LIMITS.maxConnections
    const { iceTcp } = options
    if (iceTcp !== undefined) divideConnections(this.#server, socket => this.#acceptFramed(socket, iceTcp))
    this.#server.on('connection', (socket: Socket) => this.#service?.socketLimits.accepted(socket))
    this.#server.on('request', (request, response) => {
      // A fault of the node ends this request only.
      this.#answer(request, response).catch(() => response.destroy())
    })
    this.#server.on('upgrade', (request, socket: Socket, head) => this.#upgrade(request, socket, head))
  }

  /** Resolves when the port is open; rejects with the system's error (`EADDRINUSE`, `EACCES` …). */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options)
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', reject)
      listener.#server.listen(options.port, options.host, () => {
        listener.#server.off('error', reject)
        resolve()
      })
    })
    return listener
  }

  /** Until then each request is answered with 503. */
  serve(service: Service): void {
    this.#service = service
  }

  /** The port, also where 0 was configured, and after it was released. */
  get port(): number {
    const address = this.#server.address()
    if (address !== null && typeof address !== 'string') this.#port = address.port
    return this.#port
  }

  /** New connections use the new certificate; open ones stay. Throws, and keeps the old one, if certificate and key do not match. */
  reload(tls: TlsFiles | undefined, metricsFrom: BlockList): void {
    if (this.#options.tls !== undefined && tls !== undefined) (this.#server as TlsServer).setSecureContext(tls)
    this.#metricsFrom = metricsFrom
  }

  /** Another process may listen on the port from now on; WebSockets stay. */
  release(): void {
    this.#port = this.port
    this.#server.close()
    this.#server.closeIdleConnections()
  }

  /** Refuses new connections and closes those that are not a WebSocket. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  /** A connection of ICE-TCP. Until it authenticates, the limits of half-open connections apply. */
  #acceptFramed(socket: Socket, iceTcp: FramedConnections): void {
    if (this.#service === undefined) return void socket.destroy()
    const { socketLimits } = this.#service
    iceTcp.accept(socket, () => socketLimits.upgraded(socket))
  }

  /**
   * Order: is a WebSocket offered, is the node running, is there a protocol at the path, may this address open another
   * connection; then the WebSocket handshake.
   */
  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', ignore)
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') return this.#answerUnupgraded(request, socket)
    if (this.#service === undefined) return refuse(socket, 503)
    const { socketLimits, connections } = this.#service
    const url = urlOf(request)
    const protocol = url === undefined ? undefined : this.#protocolAt(url.pathname)
    if (url === undefined || protocol === undefined) return refuse(socket, 404)
    const hop = protocol === 'gateway' ? this.#service.relay?.hopOf(request.headers) : undefined
    if (hop?.ok === false) return refuse(socket, 403)
    const address = hop?.value.address ?? remoteAddress(request, this.#options.behindProxy)
    const place = protocol === 'gateway' ? socketLimits.admitGateway(address) : ok(ignore)
    if (!place.ok) return refuse(socket, 429)
    socket.once('close', place.value)
    this.#upgrades.handleUpgrade(request, socket, head, webSocket => {
      socketLimits.upgraded(request.socket)
      const opening =
        protocol === 'lvsp'
          ? {
              protocol,
              remoteAddress: address,
              userAgent: request.headers['user-agent']?.slice(0, SERVER_LIMITS.maxUserAgent),
            }
          : {
              protocol,
              remoteAddress: address,
              localAddress: addressText(request.socket.localAddress),
              version: url.searchParams.get('v') ?? undefined,
              ...(hop?.ok && { relayedBy: hop.value.relay }),
            }
      connections.accept(webSocket, socket, opening)
    })
  }

  /**
   * A server may ignore an offer of another protocol (RFC 9110 §7.8): Java's HTTP client offers HTTP/2 with its first
   * request. One answer per connection: the server has stopped parsing this one.
   */
  #answerUnupgraded(request: IncomingMessage, socket: Socket): void {
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket)
    response.once('finish', () => {
      response.detachSocket(socket)
      socket.destroySoon()
    })
    this.#server.emit('request', request, response)
  }

  /** The protocol at a path; undefined if there is none. */
  #protocolAt(path: string): 'gateway' | 'lvsp' | undefined {
    if (path === '/lvsp') return 'lvsp'
    return path === '/' ? this.#options.root : undefined
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const service = this.#service
    const path = urlOf(request)?.pathname
    if (service?.playground !== undefined && /^\/playground(\/|$)/.test(path ?? ''))
      return service.playground.answer(path ?? '', request, response)
    if (request.method !== 'GET' && request.method !== 'HEAD') return say(response, 405, 'only GET is supported here')
    if (service === undefined) return say(response, 503, 'starting')
    switch (path) {
      case '/':
        return say(response, 200, this.#welcome(service))
      case '/lvsp':
        return say(response, 426, 'LVSP is served here over WebSocket')
      case '/livez':
        return say(response, 200, 'alive')
      case '/readyz': {
        const reason = service.unready()
        return say(response, reason === undefined ? 200 : 503, reason ?? 'ready')
      }
      case '/metrics':
        return this.#metrics(service, request, response)
      default:
        return say(response, 404, 'not found')
    }
  }

  #welcome({ version }: Service): string {
    const users = this.#options.root === 'gateway' ? 'Voice clients connect' : 'Backends connect'
    return `This is Parley ${version}, a voice server. ${users} here over WebSocket.`
  }

  /** Only for addresses of `http.metrics_from`; behind a proxy the forwarded one counts. */
  async #metrics(service: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const address = remoteAddress(request, this.#options.behindProxy)
    if (!isListed(this.#metricsFrom, address)) return say(response, 403, `${address} is not in http.metrics_from`)
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8')
    response.end(await service.metrics())
  }
}

/** Not a closure: the scope of a listener lives as long as its socket. */
function ignore(): void {}

function urlOf(request: IncomingMessage): URL | undefined {
  return URL.canParse(request.url ?? '', 'http://node') ? new URL(request.url ?? '', 'http://node') : undefined
}

/** A plain answer that no cache stores. */
function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
  response.end(`${text}\n`)
}

/** Answers an upgrade with a status and closes at once; 429 and 503 ask the client to retry later. */
function refuse(socket: Duplex, status: 403 | 404 | 429 | 503): void {
  socket.once('finish', () => socket.destroy())
  const later = status === 403 || status === 404 ? '' : 'Retry-After: 10\r\n'
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n${later}\r\n`)
}

/** The text of a request or of an answer; undefined if it has more bytes than the limit. */
export async function bodyText(message: IncomingMessage, limit: number): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > limit) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
