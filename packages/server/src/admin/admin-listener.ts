// A listener of the admin API: a Unix socket of the node's user, or HTTP with a token. It bounds, authenticates and audits.
// Order of the checks: is the node running, wrong tokens of the address, the token, the path, the method, the length,
// the shape. A POST that reaches its route is logged as `admin.action`, whatever its result.
import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import { connect } from 'node:net'
import type { z } from 'zod'
import { nodeCrypto } from '../crypto.ts'
import { SERVER_LIMITS } from '../limits.ts'
import type { Log } from '../monitoring/log.ts'
import { serverNote } from '../monitoring/notes.ts'
import { addressText } from '../net/address.ts'
import { bodyText } from '../net/http.ts'
import { HalfOpenSockets } from '../net/socket-limits.ts'
import type { TlsFiles } from '../net/tls.ts'
import { DashboardPage, isDashboard } from './dashboard.ts'
import { streamLog } from './log-stream.ts'
import { AdminRefusal, type AdminRoute, LOG_ROUTE } from './route.ts'
import { WrongTokens } from './wrong-tokens.ts'

/** Who may use the listener: the user of the node, by the mode of the socket; or the holder of the token. */
export type AdminListenerOptions =
  | { readonly kind: 'socket'; readonly path: string }
  | {
      readonly kind: 'http'
      readonly host: string
      readonly port: number
      readonly token: string
      readonly tls: TlsFiles | undefined
      /** Whether it serves the dashboard page. */
      readonly dashboard: boolean
    }

/** A route with what it acts on. */
type BoundRoute = Omit<AdminRoute, 'run'> & { run(request: unknown): unknown }
interface Service {
  readonly log: Log
  readonly routes: readonly BoundRoute[]
}

/** Requests of the API are short; streamed answers have no deadline. */
const BOUNDS = {
  headersTimeout: SERVER_LIMITS.adminTimeout,
  requestTimeout: SERVER_LIMITS.adminTimeout,
  keepAliveTimeout: SERVER_LIMITS.keepAliveTimeout,
  connectionsCheckingInterval: SERVER_LIMITS.timeoutCheckInterval,
  maxHeaderSize: SERVER_LIMITS.maxHeaderBytes,
}

/** Of connections whose token was not verified. Operators share addresses, so that there is no limit per address. */
const STRANGERS = { most: SERVER_LIMITS.maxAdminStrangers, perAddress: Infinity }

/** One per address of the configuration. The port opens before the node runs, as those of `Listener` do. */
export class AdminListener {
  readonly #options: AdminListenerOptions
  readonly #server: Server | TlsServer
  readonly #wrongTokens = new WrongTokens()
  readonly #strangers = new HalfOpenSockets(STRANGERS)
  readonly #dashboard: DashboardPage | undefined
  #service: Service | undefined
  #logReaders = 0
  #token: string

