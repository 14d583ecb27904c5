// What the playground's page may ask of the demo: small JSON requests, of a page of this machine that has the secret.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { LvspRequestError } from '@parley/client'
import { LvspFailure, Snowflake } from '@parley/protocol'
import { z } from 'zod'
import type { PlaygroundApi } from '../playground/page.ts'
import { GuestError, type Guests } from './guests.ts'

const LONGEST_BODY = 4_096

const User = z.object({ userId: Snowflake })
/** Letters, digits, punctuation and single spaces: it is shown in terminals too. */
const Name = z
  .string()
  .trim()
  .min(1)
  .max(32)
  .regex(/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u)

type Action = (guests: Guests, content: unknown) => unknown

const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['join', (guests, content) => guests.join(z.object({ name: Name }).parse(content).name)],
  ['rejoin', (guests, content) => guests.rejoin(User.parse(content).userId)],
  ['leave', (guests, content) => guests.leave(User.parse(content).userId)],
  ['kick', (guests, content) => guests.kick(User.parse(content).userId)],
  [
    'mute',
    (guests, content) => {
      const { userId, isMuted } = User.extend({ isMuted: z.boolean() }).parse(content)
      guests.mute(userId, isMuted)
    },
  ],
  [
    'move',
    (guests, content) => {
      const { userId, channelId } = User.extend({ channelId: Snowflake }).parse(content)
      return guests.move(userId, channelId)
    },
  ],
])

export class DemoPlaygroundApi implements PlaygroundApi {
  /** The page has it; no other page can read it there. */
  readonly secret = randomBytes(32).toString('base64url')
  #guests: Guests | undefined

  /** Until then everything is answered with 503. */
  open(guests: Guests): void {
    this.#guests = guests
  }

  async answer(action: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = this.#refusal(request)
    if (refusal !== undefined) return say(response, refusal, { error: 'refused' })
    const guests = this.#guests
    if (guests === undefined) return say(response, 503, { error: 'starting' })
    if (request.method === 'GET') {
      return action === 'call' ? say(response, 200, guests.overview) : say(response, 404, { error: 'unknown-action' })
    }
    const act = ACTIONS.get(action)
    if (act === undefined) return say(response, 404, { error: 'unknown-action' })
    const text = await bodyOf(request)
    if (text === undefined) return say(response, 413, { error: 'too-long' })
    try {
      say(response, 200, await act(guests, JSON.parse(text === '' ? '{}' : text)))
    } catch (error) {
      say(response, ...failureOf(error))
    }
  }

  /**
   * Undefined for a request of our page. A page of another origin has neither the secret nor a header of ours, and what asks
   * from another machine, or under a name that only resolves to this one, never got that page.
   */
  #refusal({ method, headers }: IncomingMessage): number | undefined {
    if (!isSame(headers.authorization ?? '', `Bearer ${this.secret}`)) return 401
    const site = headers['sec-fetch-site']
    if (site !== undefined && site !== 'same-origin') return 403
    if (method === 'GET') return undefined
    if (method !== 'POST') return 405
    const { origin, host } = headers
    if (origin !== `http://${host}` && origin !== `https://${host}`) return 403
    return headers['content-type'] === 'application/json' ? undefined : 415
  }
}

function failureOf(error: unknown): [status: number, content: { error: string }] {
  if (error instanceof z.ZodError || error instanceof SyntaxError) return [400, { error: 'malformed' }]
  if (error instanceof GuestError) return [error.reason === 'full' ? 503 : 404, { error: error.reason }]
  const isDraining = error instanceof LvspRequestError && error.code === LvspFailure.Draining
  return [503, { error: isDraining ? 'draining' : 'unavailable' }]
}

/** Undefined if it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > LONGEST_BODY) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const digest = (text: string) => createHash('sha256').update(text).digest()
const isSame = (given: string, expected: string) => timingSafeEqual(digest(given), digest(expected))

function say(response: ServerResponse, status: number, content?: unknown): void {
  const isClosed = status === 413
  response.writeHead(content === undefined && status === 200 ? 204 : status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(isClosed && { connection: 'close' }),
  })
  response.end(content === undefined ? undefined : JSON.stringify(content))
}
