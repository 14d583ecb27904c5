// The playground over HTTP: the page's files, the demo's speech, and the demo's API, under a strict content policy.
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pageFiles } from './page-files.ts'

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
const SPEECH = new URL('../../assets/speech/', import.meta.url)
/** Content types by extension. */
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  opus: 'audio/ogg',
}
/** Names of this machine. A request under another name may come from a page that exploits DNS rebinding. */
const LOOPBACK_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/
const HOST = /^[A-Za-z0-9.-]{1,253}(:\d{1,5})?$|^\[[0-9a-fA-F:]{2,45}\](:\d{1,5})?$/
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
    if (!path.startsWith(FOLDER)) return redirect(response)
    const name = path === FOLDER ? 'index.html' : path.slice(FOLDER.length)
    const bytes = name.startsWith('speech/') ? await speech(name) : await this.#file(name)
    if (bytes === undefined) return refuse(response, 404, 'not found')
    response.writeHead(200, { ...headersFor(name, host), 'content-length': bytes.length })
    response.end(bytes)
  }

  /** The files are loaded on the first request. */
  async #file(name: string): Promise<Buffer | undefined> {
    this.#files ??= pageFiles()
    const files = await this.#files.catch(error => {
      this.#files = undefined
      throw error
    })
    const bytes = files.get(name)
    if (bytes === undefined || name !== 'index.html') return bytes
    return Buffer.from(bytes.toString().replace(SECRET_PLACE, `$1${this.#api?.secret ?? ''}$2`))
  }
}

/** A file of the bundled dialogue; undefined if there is none of that name. */
async function speech(name: string): Promise<Buffer | undefined> {
  const [, file] = /^speech\/([a-z0-9-]{1,32}\.opus)$/.exec(name) ?? []
  return file === undefined ? undefined : readFile(new URL(file, SPEECH)).catch(() => undefined)
}

/** A strict policy: the page loads nothing from elsewhere, and no page may embed it. */
function headersFor(name: string, host: string): Record<string, string> {
  const extension = name.slice(name.lastIndexOf('.') + 1)
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "media-src 'self' blob: mediastream:",
    // Some browsers do not apply 'self' to WebSockets.
    `connect-src 'self' ws://${host} wss://${host}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]
  return {
    'content-type': TYPES[extension] ?? 'application/octet-stream',
    'content-security-policy': policy.join('; '),
    'permissions-policy': 'microphone=(self), camera=(self)',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    // Names under assets/ change with their content.
    'cache-control': name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-store',
  }
}

/** The page's relative URLs need the trailing slash. */
function redirect(response: ServerResponse): void {
  response.writeHead(308, { location: FOLDER, 'cache-control': 'no-store' })
  response.end()
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  })
  response.end(`${text}\n`)
}