  private constructor(options: AdminListenerOptions) {
    this.#options = options
    this.#token = options.kind === 'http' ? options.token : ''
    this.#dashboard = options.kind === 'http' && options.dashboard ? new DashboardPage() : undefined
    const tls = options.kind === 'http' ? options.tls : undefined
    this.#server =
      tls === undefined
        ? createServer(BOUNDS)
        : createTlsServer({ ...BOUNDS, ...tls, handshakeTimeout: SERVER_LIMITS.tlsHandshakeTimeout })
    this.#server.maxConnections = SERVER_LIMITS.maxAdminConnections
    if (options.kind === 'http') this.#server.on('connection', socket => this.#strangers.accepted(socket))
    this.#server.on('request', (request, response) => {
      this.#answer(request, response).catch(() => response.destroy())
    })
  }

  /** Rejects with the system's error. A socket that no process serves is replaced. */
  static async open(options: AdminListenerOptions): Promise<AdminListener> {
    const listener = new AdminListener(options)
    if (options.kind === 'http') await listener.#listen(() => listener.#server.listen(options.port, options.host))
    else await listener.#listenOnSocket(options.path)
    return listener
  }

  /** What the routes act on, a node or a front. Until then each request is answered with 503. */
  serve<Subject extends { readonly log: Log }>(subject: Subject, routes: readonly AdminRoute<Subject>[]): void {
    const bound = routes.map(route => ({ ...route, run: (request: unknown) => route.run(subject, request) }))
    this.#service = { log: subject.log, routes: bound }
  }

  /** Undefined for a socket. */
  get port(): number | undefined {
    const address = this.#server.address()
    return address === null || typeof address === 'string' ? undefined : address.port
  }

  /** New connections use the new certificate, new requests the new token. */
  reload(tls: TlsFiles | undefined, token: string | undefined): void {
    if (this.#options.kind !== 'http') return
    if (this.#options.tls !== undefined && tls !== undefined) (this.#server as TlsServer).setSecureContext(tls)
    this.#token = token ?? this.#token
  }

  /** Another process may listen at the address from now on; requests in progress are answered. */
  release(): void {
    this.#server.close()
  }

  /** Ends streamed answers too. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    // Those that are in their TLS handshake.
    this.#strangers.close()
    await closed
  }

  async #listenOnSocket(path: string): Promise<void> {
    await removeStale(path)
    await this.#listen(() => {
      // The mode from the first moment on: between bind and chmod other users could connect. `listen` binds at once.
      const before = process.umask(0o177)
      try {
        this.#server.listen(path)
      } finally {
        process.umask(before)
      }
    })
    chmodSync(path, 0o600)
  }

  /** Resolves when `start` has bound the address, rejects with the system's error. */
  async #listen(start: () => void): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.once('listening', () => {
        this.#server.off('error', reject)
        resolve()
      })
      start()
    })
  }

  /** One request. An exception destroys its response, see the constructor. */
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const service = this.#service
    if (service === undefined) return refuse(response, 503, 'starting')
    const url = new URL(request.url ?? '/', 'http://node')
    if (this.#dashboard !== undefined && isDashboard(url.pathname))
      return this.#dashboard.answer(url.pathname, request, response)
    const refusal = this.#refusal(request, service)
    if (refusal !== undefined) return refuse(response, ...refusal)
    if (url.pathname === LOG_ROUTE.path) return this.#log(service, url, response)
    const routes = service.routes.filter(({ path }) => path === url.pathname)
    const route = routes.find(({ method }) => method === request.method)
    if (routes.length === 0) return refuse(response, 404, 'no such path')
    if (route === undefined) return refuse(response, 405, `expected ${routes[0]!.method}`)
    const isPost = route.method === 'POST'
    const input = isPost ? await bodyText(request, SERVER_LIMITS.maxAdminBody) : Object.fromEntries(url.searchParams)
    if (input === undefined) return refuse(response, 413, `expected at most ${SERVER_LIMITS.maxAdminBody} bytes`)
    const [status, content] = await answerOf(route, input)
    if (isPost) this.#audit(service, route, request, [String(input), status, content])
    say(response, status, content)
  }

  /** Undefined if the request may proceed. A socket needs no token: only the node's user can open it. */
  #refusal(request: IncomingMessage, { log }: Service): [status: 401 | 429, sentence: string] | undefined {
    if (this.#options.kind === 'socket') return undefined
    const from = addressText(request.socket.remoteAddress)
    const now = performance.now()
    if (this.#wrongTokens.isRefused(from, now)) return [429, 'too many wrong tokens']
    if (nodeCrypto.equal(`Bearer ${this.#token}`, request.headers.authorization ?? '')) {
      this.#strangers.settled(request.socket)
      return undefined
    }
    this.#wrongTokens.count(from, now)
    const reason = request.headers.authorization === undefined ? 'no token' : 'a wrong token'
    log.note(serverNote('admin.refused', { from, reason }))
    return [401, 'expected Authorization: Bearer with the token of admin.token_file']
  }

  /** Streams the log to a bounded number of readers. */
  #log({ log }: Service, url: URL, response: ServerResponse): void {
    const options = LOG_ROUTE.request.safeParse(Object.fromEntries(url.searchParams))
    if (!options.success) return refuse(response, 400, sentenceOf(options.error))
    if (this.#logReaders >= SERVER_LIMITS.maxLogReaders) return refuse(response, 429, 'too many readers of the log')
    this.#logReaders++
    response.once('close', () => {
      this.#logReaders--
    })
    streamLog(log, response, options.data)
  }

  /** Who did what with which result. Text is cut, because it comes from the request. */
  #audit(
    { log }: Service,
    { path }: BoundRoute,
    request: IncomingMessage,
    [text, status, content]: [text: string, status: number, content: unknown],
  ): void {
    const action = path.slice(path.lastIndexOf('/') + 1)
    const from = this.#options.kind === 'socket' ? 'socket' : addressText(request.socket.remoteAddress)
    const cut = (value: string) => value.slice(0, SERVER_LIMITS.maxAuditText)
    const result = cut(JSON.stringify(content) ?? '')
    log.note(serverNote('admin.action', { action, from, request: cut(text), status, result }))
  }
}

/** Parses the request by the route's schema, and runs the route. */
async function answerOf(
  { request, run }: BoundRoute,
  input: string | object,
): Promise<[status: number, content: unknown]> {
  const json = typeof input === 'string' ? parsed(input) : input
  const checked = request.safeParse(json)
  if (!checked.success) return [400, { error: sentenceOf(checked.error) }]
  try {
    return [200, await run(checked.data)]
  } catch (error) {
    if (error instanceof AdminRefusal) return [error.status, { error: error.message }]
    return [500, { error: 'internal error' }]
  }
}

/** An empty body is an empty object. */
function parsed(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The first fault of a request, with its place. */
function sentenceOf({ issues }: z.ZodError): string {
  const [issue] = issues
  const place = issue?.path.join('.') ?? ''
  return `${place === '' ? 'the request' : place}: ${issue?.message ?? 'invalid'}`
}

function say(response: ServerResponse, status: number, content: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(`${JSON.stringify(content)}\n`)
}

/** The rest of the request is not read. */
function refuse(response: ServerResponse, status: number, sentence: string): void {
  response.setHeader('connection', 'close')
  say(response, status, { error: sentence })
}

/** Removes a socket that a process left behind; one that a process serves stays, and the bind fails. */
async function removeStale(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return
  const isServed = await new Promise<boolean>(resolve => {
    const probe = connect(path, () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED'))
  })
  if (!isServed) rmSync(path, { force: true })
}
