// Requests and answers of the test server's HTTP APIs: JSON with bounds, and errors in Discord's shape.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { DecodeError, decodeJson } from '@parley/protocol'
import { SERVER_LIMITS } from '../../limits.ts'

/** What a route returns. At most one of `body` and `text` is set. */
export interface Answer {
  status: number
  /** Sent as JSON. Undefined: no content. */
  body?: unknown
  /** Instead of a body: other content, with its type. */
  text?: string | Uint8Array
  type?: string
}

/** Whether a result of the control API is an answer with content of its own. */
export const isAnswer = (result: unknown): result is Answer =>
  typeof result === 'object' && result !== null && 'status' in result && 'text' in result

/** The request cannot be served. `code` is one of Discord's JSON error codes, or 0. */
export class RequestError extends Error {
  readonly status: number
  readonly code: number

  constructor(status: number, message: string, code = 0) {
    super(message)
    this.name = 'RequestError'
    this.status = status
    this.code = code
  }
}

/** Answers with the result, or with the error as `{ message, code }`. */
export async function respond(response: ServerResponse, serve: () => Promise<Answer>): Promise<void> {
  try {
    write(response, await serve())
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    write(response, { status: error.status, body: { message: error.message, code: error.code } })
  }
}

/** The JSON of a request; an empty object without one. Throws a `RequestError`. */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length
    if (length > SERVER_LIMITS.maxTestBody) throw new RequestError(413, 'the body is too long')
    parts.push(part)
  }
  if (length === 0) return {}
  try {
    // discord.py sends ids as numbers.
    return decodeJson(Buffer.concat(parts).toString('utf8'))
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw new RequestError(400, 'the body is not valid JSON', 50_109)
  }
}

/** Nothing is cached: a test reads the present state. */
function write(response: ServerResponse, { status, body, text, type }: Answer): void {
  if (text !== undefined) {
    response.writeHead(status, { 'content-type': type ?? 'text/plain', 'cache-control': 'no-store' })
    return void response.end(text)
  }
  if (body === undefined) return void response.writeHead(status).end()
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}
