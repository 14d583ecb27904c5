// A WebSocket of the main gateway: JSON in, JSON out, compressed if the client asks for it, with Discord's limits.
import { type RawData, WebSocket } from 'ws'
import { SERVER_LIMITS } from '../../limits.ts'
import { decodeGatewayMessage, GatewayClose, GatewayError, type GatewayMessage, GatewayOp } from './gateway-messages.ts'
import { COMPRESSIONS, type StreamCompression } from './stream-compression.ts'

/** The main gateway, as a connection uses it. */
export interface ConnectionListener {
  /** Throws a `GatewayError` to close the connection. */
  received(connection: GatewayConnection, message: GatewayMessage): void
  closed(connection: GatewayConnection, code: number): void
}

const MINUTE = 60_000
const VERSIONS: readonly string[] = ['9', '10']

/** From Hello to close. It answers heartbeats itself and closes with Discord's codes; sessions are the listener's. */
export class GatewayConnection {
  /** The version that the client asked for, 9 or 10. */
  readonly version: number
  readonly #socket: WebSocket
  readonly #listener: ConnectionListener
  readonly #compression: StreamCompression | undefined
  #silence: NodeJS.Timeout
  #count = 0
  #countedFrom = performance.now()

  constructor(socket: WebSocket, query: URLSearchParams, listener: ConnectionListener) {
    this.#socket = socket
    this.#listener = listener
    const { version, compress } = terms(query)
    this.version = Number(version)
    this.#compression = compress?.(bytes => this.#socket.send(bytes))
    this.#silence = this.#awaitMessage()
    // hikari sends its JSON in binary messages.
    socket.on('message', data => this.#received(data))
    socket.on('close', code => this.#closed(code))
    socket.on('error', () => {})
    const refusal = refusalOf(query)
    if (refusal !== undefined) this.close(refusal.code, refusal.message)
    else this.send({ op: GatewayOp.Hello, d: { heartbeat_interval: SERVER_LIMITS.testHeartbeatInterval } })
  }

  /** A message of the server. A client that does not read is disconnected. */
  send = (message: object): void => {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    if (this.#socket.bufferedAmount > SERVER_LIMITS.maxRelayBuffered) return this.#socket.terminate()
    const text = JSON.stringify({ t: null, s: null, ...message })
    if (this.#compression === undefined) this.#socket.send(text)
    else this.#compression.write(text)
  }

  /** With a close frame, whose reason is cut. */
  close(code: number, reason: string): void {
    this.#socket.close(code, reason.slice(0, SERVER_LIMITS.maxCloseReason))
  }

  /** Without a close frame. */
  drop(): void {
    this.#socket.terminate()
  }

  #received(data: RawData): void {
    clearTimeout(this.#silence)
    this.#silence = this.#awaitMessage()
    try {
      this.#admit()
      const message = decodeGatewayMessage(String(data))
      if (message.kind === 'heartbeat') this.send({ op: GatewayOp.HeartbeatAck })
      else this.#listener.received(this, message)
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      this.close(error.code, error.message)
    }
  }

  /** Counts the message; too many in a minute close the connection (4008). */
  #admit(): void {
    const now = performance.now()
    if (now - this.#countedFrom > MINUTE) {
      this.#countedFrom = now
      this.#count = 0
    }
    if (++this.#count > SERVER_LIMITS.maxTestMessagesPerMinute)
      throw new GatewayError(GatewayClose.RateLimited, 'too many messages in a minute')
  }

  /** Closes a connection that sends nothing (4009). */
  #awaitMessage(): NodeJS.Timeout {
    return setTimeout(() => this.close(GatewayClose.TimedOut, 'no heartbeat'), SERVER_LIMITS.testSilence)
  }

  #closed(code: number): void {
    clearTimeout(this.#silence)
    this.#compression?.destroy()
    this.#listener.closed(this, code)
  }
}

const compressionIn = (query: URLSearchParams) =>
  Object.entries(COMPRESSIONS).find(([name]) => name === query.get('compress'))?.[1]

const terms = (query: URLSearchParams) => ({
  version: query.get('v') ?? '10',
  compress: compressionIn(query),
})

/** Why this query cannot be served; undefined if it can. */
function refusalOf(query: URLSearchParams): GatewayError | undefined {
  if (!VERSIONS.includes(query.get('v') ?? '10'))
    return new GatewayError(GatewayClose.InvalidVersion, 'expected version 9 or 10')
  if ((query.get('encoding') ?? 'json') !== 'json')
    return new GatewayError(GatewayClose.Decode, 'only JSON is supported')
  if (query.has('compress') && compressionIn(query) === undefined)
    return new GatewayError(GatewayClose.Decode, 'expected zlib-stream or zstd-stream compression')
  return undefined
}
