// HTTP-01 (RFC 8555 §8.3): answers on a listener of its own, which is open only while a challenge is pending.
import { createServer, type Server } from 'node:http'
import { SERVER_LIMITS } from '../limits.ts'
import { AcmeError } from './protocol/acme-error.ts'
import type { ChallengeAnswer, ChallengeResponder } from './protocol/challenge-responder.ts'

const PATH = '/.well-known/acme-challenge/'

export class HttpResponder implements ChallengeResponder {
  readonly type = 'http-01'
  readonly #listen: { host: string; port: number }
  /** Key authorizations by token. */
  readonly #pending = new Map<string, string>()
  #server: Promise<Server> | undefined

  constructor(listen: { host: string; port: number }) {
    this.#listen = listen
  }

  async publish({ token, keyAuthorization }: ChallengeAnswer): Promise<() => Promise<void>> {
    this.#pending.set(token, keyAuthorization)
    try {
      this.#server ??= this.#open()
      await this.#server
    } catch (error) {
      this.#server = undefined
      this.#pending.delete(token)
      const { host, port } = this.#listen
      throw new AcmeError(
        `acme.http_listen: TCP port ${port} of ${host} cannot be opened for the challenge (${(error as NodeJS.ErrnoException).code ?? error})`,
      )
    }
    return () => this.#end(token)
  }

  async #end(token: string): Promise<void> {
    this.#pending.delete(token)
    if (this.#pending.size > 0) return
    const server = await this.#server
    this.#server = undefined
    server?.closeAllConnections()
    await new Promise<void>(resolve => (server === undefined ? resolve() : server.close(() => resolve())))
  }

  async #open(): Promise<Server> {
    const { host, port } = this.#listen
    try {
      return await this.#openAt(host, port)
    } catch (error) {
      // A system without IPv6.
      if (host !== '::' || !/EAFNOSUPPORT|EADDRNOTAVAIL/.test((error as NodeJS.ErrnoException).code ?? '')) throw error
      return this.#openAt('0.0.0.0', port)
    }
  }

  #openAt(host: string, port: number): Promise<Server> {
    const bounds = {
      headersTimeout: SERVER_LIMITS.headersTimeout,
      requestTimeout: SERVER_LIMITS.headersTimeout,
      keepAliveTimeout: SERVER_LIMITS.keepAliveTimeout,
      maxHeaderSize: SERVER_LIMITS.maxHeaderBytes,
    }
    const server = createServer(bounds, (request, response) => {
      const token = request.url?.startsWith(PATH) === true ? request.url.slice(PATH.length) : ''
      const text = this.#pending.get(token)
      response.writeHead(text === undefined ? 404 : 200, { 'content-type': 'application/octet-stream' })
      response.end(text)
    })
    server.maxConnections = SERVER_LIMITS.maxChallengeConnections
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, () => resolve(server))
    })
  }
}
