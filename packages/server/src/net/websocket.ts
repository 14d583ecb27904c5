// Open WebSockets, numbered: messages in, effects out, and bounds on what each may buffer.
import type { Duplex } from 'node:stream'
import type { Opening } from '@parley/core'
import { LIMITS } from '@parley/core'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { SERVER_LIMITS } from '../limits.ts'
import { type NodeNote, serverNote } from '../monitoring/notes.ts'
import { backendPing, encodeFrames } from './frames.ts'
import { UnidentifiedInput } from './unidentified-input.ts'

/** RFC 6455 §7.4.1: the purpose of the connection is fulfilled; an endpoint is going away. */
const NORMAL = 1000
export const GOING_AWAY = 1001

/** Receives the events of connections; the host. Each connection is opened once and closed once. */
export interface ConnectionInputs {
  connectionOpened(connection: number, opening: Accepted): void
  messageReceived(connection: number, data: string | Uint8Array): void
  connectionClosed(connection: number, code: number): void
}

/** A WebSocket as it was accepted. `relayedBy`: the process of the cluster where the client arrived, if it is not this one. */
export type Accepted = Opening & { readonly relayedBy?: string | undefined }

interface Connection {
  readonly id: number
  readonly socket: WebSocket
  /** The stream below the WebSocket. */
  readonly stream: Duplex
  readonly protocol: Opening['protocol']
  /** Messages since the last `flush`, and approximately their bytes. */
  unsent: (string | Uint8Array)[]
  unsentLength: number
  /** LVSP only: pings since the last message or pong. */
  unanswered: number
  /** LVSP only: messages since `windowStart`. */
  messages: number
  windowStart: number
  resume: NodeJS.Timeout | undefined
  /** Its client arrived at another process of the cluster. */
  readonly isRelayed: boolean
  /** Undefined once it has authenticated. */
  input: UnidentifiedInput | undefined
  /** The close frame is sent; messages that still arrive are dropped. */
  closing: boolean
  closeTimer: NodeJS.Timeout | undefined
}

/** One message per connection is read per turn of the event loop, so that no connection starves the others. */
export function webSocketServer(maxPayload: number = LIMITS.binaryMessage): WebSocketServer {
  const options = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
    allowSynchronousEvents: false,
    closeTimeout: SERVER_LIMITS.closeTimeout,
  }
  return new WebSocketServer(options)
}

/**
 * The WebSockets of both protocols. It numbers them, feeds the host, and applies `send` and `close`. A connection that
 * reads too slowly, or does not answer pings, is destroyed and counted.
 */
export class Connections {
  readonly #inputs: ConnectionInputs
  readonly #note: (note: NodeNote) => void
  readonly #open = new Map<number, Connection>()
  readonly #pinger: NodeJS.Timeout
  #last = 0
  /** Connections with messages since the last `flush`: the messages of one input leave as one write per connection. */
  readonly #unsent = new Set<Connection>()
  /** LVSP connections that wait for the peer's close frame, oldest first. */
  readonly #closingLvsp = new Set<Connection>()
  #idle: (() => void)[] = []
  /** Open connections by protocol. */
  readonly counts: Record<Opening['protocol'], number> = { gateway: 0, lvsp: 0 }
  /** Totals since the start. */
  readonly totals = { messagesIn: 0, messagesOut: 0, slow: 0, unresponsive: 0 }

  constructor(
    inputs: ConnectionInputs,
    note: (note: NodeNote) => void,
    pingInterval: number = SERVER_LIMITS.lvspPingInterval,
  ) {
    this.#inputs = inputs
    this.#note = note
    this.#pinger = setInterval(() => this.#ping(), pingInterval)
  }

