// Lets other programs of the same user ask the demo for credentials: one path on loopback, and a secret.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Credentials } from '../credentials.ts'
import type { RunningDemo } from './running-demo.ts'

/** Programs of one user, one short request each. */
const MOST_CONNECTIONS = 16
const REQUEST_TIMEOUT = 5_000
const PATH = '/users'

export class DemoControl {
  readonly #server: Server
  readonly #secret = randomBytes(32).toString('base64url')
  readonly #invite: () => Promise<Credentials>

  private constructor(invite: () => Promise<Credentials>) {
    this.#invite = invite
    const bounds = { headersTimeout: REQUEST_TIMEOUT, requestTimeout: REQUEST_TIMEOUT, maxHeaderSize: 8_192 }
    this.#server = createServer(bounds, (request, response) => void this.#answer(request, response))
    this.#server.maxConnections = MOST_CONNECTIONS
  }

  /** `invite` gives credentials for one more user. */
  static async open(invite: () => Promise<Credentials>): Promise<DemoControl> {
    const control = new DemoControl(invite)
    control.#server.listen(0, '127.0.0.1')
    await once(control.#server, 'listening')
    return control
  }

  /** What others need to ask. */
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

  #isAllowed(authorization = ''): boolean {
    return timingSafeEqual(digest(authorization), digest(`Bearer ${this.#secret}`))
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest()

function say(response: ServerResponse, status: number, content?: Credentials): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', connection: 'close' })
  response.end(content === undefined ? undefined : JSON.stringify(content))
}

/** Credentials for one more user of a demo that runs; undefined if what is there is not that demo (any more). */
export async function askDemo({ url, secret }: RunningDemo): Promise<Credentials | undefined> {
  try {
    const response = await fetch(new URL(PATH, url), {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      redirect: 'error',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT),
    })
    return response.ok ? Credentials.parse(await response.json()) : undefined
  } catch {
    return undefined
  }
}
