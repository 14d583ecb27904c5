// Requests of the playground's page to the demo: small JSON requests from a page of this machine that has the secret.
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { LvspRequestError } from '@parley/client'
import { LvspFailure, Snowflake } from '@parley/protocol'
import { z } from 'zod'
import { nodeCrypto } from '../../crypto.ts'
import { SERVER_LIMITS } from '../../limits.ts'
import { bodyText } from '../../net/http.ts'
import type { PlaygroundApi } from '../../playground/page.ts'
import { GuestError, type Guests } from './guests.ts'

const User = z.object({ userId: Snowflake })
/** Letters, digits, punctuation and spaces: names are printed to terminals too. */
const Name = z
  .string()
  .trim()
  .min(1)
  .max(SERVER_LIMITS.maxGuestName)
  .regex(/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u)

/** `supportsDave`: whether the page encrypts end to end. */
const Join = z.object({ name: Name, supportsDave: z.boolean().default(false) })

/** What a request of the page does. A Zod error is answered with 400, a `GuestError` with its reason. */
type Action = (guests: Guests, content: unknown) => unknown

/** By the last part of the path. */
const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  [
    'join',
    (guests, content) => {
      const { name, supportsDave } = Join.parse(content)
      return guests.join(name, supportsDave)
    },
  ],
  ['rejoin', (guests, content) => guests.rejoin(User.parse(content).userId)],
  ['views', (guests, content) => guests.viewsOf(User.parse(content).userId)],
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

/** Serves the page that the demo itself opened: on loopback, with a secret that is part of the page. */
export class DemoPlaygroundApi implements PlaygroundApi {
  /** Part of the page, where pages of other origins cannot read it. */
  readonly secret = randomBytes(32).toString('base64url')
  #guests: Guests | undefined

  /** Until then each request is answered with 503. */
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
    const text = await bodyText(request, SERVER_LIMITS.maxPlaygroundBody)
    if (text === undefined) return say(response, 413, { error: 'too-long' })
    try {
      say(response, 200, await act(guests, JSON.parse(text === '' ? '{}' : text)))
    } catch (error) {
      say(response, ...failureOf(error))
    }
  }

  /**
   * Undefined for a request of the playground's page. A page of another origin has neither the secret nor these headers; a client
   * on another machine, or under another name that resolves to this one, cannot load the page.
   */
  #refusal({ method, headers }: IncomingMessage): number | undefined {
    if (!nodeCrypto.equal(`Bearer ${this.secret}`, headers.authorization ?? '')) return 401
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
