// The guilds and users of a running test server. A token that no declared user has creates a user.
import { createHash } from 'node:crypto'
import { SERVER_LIMITS } from '../limits.ts'
import { splitToken } from './faults/fault-words.ts'
import { type TestChannel, type TestGuild, type TestUser, tokenOf } from './world.ts'

/** Ids of created users begin here. */
const FIRST_ID = 1_400_000_000_000_000_000n
/** Characters of a token that may appear in a name. */
const NAME = /^[A-Za-z0-9_-]{1,32}/

/** Users are never removed: a token is the same user for as long as the server runs. */
export class Directory {
  readonly guilds = new Map<string, TestGuild>()
  readonly users = new Map<string, TestUser>()
  readonly #byToken = new Map<string, TestUser>()

  constructor(guilds: readonly TestGuild[], users: readonly TestUser[]) {
    for (const guild of guilds) this.guilds.set(guild.id, guild)
    for (const user of users) this.#add(user)
  }

  /** The user that a token names, without its fault words; created if there is none. Undefined if the world is full. */
  userOf(token: string): TestUser | undefined {
    const { identity } = splitToken(token)
    const known = this.#byToken.get(identity)
    if (known !== undefined || token.length > SERVER_LIMITS.maxTestToken || identity === '') return known
    if (this.users.size >= SERVER_LIMITS.maxTestUsers) return undefined
    const id = String(FIRST_ID + (createHash('sha256').update(identity).digest().readBigUInt64BE() >> 16n))
    return this.#add({ id, name: NAME.exec(identity)?.[0] ?? 'bot', token: identity, bot: true })
  }

  /** A user by id or, if only one has it, by name. */
  find(text: string): TestUser | undefined {
    const named = [...this.users.values()].filter(user => user.name === text)
    return this.users.get(text) ?? (named.length === 1 ? named[0] : undefined)
  }

  /** A channel with its guild; undefined if there is none. */
  channel(channelId: string): { guild: TestGuild; channel: TestChannel } | undefined {
    for (const guild of this.guilds.values()) {
      const channel = guild.channels.find(({ id }) => id === channelId)
      if (channel !== undefined) return { guild, channel }
    }
    return undefined
  }

  #add(user: TestUser): TestUser {
    this.users.set(user.id, user)
    this.#byToken.set(tokenOf(user), user)
    return user
  }
}
