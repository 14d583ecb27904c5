// A session of the main gateway: numbered dispatches, kept for Resume across connections.
import { SERVER_LIMITS } from '../../limits.ts'
import type { TestUser } from '../world.ts'
import { GatewayOp } from './gateway-messages.ts'

/** Sends one message to the client. */
export type Send = (message: object) => void

/** Intents: https://discord.com/developers/docs/events/gateway#list-of-intents */
export const Intent = { Guilds: 1 << 0, GuildVoiceStates: 1 << 7 } as const

/** A numbered message, as it is kept for Resume. */
interface Dispatch {
  op: typeof GatewayOp.Dispatch
  t: string
  s: number
  d: object
}

/** What Resume restores: intents, shard, the newest dispatches. Owned by `MainGateway`. */
export class GatewaySession {
  readonly id: string
  readonly user: TestUser
  readonly intents: number
  /** Number of this shard, and of all. */
  readonly shard: readonly [number, number]
  /** Ends the session; set while it has no connection. */
  expiry: NodeJS.Timeout | undefined
  #send: Send | undefined
  #sequence = 0
  /** The newest dispatches, oldest first. */
  readonly #kept: Dispatch[] = []

  constructor(id: string, user: TestUser, intents: number, shard: readonly [number, number] = [0, 1]) {
    this.id = id
    this.user = user
    this.intents = intents
    this.shard = shard
  }

  has(intent: number): boolean {
    return (this.intents & intent) !== 0
  }

  /** Guilds are divided among shards by id. */
  covers(guildId: string): boolean {
    const [number, count] = this.shard
    return Number((BigInt(guildId) >> 22n) % BigInt(count)) === number
  }

  /** A connection has the session: dispatches are sent there. */
  attach(send: Send): void {
    clearTimeout(this.expiry)
    this.expiry = undefined
    this.#send = send
  }

  /** Returns false if another connection has the session. */
  detach(send: Send): boolean {
    if (this.#send !== send) return false
    this.#send = undefined
    return true
  }

  /** Numbers, keeps and sends a dispatch. Without a connection it is only kept. */
  dispatch(t: string, d: object): void {
    const message: Dispatch = { op: GatewayOp.Dispatch, t, s: ++this.#sequence, d }
    this.#kept.push(message)
    if (this.#kept.length > SERVER_LIMITS.maxTestReplay) this.#kept.shift()
    this.#send?.(message)
  }

  /** Sends the dispatches after `sequence`. Returns false, and sends none, if they are not known. */
  replay(sequence: number, send: Send): boolean {
    const oldest = this.#kept[0]?.s ?? this.#sequence + 1
    if (sequence > this.#sequence || sequence < oldest - 1) return false
    for (const message of this.#kept) if (message.s > sequence) send(message)
    return true
  }
}
