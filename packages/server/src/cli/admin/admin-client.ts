// Requests of the command line to the admin API of a node: over its Unix socket, or over HTTP with a token.
import { readFileSync } from 'node:fs'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { dirname, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { processEnvironment } from '../../config/config.ts'
import { readToml } from '../../config/sources.ts'
import { SERVER_LIMITS } from '../../limits.ts'

/** Where a packaged unit puts the socket. */
const DEFAULT_SOCKET = '/run/parley/admin.sock'

/** A sentence for the operator: the node cannot be reached, or refuses. */
export class AdminError extends Error {}

/** How the command line names a node. */
export interface AdminAddress {
  config?: string | undefined
  socket?: string | undefined
  /** Of `admin.listen`. */
  url?: string | undefined
  tokenFile?: string | undefined
}

/** One request per connection. Methods reject with an `AdminError` whose message is one sentence for the operator. */
export class AdminClient {
  readonly #socket: string
  readonly #url: URL | undefined
  readonly #token: string | undefined

  constructor({ url, tokenFile, ...address }: AdminAddress) {
    if ((url === undefined) !== (tokenFile === undefined))
      throw new AdminError('expected both --url and --token-file, or neither')
    if (url !== undefined && !URL.canParse(url)) throw new AdminError(`--url: expected a URL, found ${url}`)
    this.#url = url === undefined ? undefined : new URL(url)
    this.#token = tokenFile === undefined ? undefined : tokenOf(tokenFile)
    this.#socket = socketOf(address)
  }

  /** The answer's JSON. */
  get(path: string, query: object = {}): Promise<unknown> {
    return this.#ask('GET', withQuery(path, query), undefined)
  }

  /** As `get`, for requests that change something. */
  post(path: string, body: object): Promise<unknown> {
    return this.#ask('POST', path, JSON.stringify(body))
  }

  /** Lines of a streamed answer, until the caller stops. */
  async *lines(path: string, query: object): AsyncIterable<string> {
    const response = await this.#send('GET', withQuery(path, query), undefined)
    if (response.statusCode !== 200) throw refusalOf(await textOf(response), response)
    try {
      yield* createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })
    } finally {
      response.destroy()
    }
  }

  async #ask(method: string, path: string, body: string | undefined): Promise<unknown> {
    const response = await this.#send(method, path, body)
    const text = await textOf(response)
    if (response.statusCode !== 200) throw refusalOf(text, response)
    return JSON.parse(text)
  }

  #send(method: string, path: string, body: string | undefined): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = this.#open(method, path)
      request.once('response', resolve)
      request.once('error', (error: NodeJS.ErrnoException) => reject(this.#unreachable(error)))
      request.setTimeout(SERVER_LIMITS.adminTimeout, () => request.destroy(new Error('no answer in time')))
      request.once('response', () => request.setTimeout(0))
      request.end(body)
    })
  }

  /** Over the socket no token is needed: its mode decides who may. */
  #open(method: string, path: string): ClientRequest {
    if (this.#url === undefined) return httpRequest({ socketPath: this.#socket, method, path, agent: false })
    const send = this.#url.protocol === 'http:' ? httpRequest : httpsRequest
    return send(new URL(path, this.#url), {
      method,
      agent: false,
      headers: { authorization: `Bearer ${this.#token}` },
    })
  }

  /** What the operator can do about a connection that failed. */
  #unreachable({ code, message }: NodeJS.ErrnoException): AdminError {
    const where = this.#url?.href ?? this.#socket
    if (code === 'ENOENT' || code === 'ECONNREFUSED')
      return new AdminError(`no node answers at ${where}: is it running, with admin.socket in its configuration?`)
    if (code === 'EACCES') return new AdminError(`${where}: only the user of the node may open it (sudo -u parley …)`)
    return new AdminError(`${where}: ${message}`)
  }
}

/** The flag, the variable, the setting of the configuration file, or the default. Other settings are not checked. */
function socketOf({ config, socket }: AdminAddress): string {
  const environment = processEnvironment()
  const given = socket ?? environment.PARLEY_ADMIN_SOCKET
  const file = config ?? environment.PARLEY_CONFIG
  if (given !== undefined || file === undefined) return given ?? DEFAULT_SOCKET
  const { admin } = readToml(file) as { admin?: { socket?: unknown } }
  return typeof admin?.socket === 'string' ? resolve(dirname(resolve(file)), admin.socket) : DEFAULT_SOCKET
}

function tokenOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/)[0]!
  } catch (error) {
    throw new AdminError(`--token-file: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}

function withQuery(path: string, query: object): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  return given.length === 0 ? path : `${path}?${new URLSearchParams(Object.fromEntries(given))}`
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > SERVER_LIMITS.maxAdminAnswer) throw new AdminError('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The sentence of the node's answer. */
function refusalOf(text: string, { statusCode }: IncomingMessage): AdminError {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    if (typeof error === 'string') return new AdminError(error)
  } catch {}
  return new AdminError(`the node answered with status ${statusCode}`)
}
