// Requests to a certificate authority: over TLS only, with a time limit and a bound on the answer, no redirects.
import { request } from 'node:https'
import { SERVER_LIMITS } from '../../limits.ts'
import { VERSION } from '../../version.ts'
import { AcmeError } from './acme-error.ts'

export interface AcmeAnswer {
  readonly status: number
  readonly text: string
  readonly nonce: string | undefined
  readonly location: string | undefined
  /** Milliseconds, from `Retry-After`. */
  readonly retryAfter: number | undefined
}

export interface AcmeRequest {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly body?: string
  /** Certificate authorities that are trusted for this request, as PEM; undefined: those of Node.js. */
  readonly ca: string | undefined
  readonly signal: AbortSignal
  /** Milliseconds until the whole answer has arrived. */
  readonly timeout?: number
}

/** Rejects with an `AcmeError` if there is no answer. */
export function send(url: string, acmeRequest: AcmeRequest): Promise<AcmeAnswer> {
  const { method, body, ca, signal, timeout = SERVER_LIMITS.acmeRequestTimeout } = acmeRequest
  return new Promise((resolve, reject) => {
    const failed = (reason: string) => reject(new AcmeError(`${new URL(url).host} cannot be reached: ${reason}`))
    const headers = {
      'user-agent': `parley/${VERSION}`,
      'accept-language': 'en',
      ...(body !== undefined && { 'content-type': 'application/jose+json', 'content-length': Buffer.byteLength(body) }),
    }
    const outgoing = request(url, { method, headers, ca, signal, agent: false }, response => {
      const parts: Buffer[] = []
      let size = 0
      response.on('data', (part: Buffer) => {
        size += part.length
        if (size > SERVER_LIMITS.maxAcmeAnswer) response.destroy(new Error('the answer is too long'))
        else parts.push(part)
      })
      response.on('error', error => failed(reasonOf(error, signal)))
      response.on('end', () => {
        const { 'replay-nonce': nonce, location, 'retry-after': retryAfter } = response.headers
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(parts).toString('utf8'),
          nonce: [nonce].flat()[0],
          location,
          retryAfter: readRetryAfter(retryAfter, Date.now()),
        })
      })
    })
    outgoing.on('error', error => failed(reasonOf(error, signal)))
    // Not `AbortSignal.timeout` within `AbortSignal.any`: garbage collection removes it, and the request would wait for ever.
    const timer = setTimeout(() => {
      failed(`no answer within ${timeout / 1_000} s`)
      outgoing.destroy()
    }, timeout)
    outgoing.once('close', () => clearTimeout(timer))
    outgoing.end(body)
  })
}

function reasonOf(error: Error, signal: AbortSignal): string {
  if (signal.aborted) return 'the node stops'
  return (error as NodeJS.ErrnoException).code ?? error.message
}

/** Seconds or a date (RFC 9110 §10.2.3), in milliseconds from `now`; undefined if it is neither. */
export function readRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const time = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now
  return Number.isNaN(time) ? undefined : Math.max(0, time)
}
