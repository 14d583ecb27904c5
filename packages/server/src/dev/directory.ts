// The guilds and users of a running test server. A token that no declared user has creates a user.
import { createHash } from 'node:crypto'
import { SERVER_LIMITS } from '../limits.ts'
import { splitToken } from './faults/fault-words.ts'
import { type TestChannel, type TestGuild, type TestUser, tokenOf } from './world.ts'

/** Ids of created users begin here. */
const FIRST_ID = 1_400_000_000_000_000_000n
/** An id in a token. */
const DECLARED_ID = /^[1-9]\d{15,18}$/
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
    const { id, name } = namedBy(identity)
    return this.users.has(id) ? undefined : this.#add({ id, name, token: identity, bot: true })
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

/** Some libraries read the id from the token: `BASE64(id).name.anything`. Other tokens begin with a name, and have an id of their own. */
function namedBy(identity: string): { id: string; name: string } {
  const [first = '', second = ''] = identity.split('.')
  const declared = Buffer.from(first, 'base64').toString('latin1')
  const name = NAME.exec(DECLARED_ID.test(declared) ? second : identity)?.[0] ?? 'bot'
  if (DECLARED_ID.test(declared)) return { id: declared, name }
  const hash = createHash('sha256').update(identity).digest().readBigUInt64BE() >> 16n
  return { id: String(FIRST_ID + hash), name }
}
