// A small chat backend for demos and tests: one guild, its channels, who is in them, and what their clients need to join.
import { randomBytes } from 'node:crypto'
import { LvspClient, type LvspClientEvents, type VoiceStateRestrictions } from '@parley/client'
import type { Credentials } from '../credentials.ts'

export interface DemoBackendOptions {
  /** Of the server, as its `secret` is. */
  lvspUrl: string
  secret: string
  /** Without it, a guild of its own. */
  guildId?: string | undefined
  /** Where users join who are not sent elsewhere. Without it, one of the guild. */
  channelId?: string | undefined
  /** PEM of the certificate that the node is to be trusted by, where the system does not know it. */
  ca?: string | Buffer | undefined
}

/** What the node tells of its users, and how the line to it fares. */
export type DemoBackendEvents = Pick<
  LvspClientEvents,
  'voiceStateConnected' | 'voiceStateDisconnected' | 'speaking' | 'connected' | 'disconnected' | 'closed' | 'error'
>

/** What a user's client is told: VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE in one. `server_id` is the guild's id. */
export type DemoCredentials = Omit<Credentials, 'ca'>

const GUILD_ID = '1300000000000000001'
const CHANNEL_ID = '1300000000000000002'
const FIRST_USER_ID = 1300000000000000101n

export class DemoBackend {
  readonly guildId: string
  readonly channelId: string
  readonly #client: LvspClient
  /** Who is in which channel, by user. */
  readonly #joined = new Map<string, { channelId: string; sessionId: string }>()
  #nextUserId = FIRST_USER_ID

  /** See `createDemoBackend`. */
  constructor({ lvspUrl, secret, guildId = GUILD_ID, channelId = CHANNEL_ID, ca }: DemoBackendOptions) {
    this.guildId = guildId
    this.channelId = channelId
    this.#client = new LvspClient({ url: lvspUrl, secret, tls: { ca } })
  }

  on<E extends keyof DemoBackendEvents>(event: E, listener: (event: DemoBackendEvents[E]) => void): this {
    this.#client.on(event, listener)
    return this
  }
  once<E extends keyof DemoBackendEvents>(event: E, listener: (event: DemoBackendEvents[E]) => void): this {
    this.#client.once(event, listener)
    return this
  }
  off<E extends keyof DemoBackendEvents>(event: E, listener: (event: DemoBackendEvents[E]) => void): this {
    this.#client.off(event, listener)
    return this
  }

  /** Who may be in a channel now, and in which. */
  get members(): ReadonlyMap<string, string> {
    return new Map(Array.from(this.#joined, ([userId, { channelId }]) => [userId, channelId]))
  }

  connect(): Promise<void> {
    return this.#client.connect()
  }

  /**
   * Lets a user into a channel; without an id, somebody new. Who is in a channel already moves. Rejects with
   * LvspRequestError if the node refuses.
   */
  async join(
    userId: string = this.#newUserId(),
    { channelId = this.channelId, ...restrictions }: VoiceStateRestrictions & { channelId?: string | undefined } = {},
  ): Promise<DemoCredentials> {
    const user = { userId, channelId, guildId: this.guildId }
    // The main gateway's session of a user outlives the move from channel to channel.
    const sessionId = this.#joined.get(userId)?.sessionId ?? randomBytes(16).toString('hex')
    const { token, endpoint } = await this.#client.createVoiceState(user, { sessionId, ...restrictions })
    if (token === undefined || endpoint === undefined) throw new Error('the node gave no token or no endpoint')
    this.#joined.set(userId, { channelId, sessionId })
    const { guildId: server_id } = this
    return { endpoint, server_id, channel_id: channelId, user_id: userId, session_id: sessionId, token }
  }

  /** Ends a user's stay, as a kick does: the client is closed with 4014. */
  leave(userId: string): void {
    if (this.#joined.delete(userId)) this.#client.destroyVoiceState({ userId, guildId: this.guildId })
  }

  /** Sends a user to another channel: the client is closed with 4014, and joins with what resolves. */
  move(userId: string, channelId: string): Promise<DemoCredentials> {
    this.#require(userId)
    return this.join(userId, { channelId })
  }

  /** Nothing of a muted user is forwarded. */
  mute(userId: string, isMuted = true): void {
    this.#client.updateVoiceState(this.#require(userId), { mute: isMuted })
  }

  /** Nothing is forwarded to a deafened user. */
  deafen(userId: string, isDeafened = true): void {
    this.#client.updateVoiceState(this.#require(userId), { deaf: isDeafened })
  }

  /** Ends a channel with all who are in it: clients are closed with 4022. */
  destroyChannel(channelId: string): void {
    for (const [userId, joined] of this.#joined) if (joined.channelId === channelId) this.#joined.delete(userId)
    this.#client.destroyChannel({ channelId, guildId: this.guildId })
  }

  /** Hangs up. What the backend has on the node stays there, as it would if a backend were restarted. */
  close(): Promise<void> {
    return this.#client.close()
  }

  /** For tests: cuts the TCP connection to the node without a word; calls go on, and the backend comes back. */
  dropConnection(): void {
    this.#client.dropConnection()
  }

  #require(userId: string): { userId: string; channelId: string; guildId: string } {
    const joined = this.#joined.get(userId)
    if (joined === undefined) throw new RangeError(`user ${userId} is in no channel`)
    return { userId, channelId: joined.channelId, guildId: this.guildId }
  }

  #newUserId(): string {
    return String(this.#nextUserId++)
  }
}

/**
 * A chat backend that drives a node as a real one does: over LVSP, on a WebSocket. With `createServer` it is what a test of
 * a bot or of a voice library needs. Resolves when the node is ready; rejects with LvspClosedError if it never will be, and
 * throws a RangeError for options that cannot work.
 */
export async function createDemoBackend(options: DemoBackendOptions): Promise<DemoBackend> {
  const backend = new DemoBackend(options)
  await backend.connect()
  return backend
}
