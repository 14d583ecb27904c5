// A small chat backend for demos and tests: one guild, its channels and members, and credentials for clients.
import { randomBytes } from 'node:crypto'
import { LvspClient, type LvspClientEvents, type VoiceStateRestrictions } from '@parley/client'
import type { Credentials } from '../talk/credentials.ts'

export interface DemoBackendOptions {
  /** `lvspUrl` and `secret` of the server. */
  lvspUrl: string
  secret: string
  /** Default: a fixed guild id. */
  guildId?: string | undefined
  /** Default channel of `join`. Default: a fixed channel id. */
  channelId?: string | undefined
  /** PEM of the node's certificate, if the system does not trust it already. */
  ca?: string | Buffer | undefined
}

/** Events of users, of what they are sent of video, and of the LVSP connection. */
export type DemoBackendEvents = Pick<
  LvspClientEvents,
  | 'voiceStateConnected'
  | 'voiceStateDisconnected'
  | 'speaking'
  | 'videoView'
  | 'connected'
  | 'disconnected'
  | 'closed'
  | 'error'
>

/** What a client receives in VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE. `server_id` is the guild's id. */
export type DemoCredentials = Omit<Credentials, 'ca'>

const GUILD_ID = '1300000000000000001'
const CHANNEL_ID = '1300000000000000002'
const FIRST_USER_ID = 1300000000000000101n

export class DemoBackend {
  readonly guildId: string
  readonly channelId: string
  readonly #client: LvspClient
  /** Channel and session id of each member, by user id. */
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

  /** Channel of each member, by user id. */
  get members(): ReadonlyMap<string, string> {
    return new Map(Array.from(this.#joined, ([userId, { channelId }]) => [userId, channelId]))
  }

  connect(): Promise<void> {
    return this.#client.connect()
  }

  /**
   * Adds a user to a channel and returns credentials; without an id a new user. A user who is in another channel is moved. Rejects
   * with LvspRequestError if the node refuses.
   */
  async join(
    userId: string = this.#newUserId(),
    { channelId = this.channelId, ...restrictions }: VoiceStateRestrictions & { channelId?: string | undefined } = {},
  ): Promise<DemoCredentials> {
    const user = { userId, channelId, guildId: this.guildId }
    // A user's session on the main gateway continues across channels.
    const sessionId = this.#joined.get(userId)?.sessionId ?? randomBytes(16).toString('hex')
    const { token, endpoint } = await this.#client.createVoiceState(user, { sessionId, ...restrictions })
    if (token === undefined || endpoint === undefined) throw new Error('the node sent no token or no endpoint')
    this.#joined.set(userId, { channelId, sessionId })
    const { guildId: server_id } = this
    return { endpoint, server_id, channel_id: channelId, user_id: userId, session_id: sessionId, token }
  }

  /** Removes a user, as a kick does: the client is closed with 4014. */
  leave(userId: string): void {
    if (this.#joined.delete(userId)) this.#client.destroyVoiceState({ userId, guildId: this.guildId })
  }

  /** Moves a user: the client is closed with 4014, and joins again with the returned credentials. */
  move(userId: string, channelId: string): Promise<DemoCredentials> {
    this.#require(userId)
    return this.join(userId, { channelId })
  }

  /** Packets of a muted user are not forwarded. */
  mute(userId: string, isMuted = true): void {
    this.#client.updateVoiceState(this.#require(userId), { mute: isMuted })
  }

  /** No packets are forwarded to a deafened user. */
  deafen(userId: string, isDeafened = true): void {
    this.#client.updateVoiceState(this.#require(userId), { deaf: isDeafened })
  }

  /** Destroys a channel: its clients are closed with 4014, or with 4022 on a node with `channel_end_code = 4022`. */
  destroyChannel(channelId: string): void {
    for (const [userId, joined] of this.#joined) if (joined.channelId === channelId) this.#joined.delete(userId)
    this.#client.destroyChannel({ channelId, guildId: this.guildId })
  }

  /** Closes the connection. Channels and voice states stay on the node, as when a backend restarts. */
  close(): Promise<void> {
    return this.#client.close()
  }

  /** For tests: destroys the TCP connection to the node without a close frame; calls continue, and the backend reconnects. */
  dropConnection(): void {
    this.#client.dropConnection()
  }

  #require(userId: string): { userId: string; channelId: string; guildId: string } {
    const joined = this.#joined.get(userId)
    if (joined === undefined) throw new RangeError(`user ${userId} is not in a channel`)
    return { userId, channelId: joined.channelId, guildId: this.guildId }
  }

  #newUserId(): string {
    return String(this.#nextUserId++)
  }
}

/**
 * A chat backend that drives a node over LVSP as a real one does. Together with `createServer` it serves tests of bots and voice
 * libraries. Resolves when the node is ready; rejects with LvspClosedError if the node rejects it, and throws a RangeError for
 * invalid options.
 *
 * @example
 * ```ts
 * import { createDemoBackend, createServer } from '@parley/server'
 *
 * const server = await createServer()
 * const backend = await createDemoBackend({ lvspUrl: server.lvspUrl, secret: server.secret })
 * backend.on('speaking', ({ userId, speaking }) => console.log(userId, speaking))
 *
 * const { endpoint, session_id, token } = await backend.join('7')
 * // ... connect a client of user 7 with these, then:
 * backend.mute('7')
 * await backend.move('7', '501')
 * backend.leave('7')
 * ```
 */
export async function createDemoBackend(options: DemoBackendOptions): Promise<DemoBackend> {
  const backend = new DemoBackend(options)
  await backend.connect()
  return backend
}
