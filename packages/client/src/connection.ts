// One WebSocket to a node, from open to close: bytes and texts in and out, and an end that is told once.
import { WebSocket } from 'ws'

/** How to check the node's certificate; as the system does, without it. */
export interface ConnectionTls {
  ca?: string | Buffer | undefined
  rejectUnauthorized?: boolean | undefined
}

export interface ConnectionEvents {
  opened(): void
  received(data: string | Uint8Array): void
  /** Closed, or never opened: 1006 and what the system said. */
  closed(code: number, reason: string): void
}

/** A DAVE commit of the largest groups, with room to spare. */
const LONGEST_MESSAGE = 1024 * 1024
/** How long the other side may take to answer our close before the connection is cut. */
const CLOSE_TIMEOUT = 1_000

export class Connection {
  readonly #socket: WebSocket
  #events: ConnectionEvents | undefined
  #failure = ''
  /** Settles when nothing of the socket is left. */
  readonly done: Promise<void>

  constructor(url: URL, tls: ConnectionTls | false | undefined, events: ConnectionEvents) {
    this.#events = events
    const socket = new WebSocket(url, { ...tls, maxPayload: LONGEST_MESSAGE, perMessageDeflate: false })
    this.#socket = socket
    socket.binaryType = 'nodebuffer'
    socket.on('open', () => this.#events?.opened())
    socket.on('message', (data, isBinary) => this.#events?.received(isBinary ? (data as Buffer) : data.toString()))
    socket.on('error', error => {
      this.#failure = error.message
    })
    this.done = new Promise(resolve => {
      socket.on('close', (code, reason) => {
        resolve()
        this.#events?.closed(code, reason.toString() || this.#failure)
      })
    })
  }

  send(data: string | Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(data)
  }

  /** Closes in good order; nothing more is told. */
  close(code: number, reason: string): void {
    this.#events = undefined
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT)
    void this.done.then(() => clearTimeout(timer))
    // The protocol has room for 123 bytes (RFC 6455 §5.5).
    this.#socket.close(
      code,
      Buffer.from(reason)
        .subarray(0, 123)
        .toString('latin1')
        .replace(/[^ -~]/g, '?'),
    )
  }

  /** Cuts the connection without a word, as a lost network does; the end is told. */
  cut(): void {
    this.#socket.terminate()
  }
}
