// Input of a WebSocket that has not authenticated: bounded in bytes, because any host can send it and a frame is buffered until its end.
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { SERVER_LIMITS } from '../limits.ts'

/** RFC 6455 §7.4.1: a message is too big. */
const TOO_BIG = 1009

/**
 * Counts the bytes of a stream until `lift`. Above the limit it pauses the WebSocket: the messages before that may still authenticate
 * it; otherwise it is closed.
 */
export class UnidentifiedInput {
  readonly #socket: WebSocket
  readonly #stream: Duplex
  readonly #count = (chunk: Uint8Array): void => this.#received(chunk.length)
  #left: number = SERVER_LIMITS.maxUnidentifiedBytes
  #timer: NodeJS.Timeout | undefined

  constructor(socket: WebSocket, stream: Duplex) {
    this.#socket = socket
    this.#stream = stream
    stream.on('data', this.#count)
  }

  /** The connection has authenticated. */
  lift(): void {
    this.end()
    if (this.#left < 0) this.#socket.resume()
  }

  /** Stops counting. */
  end(): void {
    this.#stream.off('data', this.#count)
    clearTimeout(this.#timer)
  }

  #received(length: number): void {
    const hadRoom = this.#left >= 0
    this.#left -= length
    if (this.#left >= 0 || !hadRoom) return
    this.#socket.pause()
    this.#timer = setTimeout(() => this.#refuse(), SERVER_LIMITS.unidentifiedGrace)
  }

  /** Reads on, so that the client's close frame is received. */
  #refuse(): void {
    this.end()
    this.#socket.close(TOO_BIG, 'too large before Identify')
    this.#socket.resume()
  }
}
