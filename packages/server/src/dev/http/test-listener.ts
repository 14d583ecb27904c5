// The HTTP port of a test server: REST, the control API, and the main gateway's WebSockets.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { SERVER_LIMITS } from '../../limits.ts'
import { ListenError } from '../../net/listen-error.ts'
import { webSocketServer } from '../../net/websocket.ts'
import { type Answer, RequestError, respond } from './answer.ts'

/** What is behind the port. */
export interface TestService {
  /** Answers a path without its query. Throws a `RequestError`. */
  answer(path: string, request: IncomingMessage): Promise<Answer>
  /** A client of the main gateway, with the query of its URL. */
  connected(socket: WebSocket, query: URLSearchParams): void
}

const HOST = '127.0.0.1'

/**
 * Plain HTTP on loopback: REST clients and main gateways of all libraries can be pointed there. Only the voice endpoint
 * needs TLS.
 */
export class TestListener {
  readonly #server: Server
  readonly #upgrades = webSocketServer(SERVER_LIMITS.maxTestMessage)

  /** Rejects with a `ListenError`. */
  static async open(port: number, service: TestService): Promise<TestListener> {
    const listener = new TestListener(service)
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', error =>
        reject(ListenError.ofPort('--port', `TCP port ${port} of ${HOST}`, error)),
      )
      listener.#server.listen(port, HOST, resolve)
    })
    return listener
  }

  private constructor(service: TestService) {
    this.#server = createServer({
      headersTimeout: SERVER_LIMITS.headersTimeout,
      requestTimeout: SERVER_LIMITS.headersTimeout,
      keepAliveTimeout: SERVER_LIMITS.keepAliveTimeout,
      maxHeaderSize: SERVER_LIMITS.maxHeaderBytes,
    })
    this.#server.maxConnections = SERVER_LIMITS.maxTestConnections
    this.#server.on('request', (request, response) => answer(service, request, response))
    this.#server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => {})
      if (request.headers.upgrade?.toLowerCase() !== 'websocket')
        return serveUnupgraded(this.#server, request, socket, head)
      const url = urlOf(request)
      if (url?.pathname !== '/' && url?.pathname !== '/gateway') return socket.destroy()
      this.#upgrades.handleUpgrade(request, socket, head, client => service.connected(client, url.searchParams))
    })
  }

  /** `host:port`. */
  get address(): string {
    const address = this.#server.address()
    return `${HOST}:${address === null || typeof address === 'string' ? 0 : address.port}`
  }

  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }
}

/** Belong to the upgrade that is not served. */
const UPGRADE_HEADERS: ReadonlySet<string> = new Set(['upgrade', 'connection', 'http2-settings'])

/** Java's HTTP client offers HTTP/2 with its first request (RFC 7540 §3.2); the server reads the request again, without the offer. */
function serveUnupgraded(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/1.1`]
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index]!
    if (!UPGRADE_HEADERS.has(name.toLowerCase())) lines.push(`${name}: ${request.rawHeaders[index + 1]}`)
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', socket)
}

/** A `RequestError` is answered; any other error destroys the response. */
function answer(service: TestService, request: IncomingMessage, response: ServerResponse): void {
  const answered = respond(response, () => {
    const path = urlOf(request)?.pathname
    if (path === undefined) throw new RequestError(400, 'the path is not valid')
    return service.answer(path, request)
  })
  // A fault of the server, or a client that left, ends this request only.
  answered.catch(() => response.destroy())
}

const urlOf = ({ url = '' }: IncomingMessage): URL | undefined =>
  URL.canParse(url, 'http://test') ? new URL(url, 'http://test') : undefined
