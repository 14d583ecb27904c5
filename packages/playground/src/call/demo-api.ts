// The HTTP API of the demo that serves this page: credentials, names, moderation.
import { Snowflake } from '@parley/protocol'
import { z } from 'zod'

const Credentials = z.object({
  server_id: Snowflake,
  channel_id: Snowflake,
  user_id: Snowflake,
  session_id: z.string(),
  token: z.string(),
})
/** A user's credentials for one session. */
export type Credentials = z.infer<typeof Credentials>

const Overview = z.object({
  channels: z.array(z.object({ id: z.string(), name: z.string(), privacyCode: z.string().optional() })),
  users: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      channelId: z.string(),
      isBot: z.boolean(),
      isMuted: z.boolean(),
      supportsDave: z.boolean(),
    }),
  ),
})
/** Channels and users of the demo's backend. */
export type Overview = z.infer<typeof Overview>

const LayerView = z.object({
  senderId: z.string(),
  kind: z.enum(['camera', 'screen']),
  /** Layers of the source. They are numbered from 0, the lowest quality; −1 is none. */
  layers: z.number(),
  wanted: z.number(),
  target: z.number(),
  current: z.number(),
  temporal: z.number().optional(),
  reason: z.string().optional(),
  bitrate: z.number(),
  estimate: z.number().optional(),
})
/** What the node sends this user of a member's camera or screen (VIDEO_VIEW). */
export type LayerView = z.infer<typeof LayerView>
const LayerViews = z.array(LayerView)

/** The demo refused a request; `reason` is the code in its response. */
export class DemoError extends Error {
  readonly reason: string

  constructor(reason: string) {
    super(`the demo refused: ${reason}`)
    this.name = 'DemoError'
    this.reason = reason
  }
}

/** Requests of the page to `DemoPlaygroundApi` of the server. `secret` was part of the page. */
export class DemoApi {
  readonly #secret: string

  constructor(secret: string) {
    this.#secret = secret
  }

  /** Channels and users, with those of other tabs. */
  async overview(): Promise<Overview> {
    return Overview.parse(await this.#ask('call'))
  }
  /** `supportsDave`: whether this page encrypts end to end, for the overview. */
  async join(name: string, supportsDave: boolean): Promise<Credentials> {
    return Credentials.parse(await this.#ask('join', { name, supportsDave }))
  }
  /** After a close with 4014: resolves with credentials if the user was moved, with undefined if the user was kicked. */
  async rejoin(userId: string): Promise<Credentials | undefined> {
    const answer = await this.#ask('rejoin', { userId })
    return answer === undefined ? undefined : Credentials.parse(answer)
  }
  /** What the node sends the user of each video. */
  async views(userId: string): Promise<LayerView[]> {
    return LayerViews.parse(await this.#ask('views', { userId }))
  }
  async leave(userId: string): Promise<void> {
    await this.#ask('leave', { userId })
  }
  async mute(userId: string, isMuted: boolean): Promise<void> {
    await this.#ask('mute', { userId, isMuted })
  }
  async kick(userId: string): Promise<void> {
    await this.#ask('kick', { userId })
  }
  async move(userId: string, channelId: string): Promise<void> {
    await this.#ask('move', { userId, channelId })
  }

  /** Rejects with a DemoError if the demo refuses the request, with a TypeError if it does not respond. */
  async #ask(action: string, content?: unknown): Promise<unknown> {
    const authorization = `Bearer ${this.#secret}`
    const response = await fetch(
      `api/${action}`,
      content === undefined
        ? { headers: { authorization }, cache: 'no-store' }
        : {
            method: 'POST',
            headers: { authorization, 'content-type': 'application/json' },
            body: JSON.stringify(content),
            // The request to leave is sent while the page unloads.
            keepalive: true,
          },
    )
    if (response.ok) return response.status === 204 ? undefined : await response.json()
    throw new DemoError(
      z.object({ error: z.string() }).safeParse(await response.json().catch(() => {})).data?.error ?? 'unknown',
    )
  }
}

/** Reads pasted credentials; returns undefined if they are invalid. */
export function readCredentials(text: string): Credentials | undefined {
  try {
    return Credentials.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
