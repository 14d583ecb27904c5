// The admin API, as far as the dashboard uses it. The token is in a header only, never in a URL.

/** GET /v1/status. */
export interface Status {
  readonly version: string
  readonly uptime: number
  readonly endpoint: string
  readonly engine: string
  readonly health: number
  readonly draining: boolean
  readonly connections: number
  readonly channels: number
  readonly sessions: number
  readonly backends: readonly {
    readonly backend: string
    readonly connected: boolean
    readonly channels: number
    readonly sessions: number
  }[]
  readonly lanes: readonly LaneStatus[]
}

export interface LaneStatus {
  readonly lane: number
  readonly port: number
  readonly channels: number
  readonly peers: number
  /** Share of the last second. */
  readonly busy: number
  readonly packets_in: number
  readonly packets_out: number
  readonly bytes_out: number
  readonly drops: Readonly<Record<string, number>>
}

/** An item of GET /v1/channels. */
export interface Channel {
  readonly backend: string
  readonly channel: string
  readonly guild?: string
  readonly kind: string
  readonly lane: number
  readonly present: readonly string[]
  readonly dave: number
}

/** An item of GET /v1/users. */
export interface User {
  readonly backend: string
  readonly user: string
  readonly channel: string
  readonly session: string
  readonly state: string
  readonly age: number
  readonly transport: string
  readonly speaking: boolean
  readonly video: boolean
  readonly muted: boolean
  readonly packets: number
  readonly lost: number
  /** Milliseconds. */
  readonly jitter: number
  /** Of what the user receives, by its client's reports; absent without them. */
  readonly reported_loss?: number
  /** Milliseconds. */
  readonly round_trip?: number
}

/** An item of GET /v1/alarms. */
export interface Alarm {
  readonly alarm: string
  readonly severity: 'critical' | 'warning'
  readonly text: string
}

/** One page of items, of all that there are. */
export interface Page<Item> {
  readonly total: number
  readonly items: readonly Item[]
}

/** Why a request failed, in a sentence for the operator. */
export class AdminError extends Error {
  /** The token was not accepted: no further request can succeed. */
  readonly isRefused: boolean

  constructor(sentence: string, isRefused: boolean) {
    super(sentence)
    this.name = 'AdminError'
    this.isRefused = isRefused
  }
}

const TIMEOUT = 10_000
const UNAUTHORIZED = 401

export class AdminApi {
  readonly #token: string

  constructor(token: string) {
    this.#token = token
  }

  /** Throws an `AdminError`. */
  async get<Answer>(path: string): Promise<Answer> {
    const response = await fetch(`/v1/${path}`, {
      headers: { authorization: `Bearer ${this.#token}` },
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT),
    }).catch(() => {
      throw new AdminError('The node does not answer.', false)
    })
    if (response.ok) return (await response.json()) as Answer
    const { error } = (await response.json().catch(() => ({}))) as { error?: string }
    if (response.status === UNAUTHORIZED) throw new AdminError('The node does not accept this token.', true)
    throw new AdminError(error ?? `The node answers with status ${response.status}.`, false)
  }
}
