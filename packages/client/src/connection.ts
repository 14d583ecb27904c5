// One WebSocket to a node, from open to close.
import { WebSocket } from 'ws'
import { LIMITS } from './limits.ts'

/** Verification of the node's certificate. */
export interface ConnectionTls {
  /** Certificate authorities in PEM. Default: those of the system. */
  ca?: string | Buffer | undefined
  /** Whether an invalid certificate fails the connection. Default: true. */
  rejectUnauthorized?: boolean | undefined
}

/** Events of the socket, in order: `opened` at most once, then messages, then `closed` once. */
export interface ConnectionEvents {
  opened(): void
  received(data: string | Uint8Array): void
  /** Closed, or could not be opened: code 1006 and the system's error. Called once. */
  closed(code: number, reason: string): void
}

/** Bytes of a close reason (RFC 6455 §5.5). */
const REASON_LENGTH = 123

export class Connection {
  readonly #socket: WebSocket
  #events: ConnectionEvents | undefined
  #failure = ''
  /** Resolves when the socket is closed. */
  readonly done: Promise<void>

  /**
   * Opens at once. Whether TLS is used follows from the scheme of `url`; `false` and undefined mean the defaults of
   * Node.js.
   */
  constructor(url: URL, tls: ConnectionTls | false | undefined, events: ConnectionEvents) {
    this.#events = events
    const socket = new WebSocket(url, { ...tls, maxPayload: LIMITS.message, perMessageDeflate: false })
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

  /** Strings are text messages, bytes are binary ones. Dropped unless the socket is open. */
  send(data: string | Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(data)
  }

  /** Closes with a close frame. No further event is emitted. */
  close(code: number, reason: string): void {
    this.#events = undefined
    const timer = setTimeout(() => this.#socket.terminate(), LIMITS.closeTimeout)
    void this.done.then(() => clearTimeout(timer))
    this.#socket.close(
      code,
      Buffer.from(reason)
        .subarray(0, REASON_LENGTH)
        .toString('latin1')
        .replace(/[^ -~]/g, '?'),
    )
  }

  /** Destroys the TCP connection without a close frame, like a network failure. */
  cut(): void {
    this.#socket.terminate()
  }
}
