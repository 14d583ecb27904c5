// Guests of the demo: users who join from the playground, moderation of them, and an overview of bots and guests.
import { randomInt } from 'node:crypto'
import { SERVER_LIMITS } from '../../limits.ts'
import type { DemoBackend, DemoCredentials } from '../demo-backend.ts'
import { type GuestView, VideoViews } from './video-views.ts'

/** A user in the playground's overview. */
export interface DemoUser {
  id: string
  name: string
  channelId: string
  /** Bots can be muted but neither moved nor removed. */
  isBot: boolean
  /** By a moderator. */
  isMuted: boolean
  /** Whether its client encrypts end to end. */
  supportsDave: boolean
}

export interface DemoOverview {
  channels: readonly {
    id: string
    name: string
    /** The bots' code, to compare; absent while the call is not encrypted end to end. */
    privacyCode?: string | undefined
  }[]
  users: readonly DemoUser[]
}

/** The bots of the demo; all are in the backend's first channel. */
export interface DemoBots {
  /** Names by user id. */
  readonly bots: ReadonlyMap<string, string>
  readonly supportsDave: boolean
  readonly privacyCode: string | undefined
}

interface Guest {
  readonly name: string
  /** As its page declared. */
  readonly supportsDave: boolean
  isConnected: boolean
  /** Credentials of a move, for the client that is closed because of it. */
  moved: Promise<DemoCredentials> | undefined
}

/** A request for a user or channel that does not exist, or for a bot, or when the demo is full. */
export class GuestError extends Error {
  readonly reason: 'unknown-user' | 'unknown-channel' | 'full'

  constructor(reason: GuestError['reason']) {
    super(reason)
    this.name = 'GuestError'
    this.reason = reason
  }
}

/** The lowest id of a guest. Those of different runs differ, because pages remember volumes and qualities by user. */
const FIRST_GUEST_ID = 1_400_000_000_000_000_000n
const GUEST_IDS = 2 ** 47
const newGuestId = (): string => String(FIRST_GUEST_ID + BigInt(randomInt(GUEST_IDS)))

/** Users of the playground from join to leave. The backend knows them as voice states; their names exist here only. */
export class Guests {
  readonly #backend: DemoBackend
  readonly #bots: DemoBots
  readonly #guests = new Map<string, Guest>()
  readonly #muted = new Set<string>()
  readonly #views: VideoViews
  readonly #channels: DemoOverview['channels']

  constructor(backend: DemoBackend, bots: DemoBots) {
    this.#backend = backend
    this.#bots = bots
    this.#views = new VideoViews(backend)
    const second = String(BigInt(backend.channelId) + 1n)
    this.#channels = [
      { id: backend.channelId, name: 'Parley' },
      { id: second, name: 'Side talk' },
    ]
    backend.on('voiceStateConnected', ({ userId }) => this.#connected(userId))
    backend.on('voiceStateDisconnected', ({ userId, resumable }) => this.#disconnected(userId, resumable))
  }

  /** Undefined for bots, and for guests who left. */
  nameOf(userId: string): string | undefined {
    return this.#guests.get(userId)?.name
  }

  get overview(): DemoOverview {
    const { bots, supportsDave, privacyCode } = this.#bots
    const users = Array.from(this.#backend.members, ([id, channelId]): DemoUser | undefined => {
      const bot = bots.get(id)
      const guest = this.#guests.get(id)
      const name = bot ?? (guest?.isConnected === true ? guest.name : undefined)
      if (name === undefined) return undefined
      const isBot = bot !== undefined
      const encrypts = isBot ? supportsDave : guest?.supportsDave === true
      return { id, name, channelId, isBot, isMuted: this.#muted.has(id), supportsDave: encrypts }
    })
    const channels = this.#channels.map(channel =>
      channel.id === this.#backend.channelId ? { ...channel, privacyCode } : channel,
    )
    return { channels, users: users.filter(user => user !== undefined) }
  }

  /** What the node sends the guest of each video. Throws a GuestError for a user who is not a guest. */
  viewsOf(userId: string): GuestView[] {
    this.#require(userId)
    return this.#views.of(userId)
  }

  /** Rejects like `DemoBackend.join`. */
  async join(name: string, supportsDave: boolean): Promise<DemoCredentials> {
    if (this.#guests.size >= SERVER_LIMITS.maxGuests) this.#evict()
    const credentials = await this.#backend.join(newGuestId())
    this.#guests.set(credentials.user_id, { name, supportsDave, isConnected: false, moved: undefined })
    return credentials
  }

  /** For a client that was closed with 4014; undefined if the reason was not a move. */
  async rejoin(userId: string): Promise<DemoCredentials | undefined> {
    const guest = this.#guests.get(userId)
    const moved = guest?.moved
    if (guest !== undefined) guest.moved = undefined
    return moved
  }

  /** Ends the voice state. May be repeated. */
  leave(userId: string): void {
    if (this.#guests.delete(userId)) this.#backend.leave(userId)
    this.#muted.delete(userId)
  }

  /** Throws a GuestError if there is no such user. */
  mute(userId: string, isMuted: boolean): void {
    if (!this.#backend.members.has(userId)) throw new GuestError('unknown-user')
    this.#backend.mute(userId, isMuted)
    if (isMuted) this.#muted.add(userId)
    else this.#muted.delete(userId)
  }

  /** As by a moderator: the client is closed with 4014. Throws a GuestError for a bot. */
  kick(userId: string): void {
    this.#require(userId)
    this.leave(userId)
  }

  /** Resolves when the node has moved the user. */
  async move(userId: string, channelId: string): Promise<void> {
    const guest = this.#require(userId)
    if (!this.#channels.some(({ id }) => id === channelId)) throw new GuestError('unknown-channel')
    guest.moved = this.#moveMuted(userId, channelId)
    await guest.moved
  }

  /** A muted user stays muted in the new channel. */
  async #moveMuted(userId: string, channelId: string): Promise<DemoCredentials> {
    const credentials = await this.#backend.move(userId, channelId)
    if (this.#muted.has(userId)) this.#backend.mute(userId)
    return credentials
  }

  /** Throws a GuestError for a user who is not a guest. */
  #require(userId: string): Guest {
    const guest = this.#guests.get(userId)
    if (guest === undefined) throw new GuestError('unknown-user')
    return guest
  }

  /** Removes the oldest guest that has credentials but is not connected. */
  #evict(): void {
    for (const [userId, guest] of this.#guests) if (!guest.isConnected) return this.leave(userId)
    throw new GuestError('full')
  }

  #connected(userId: string): void {
    const guest = this.#guests.get(userId)
    if (guest !== undefined) guest.isConnected = true
  }

  /** A guest who cannot resume and was not moved has left. */
  #disconnected(userId: string, isResumable: boolean): void {
    const guest = this.#guests.get(userId)
    if (guest === undefined) return
    guest.isConnected = false
    if (!isResumable && guest.moved === undefined) this.leave(userId)
  }
}
