// The demo's control port: programs of the same user request credentials, on loopback and with a secret.
// Its address and secret are in a file that only the user can read (running-demo.ts); `parley demo --credentials` finds
// them there.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { nodeCrypto } from '../crypto.ts'
import { SERVER_LIMITS } from '../limits.ts'
import { Credentials } from '../talk/credentials.ts'
import type { RunningDemo } from './running-demo.ts'

const PATH = '/users'

/** One request: `POST /users` with the secret, answered with credentials. */
export class DemoControl {
  readonly #server: Server
  readonly #secret = randomBytes(32).toString('base64url')
  readonly #invite: () => Promise<Credentials>

  private constructor(invite: () => Promise<Credentials>) {
    this.#invite = invite
    const { controlTimeout, maxControlHeaderBytes: maxHeaderSize } = SERVER_LIMITS
    const bounds = { headersTimeout: controlTimeout, requestTimeout: controlTimeout, maxHeaderSize }
    this.#server = createServer(bounds, (request, response) => void this.#answer(request, response))
    this.#server.maxConnections = SERVER_LIMITS.maxControlConnections
  }

  /** `invite` issues credentials for another user. */
  static async open(invite: () => Promise<Credentials>): Promise<DemoControl> {
    const control = new DemoControl(invite)
    control.#server.listen(0, '127.0.0.1')
    await once(control.#server, 'listening')
    return control
  }

  /** What other programs need for a request. */
  get address(): RunningDemo {
    const { port } = this.#server.address() as AddressInfo
    return { pid: process.pid, url: `http://127.0.0.1:${port}/`, secret: this.#secret }
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume()
    if (!this.#isAllowed(request.headers.authorization)) return say(response, 401)
    if (request.url !== PATH || request.method !== 'POST') return say(response, 404)
    try {
      say(response, 200, await this.#invite())
    } catch {
      say(response, 503)
    }
  }

  /** Compared in constant time. */
  #isAllowed(authorization = ''): boolean {
    return nodeCrypto.equal(`Bearer ${this.#secret}`, authorization)
  }
}

/** The connection closes after each answer. */
function say(response: ServerResponse, status: number, content?: Credentials): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', connection: 'close' })
  response.end(content === undefined ? undefined : JSON.stringify(content))
}

/** Credentials for another user of a running demo; undefined if that demo no longer answers. */
export async function askDemo({ url, secret }: RunningDemo): Promise<Credentials | undefined> {
  try {
    const response = await fetch(new URL(PATH, url), {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      redirect: 'error',
      signal: AbortSignal.timeout(SERVER_LIMITS.controlTimeout),
    })
    return response.ok ? Credentials.parse(await response.json()) : undefined
  } catch {
    return undefined
  }
}
