// Two WebSockets joined: that of a client that arrived here, and one to the node that owns it. Messages pass unchanged and unread, close
// codes too. A side that does not read stops the other one: at most one message above the bound is held for it.
import type { RawData, WebSocket } from 'ws'
import { SERVER_LIMITS } from '../limits.ts'
import { isSendable, readBackendPing } from '../net/frames.ts'
import type { Share } from './shares.ts'

/** RFC 6455 §7.1.5: the close frame had no code; there was no close frame. */
const NO_CODE = 1005
/** IANA's registry: try again later. */
const TRY_AGAIN = 1013

interface ReadBounds {
  /** Unread bytes of one side, above which the other side is not read. */
  readonly held: number
  /** Milliseconds for which a side may leave that much unread. */
  readonly stall: number
}

export class RelayedConnection {
  readonly #client: WebSocket
  readonly #owner: WebSocket
  readonly #ended: (connection: RelayedConnection) => void
  readonly #bounds: ReadBounds
  readonly #share: Share
  #stalled: NodeJS.Timeout | undefined
  #hasEnded = false

  /** `first`: messages of the client that were read before. Both sockets are open, and the owner's is paused. */
  constructor(
    client: WebSocket,
    owner: WebSocket,
    first: readonly (string | Uint8Array)[],
    share: Share,
    ended: (connection: RelayedConnection) => void,
    bounds: ReadBounds = { held: SERVER_LIMITS.maxRelayHeld, stall: SERVER_LIMITS.relayStall },
  ) {
    this.#bounds = bounds
    this.#share = share
    this.#client = client
    this.#owner = owner
    this.#ended = ended
    this.#join(client, owner)
    this.#join(owner, client)
    owner.on('ping', payload => this.#belongsTo(readBackendPing(payload)))
    for (const message of first) owner.send(message)
    owner.resume()
  }

  /** The client may resume its session at once; the owner sees a lost connection, and keeps the session. */
  close(code: number, reason: string): void {
    this.#client.close(code, reason)
    this.#end()
    this.#owner.terminate()
  }

  terminate(): void {
    this.#end()
    this.#client.terminate()
    this.#owner.terminate()
  }

  #join(from: WebSocket, to: WebSocket): void {
    from.on('message', (data, isBinary) => this.#pass(from, to, data, isBinary))
    from.on('close', (code, reason) => this.#closed(to, code, reason))
    // 'close' follows.
    from.on('error', () => {})
    // It may have closed while nothing listened.
    if (from.readyState === from.CLOSED) this.#closed(to, NO_CODE + 1, Buffer.alloc(0))
  }

  #pass(from: WebSocket, to: WebSocket, data: RawData, isBinary: boolean): void {
    if (to.readyState !== to.OPEN) return
    const { length } = data as Buffer
    this.#share.add(length)
    to.send(data, { binary: isBinary }, () => this.#written(from, to, length))
    if (to.bufferedAmount <= this.#held) return
    from.pause()
    // The owner ends a client that does not read, but cannot say so through a stream that is stopped.
    this.#stalled ??= setTimeout(() => this.terminate(), this.#bounds.stall)
  }

  #written(from: WebSocket, to: WebSocket, length: number): void {
    this.#share.add(-length)
    if (!from.isPaused || to.bufferedAmount > this.#held) return
    from.resume()
    if (this.#client.isPaused || this.#owner.isPaused) return
    clearTimeout(this.#stalled)
    this.#stalled = undefined
  }

  /** Unread bytes of one side, above which the other side is not read. */
  get #held(): number {
    return this.#share.isCrowded ? 0 : this.#bounds.held
  }

  /** The node has authenticated the client. */
  #belongsTo(backend: string | undefined): void {
    if (backend !== undefined && !this.#share.assign(backend))
      this.close(TRY_AGAIN, 'too many relayed connections of this backend')
  }

  /** One side has closed: the other one closes in the same way. */
  #closed(other: WebSocket, code: number, reason: Buffer): void {
    this.#end()
    if (other.readyState !== other.OPEN) return
    // Its answer has to be read.
    other.resume()
    if (isSendable(code)) other.close(code, reason)
    else if (code === NO_CODE) other.close()
    else other.terminate()
  }

  #end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    clearTimeout(this.#stalled)
    this.#share.close()
    this.#ended(this)
  }
}