  /** `stream` is the socket that was upgraded. */
  accept(socket: WebSocket, stream: Duplex, opening: Accepted): void {
    const { protocol } = opening
    const connection: Connection = {
      id: ++this.#last,
      socket,
      stream,
      protocol,
      unsent: [],
      unsentLength: 0,
      unanswered: 0,
      messages: 0,
      windowStart: 0,
      resume: undefined,
      isRelayed: opening.protocol === 'gateway' && opening.relayedBy !== undefined,
      input: new UnidentifiedInput(socket, stream),
      closing: false,
      closeTimer: undefined,
    }
    this.#open.set(connection.id, connection)
    this.counts[protocol]++
    socket.on('message', (data, isBinary) => this.#received(connection, data, isBinary))
    socket.on('pong', () => {
      connection.unanswered = 0
    })
    socket.on('error', ({ message: reason }) =>
      this.#note(serverNote('connection.error', { connection: connection.id, protocol, reason })),
    )
    socket.on('close', code => this.#closed(connection, code))
    this.#inputs.connectionOpened(connection.id, opening)
  }

  /** Ignored if the connection is closed or closing. A client that does not read is disconnected. */
  send(id: number, data: string | Uint8Array): void {
    const connection = this.#open.get(id)
    if (connection === undefined || connection.closing) return
    const { socket, protocol } = connection
    const bound = protocol === 'gateway' ? SERVER_LIMITS.maxGatewayBuffered : SERVER_LIMITS.maxLvspBuffered
    const unread = socket.bufferedAmount + connection.unsentLength
    if (unread > bound) {
      this.totals.slow++
      this.#note(serverNote('connection.slow', { connection: id, protocol, unread }))
      return this.#terminate(connection)
    }
    this.totals.messagesOut++
    connection.unsent.push(data)
    connection.unsentLength += data.length
    this.#unsent.add(connection)
  }

  /** Writes the messages sent since the last call. */
  flush(): void {
    for (const connection of this.#unsent) this.#write(connection)
    this.#unsent.clear()
  }

  /** Sends what was queued, then a close frame. A peer that does not answer it is destroyed after a while. */
  close(id: number, code: number, reason: string): void {
    const connection = this.#open.get(id)
    if (connection === undefined || connection.closing) return
    this.#write(connection)
    connection.closing = true
    connection.socket.close(code, shortened(reason))
    this.#limitRest(connection)
    if (connection.protocol === 'lvsp') this.#awaitClose(connection)
  }

  /** A peer that goes on sending after the close frame would be read and unmasked for nothing. */
  #limitRest(connection: Connection): void {
    let left: number = SERVER_LIMITS.maxBytesAfterClose
    connection.stream.on('data', (chunk: Uint8Array) => {
      left -= chunk.length
      if (left < 0) this.#terminate(connection)
    })
  }

  /** Lifts the bound on the input of an unidentified connection. A relay counts it for its backend. */
  authenticated(id: number, backend: string): void {
    const connection = this.#open.get(id)
    if (connection === undefined) return
    connection.input?.lift()
    connection.input = undefined
    if (connection.isRelayed) connection.socket.ping(backendPing(backend))
  }

  /** Passes an open WebSocket to the caller; for the node it is closed. Undefined if it is closing. */
  detach(id: number): WebSocket | undefined {
    const connection = this.#open.get(id)
    if (connection === undefined || connection.closing) return undefined
    this.#write(connection)
    connection.input?.lift()
    connection.socket.removeAllListeners()
    this.#closed(connection, NORMAL)
    return connection.socket
  }

  /** Resolves as soon as no voice gateway connection is open. */
  gatewayEmpty(): Promise<void> {
    if (this.counts.gateway === 0) return Promise.resolve()
    return new Promise(resolve => this.#idle.push(resolve))
  }

  /** Closes the connections of backends, which then connect again. */
  closeLvsp(code: number, reason: string): void {
    for (const { id, protocol } of [...this.#open.values()]) if (protocol === 'lvsp') this.close(id, code, reason)
  }

  /** Closes every connection; those that do not answer within `grace` are destroyed. */
  async shutdown(code: number, reason: string, grace: number): Promise<void> {
    clearInterval(this.#pinger)
    const gone = [...this.#open.values()].map(
      connection => new Promise<void>(resolve => connection.socket.once('close', () => resolve())),
    )
    for (const { id } of [...this.#open.values()]) this.close(id, code, reason)
    const cut = setTimeout(() => {
      for (const connection of [...this.#open.values()]) this.#terminate(connection)
    }, grace)
    await Promise.all(gone)
    clearTimeout(cut)
  }

  /** Bypasses ws, which makes two writes per message. Its `bufferedAmount` includes these bytes, because it reads the stream's count. */
  #write(connection: Connection): void {
    const { unsent, socket, stream, closing } = connection
    if (unsent.length === 0) return
    connection.unsent = []
    connection.unsentLength = 0
    if (socket.readyState === WebSocket.OPEN && !closing) stream.write(encodeFrames(unsent))
  }

  /** A message of ws: text or binary. LVSP is slowed down above its rate. */
  #received(connection: Connection, data: RawData, isBinary: boolean): void {
    if (connection.closing) return
    connection.unanswered = 0
    this.totals.messagesIn++
    const bytes = data as Buffer // The default binary type of ws is `nodebuffer`.
    if (connection.protocol === 'lvsp') this.#pace(connection, bytes.length)
    // A copy: small messages share storage, and Buffer's `slice` differs from Uint8Array's.
    this.#inputs.messageReceived(connection.id, isBinary ? new Uint8Array(bytes) : bytes.toString('utf8'))
  }

  /**
   * Above its rate a backend is not read until the second has passed, so that TCP slows it down. A long message counts for several:
   * its cost is that of parsing it.
   */
  #pace(connection: Connection, length: number): void {
    const now = performance.now()
    if (now - connection.windowStart >= 1000) {
      connection.windowStart = now
      connection.messages = 0
    }
    const wasAbove = connection.messages >= LIMITS.lvspInfosPerSecond
    connection.messages += Math.ceil(length / SERVER_LIMITS.lvspMessageUnit)
    if (wasAbove || connection.messages < LIMITS.lvspInfosPerSecond) return
    connection.socket.pause()
    connection.resume = setTimeout(() => connection.socket.resume(), connection.windowStart + 1000 - now)
  }

  /** LVSP only: backends may send nothing for hours, and voice clients send heartbeats. */
  #ping(): void {
    for (const connection of [...this.#open.values()]) {
      if (connection.protocol !== 'lvsp' || connection.closing) continue
      if (connection.unanswered++ < SERVER_LIMITS.maxMissedPings) connection.socket.ping()
      else {
        this.totals.unresponsive++
        const { id, protocol } = connection
        this.#note(serverNote('connection.unresponsive', { connection: id, protocol }))
        this.#terminate(connection)
      }
    }
  }

  /** LVSP only: bounds the connections that wait for the peer's close frame, in number and time. */
  #awaitClose(connection: Connection): void {
    connection.closeTimer = setTimeout(() => this.#terminate(connection), SERVER_LIMITS.lvspCloseTimeout)
    this.#closingLvsp.add(connection)
    if (this.#closingLvsp.size <= SERVER_LIMITS.maxClosingLvsp) return
    for (const oldest of this.#closingLvsp) return this.#terminate(oldest)
  }

  #terminate(connection: Connection): void {
    this.#closingLvsp.delete(connection)
    connection.closing = true
    connection.socket.terminate()
  }

  /** The last event of a connection, closed by either side. */
  #closed(connection: Connection, code: number): void {
    clearTimeout(connection.resume)
    clearTimeout(connection.closeTimer)
    connection.input?.end()
    this.#closingLvsp.delete(connection)
    this.#open.delete(connection.id)
    this.counts[connection.protocol]--
    this.#inputs.connectionClosed(connection.id, code)
    if (this.counts.gateway > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

/** A close reason that fits into a close frame, cut between characters. */
function shortened(reason: string): string {
  let short = reason.slice(0, SERVER_LIMITS.maxCloseReason)
  while (Buffer.byteLength(short) > SERVER_LIMITS.maxCloseReason) short = short.slice(0, -1)
  return short
}
