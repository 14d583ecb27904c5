// The playground over HTTP: the page's files, the demo's speech, and the demo's API, under a strict content policy.
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { DASHBOARD, pageFiles } from './page-files.ts'
import { contentPolicy, redirect, refuse, sendPage } from './page-response.ts'

/** Serves the page's requests, if a backend stands behind them. */
export interface PlaygroundApi {
  /** Sent with each request of the page. */
  readonly secret: string
  answer(action: string, request: IncomingMessage, response: ServerResponse): Promise<void>
}

/** Serves the playground on a separate port, without TLS and on loopback only, with a backend for its page. */
export interface PlaygroundOptions {
  /** 0 selects a free port. */
  port: number
  api: PlaygroundApi
}

const FOLDER = '/playground/'
const INDEX = 'index.html'
const SPEECH = new URL('../../assets/speech/', import.meta.url)
/** Names of this machine. A request under another name may come from a page that exploits DNS rebinding. */
const LOOPBACK_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/
const HOST = /^[A-Za-z0-9.-]{1,253}(:\d{1,5})?$|^\[[0-9a-fA-F:]{2,45}\](:\d{1,5})?$/
/** The script of the page's DAVE worker. */
const DAVE_WORKER = /^assets\/dave-worker-[^/]+\.js$/
/** Where the page reads the secret. */
const SECRET_PLACE = /(<meta name="parley-demo" content=")(")/

export class Playground {
  readonly #api: PlaygroundApi | undefined
  #files: Promise<ReadonlyMap<string, Buffer>> | undefined

  /** Without `api`, users enter credentials issued by their backend. */
  constructor(api: PlaygroundApi | undefined) {
    this.#api = api
  }

  /** Answers `/playground` and every path below it. */
  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host = '' } = request.headers
    const expected = this.#api === undefined ? HOST : LOOPBACK_HOST
    if (!expected.test(host)) return refuse(response, 421, 'open the playground under the name of this machine')
    if (this.#api !== undefined && path.startsWith(`${FOLDER}api/`))
      return this.#api.answer(path.slice(FOLDER.length + 4), request, response)
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return refuse(response, 405, 'only GET is supported here')
    if (!path.startsWith(FOLDER)) return redirect(response, FOLDER)
    const name = path === FOLDER ? INDEX : path.slice(FOLDER.length)
    const bytes = name.startsWith('speech/') ? await speech(name) : await this.#file(name)
    if (bytes === undefined) return refuse(response, 404, 'not found')
    sendPage(response, name, bytes, {
      'content-security-policy': policyFor(name, host),
      'permissions-policy': 'microphone=(self), camera=(self)',
    })
  }

  /** The files are loaded on the first request. */
  async #file(name: string): Promise<Buffer | undefined> {
    this.#files ??= pageFiles()
    const files = await this.#files.catch(error => {
      this.#files = undefined
      throw error
    })
    const bytes = name === DASHBOARD ? undefined : files.get(name)
    if (bytes === undefined || name !== INDEX) return bytes
    return Buffer.from(bytes.toString().replace(SECRET_PLACE, `$1${this.#api?.secret ?? ''}$2`))
  }
}

/** A file of the bundled dialogue; undefined if there is none of that name. */
async function speech(name: string): Promise<Buffer | undefined> {
  const [, file] = /^speech\/([a-z0-9-]{1,32}\.opus)$/.exec(name) ?? []
  return file === undefined ? undefined : readFile(new URL(file, SPEECH)).catch(() => undefined)
}

/** A worker has the policy of its script: only that of DAVE compiles WebAssembly. */
const policyFor = (name: string, host: string): string =>
  contentPolicy(
    [
      "media-src 'self' blob: mediastream:",
      // Some browsers do not apply 'self' to WebSockets.
      `connect-src 'self' ws://${host} wss://${host}`,
    ],
    DAVE_WORKER.test(name) ? "'self' 'wasm-unsafe-eval'" : "'self'",
  )
