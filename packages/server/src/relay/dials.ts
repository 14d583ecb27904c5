// Opens connections to the owning nodes, few at a time for each: a thousand clients that arrive at once wait in line, and a node that
// does not answer delays its own clients only.
import { ok, type Result, refused } from '@parley/core'
import { WebSocket } from 'ws'
import { SERVER_LIMITS } from '../limits.ts'
import { HOP_HEADER } from './hop.ts'
import { Lines } from './lines.ts'

/** Why there is no connection. `code` is that of the owner, if it closed the connection itself. */
export interface DialFailure {
  readonly reason: string
  readonly code: number | undefined
}

export interface Dial {
  /** Id of the owning node. */
  readonly node: string
  readonly url: URL
  /** Signed when its turn comes, because it is valid for a short time. */
  readonly hop: () => string
  /** The client is gone. */
  readonly isOver: () => boolean
}

type Dialed = Result<WebSocket, DialFailure>

const OVER: Dialed = refused({ reason: 'the client has left', code: undefined })

export class Dials {
  readonly #ca: string | undefined
  readonly #lines = new Lines(SERVER_LIMITS.maxRelayDials)

  /** `ca`: certificate authorities of the nodes, in PEM; those of the system without it. */
  constructor(ca: string | undefined) {
    this.#ca = ca
  }

  /** A connection that is paused after the owner's Hello, which this process has sent already. */
  open(dial: Dial): Promise<Dialed> {
    return this.#lines.run(dial.node, async () => (dial.isOver() ? OVER : this.#connect(dial)))
  }

  #connect({ url, hop }: Dial): Promise<Dialed> {
    const options = {
      headers: { [HOP_HEADER]: hop() },
      perMessageDeflate: false,
      maxPayload: SERVER_LIMITS.maxGatewayBuffered,
      closeTimeout: SERVER_LIMITS.closeTimeout,
      ca: this.#ca,
    }
    const socket = new WebSocket(url, options)
    return new Promise(resolve => {
      const settle = (result: Dialed) => {
        clearTimeout(timer)
        socket.removeAllListeners()
        // Without a listener an error of the socket would be an exception.
        socket.on('error', () => {})
        if (!result.ok) socket.terminate()
        resolve(result)
      }
      const fail = (reason: string, code?: number) => settle(refused({ reason, code }))
      const timer = setTimeout(() => fail('no answer'), SERVER_LIMITS.relayDialTimeout)
      socket.once('message', () => {
        socket.pause()
        settle(ok(socket))
      })
      socket.once('unexpected-response', (_request, { statusCode }) => fail(`HTTP status ${statusCode}`))
      socket.once('error', ({ message }) => fail(message))
      socket.once('close', (code, reason) => fail(reason.toString() || 'closed before Hello', code))
    })
  }
}
