// The people of the demo: who joined from the playground, what a moderator does with them, and where bots and people are.
import type { DemoBackend, DemoCredentials } from './demo-backend.ts'

/** As the playground is told of somebody. */
export interface DemoUser {
  id: string
  name: string
  channelId: string
  /** Bots can be muted, but stay where they are: without them there is no demo. */
  isBot: boolean
  /** By a moderator. */
  isMuted: boolean
}

export interface DemoOverview {
  channels: readonly { id: string; name: string }[]
  users: readonly DemoUser[]
}

/** Tabs of one machine. */
const MOST_GUESTS = 64

interface Guest {
  readonly name: string
  isConnected: boolean
  /** What a move has in store for a client that was closed for it. */
  moved: Promise<DemoCredentials> | undefined
}

/** What is asked for makes no sense: there is no such user or channel, or it is a bot's. */
export class GuestError extends Error {
  readonly reason: 'unknown-user' | 'unknown-channel' | 'full'

  constructor(reason: GuestError['reason']) {
    super(reason)
    this.name = 'GuestError'
    this.reason = reason
  }
}

export class Guests {
  readonly #backend: DemoBackend
  readonly #bots: () => ReadonlyMap<string, string>
  readonly #guests = new Map<string, Guest>()
  readonly #muted = new Set<string>()
  readonly #channels: DemoOverview['channels']

  /** `bots` are names by user id. */
  constructor(backend: DemoBackend, bots: () => ReadonlyMap<string, string>) {
    this.#backend = backend
    this.#bots = bots
    const second = String(BigInt(backend.channelId) + 1n)
    this.#channels = [
      { id: backend.channelId, name: 'Parley' },
      { id: second, name: 'Side talk' },
    ]
    backend.on('voiceStateConnected', ({ userId }) => this.#connected(userId))
    backend.on('voiceStateDisconnected', ({ userId, resumable }) => this.#disconnected(userId, resumable))
  }

  nameOf(userId: string): string | undefined {
    return this.#guests.get(userId)?.name
  }

  get overview(): DemoOverview {
    const bots = this.#bots()
    const users = Array.from(this.#backend.members, ([id, channelId]): DemoUser | undefined => {
      const bot = bots.get(id)
      const guest = this.#guests.get(id)
      const name = bot ?? (guest?.isConnected === true ? guest.name : undefined)
      return name === undefined
        ? undefined
        : { id, name, channelId, isBot: bot !== undefined, isMuted: this.#muted.has(id) }
    })
    return { channels: this.#channels, users: users.filter(user => user !== undefined) }
  }

  /** Rejects as `DemoBackend.join` does. */
  async join(name: string): Promise<DemoCredentials> {
    if (this.#guests.size >= MOST_GUESTS) this.#evict()
    const credentials = await this.#backend.join()
    this.#guests.set(credentials.user_id, { name, isConnected: false, moved: undefined })
    return credentials
  }

  /** For a client that was closed with 4014: undefined if it was not for a move. */
  async rejoin(userId: string): Promise<DemoCredentials | undefined> {
    const guest = this.#guests.get(userId)
    const moved = guest?.moved
    if (guest !== undefined) guest.moved = undefined
    return moved
  }

  leave(userId: string): void {
    if (this.#guests.delete(userId)) this.#backend.leave(userId)
    this.#muted.delete(userId)
  }

  /** Throws a GuestError where there is no such user. */
  mute(userId: string, isMuted: boolean): void {
    if (!this.#backend.members.has(userId)) throw new GuestError('unknown-user')
    this.#backend.mute(userId, isMuted)
    if (isMuted) this.#muted.add(userId)
    else this.#muted.delete(userId)
  }

  kick(userId: string): void {
    this.#require(userId)
    this.leave(userId)
  }

  /** Resolves when the node has them in the other channel. */
  async move(userId: string, channelId: string): Promise<void> {
    const guest = this.#require(userId)
    if (!this.#channels.some(({ id }) => id === channelId)) throw new GuestError('unknown-channel')
    guest.moved = this.#moveMuted(userId, channelId)
    await guest.moved
  }

  /** Who was muted is muted there too. */
  async #moveMuted(userId: string, channelId: string): Promise<DemoCredentials> {
    const credentials = await this.#backend.move(userId, channelId)
    if (this.#muted.has(userId)) this.#backend.mute(userId)
    return credentials
  }

  #require(userId: string): Guest {
    const guest = this.#guests.get(userId)
    if (guest === undefined) throw new GuestError('unknown-user')
    return guest
  }

  /** Makes a place: of those who asked for credentials and are not here, the first. */
  #evict(): void {
    for (const [userId, guest] of this.#guests) if (!guest.isConnected) return this.leave(userId)
    throw new GuestError('full')
  }

  #connected(userId: string): void {
    const guest = this.#guests.get(userId)
    if (guest !== undefined) guest.isConnected = true
  }

  #disconnected(userId: string, isResumable: boolean): void {
    const guest = this.#guests.get(userId)
    if (guest === undefined) return
    guest.isConnected = false
    if (!isResumable && guest.moved === undefined) this.leave(userId)
  }
}
