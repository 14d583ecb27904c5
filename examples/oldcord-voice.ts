// Voice for a chat server that is one Node.js process, as Oldcord is: a class that its handlers call. docs/oldcord.md says where.
// The node has `adopts_tokens = true` for this backend.
import { randomBytes } from 'node:crypto'
import { LvspClient, type LvspClientOptions } from '@parley/client'

/** What is used of a session of the main gateway. */
export interface GatewaySession {
  /** Clients identify at the node with it. */
  readonly id: string
  readonly user: { readonly id: string }
  dispatch(event: string, data: object): void
}

interface Call {
  session: GatewaySession
  guildId: string
  channelId: string
  token: string
}

export interface OldcordVoiceOptions extends LvspClientOptions {
  /** `host:port` that clients dial with TLS. */
  endpoint: string
}

export class OldcordVoice {
  readonly #node: LvspClient
  readonly #endpoint: string
  /** By user: a user is in one call. */
  readonly #calls = new Map<string, Call>()

  constructor({ endpoint, ...options }: OldcordVoiceOptions) {
    this.#endpoint = endpoint
    this.#node = new LvspClient({ maxReconnectDelay: 2_000, ...options })
    this.#node.on('connected', ({ isSameSession }) => !isSameSession && this.#restore())
    this.#node.on('error', error => console.log(error.message))
  }

  /** Users who were in a call before this process restarted stay in it if they join again within a minute. */
  async connect(): Promise<void> {
    await this.#node.connect()
    this.#node.sync([], { grace: 60 })
  }
  close(): Promise<void> {
    return this.#node.close()
  }

  /** Users in a channel, for the user limit. */
  count(channelId: string): number {
    return [...this.#calls.values()].filter(call => call.channelId === channelId).length
  }

  /** Opcode 4, after the checks: the user may connect. Self-mute and self-deafen change nothing here. */
  join(session: GatewaySession, guildId: string, channelId: string): void {
    const before = this.#calls.get(session.user.id)
    if (before?.channelId === channelId && before.session === session) return
    if (before !== undefined) this.leave(before.session)
    const call = { session, guildId, channelId, token: randomBytes(24).toString('base64url') }
    this.#calls.set(session.user.id, call)
    // Both at once: the node holds the client's Identify until it has the voice state.
    this.#sendServer(call)
    void this.#create(call)
  }

  /** Opcode 4 without a channel, a kick, a ban, and the end of the session. Another session of the user is not affected. */
  leave(session: GatewaySession): void {
    const call = this.#calls.get(session.user.id)
    if (call?.session !== session) return
    const { guildId, channelId } = call
    this.#calls.delete(session.user.id)
    this.#node.destroyVoiceState({ guildId, channelId, userId: session.user.id })
    // Nodes keep empty channels.
    if (this.count(channelId) === 0) this.#node.destroyChannel({ guildId, channelId })
  }

  /** A moderator mutes or deafens a member. */
  restrict(userId: string, restrictions: { mute: boolean; deaf: boolean }): void {
    const call = this.#calls.get(userId)
    if (call !== undefined)
      this.#node.updateVoiceState({ guildId: call.guildId, channelId: call.channelId, userId }, restrictions)
  }

  channelDeleted(guildId: string, channelId: string): void {
    for (const [userId, call] of this.#calls) if (call.channelId === channelId) this.#calls.delete(userId)
    this.#node.destroyChannel({ guildId, channelId })
  }

  /** The node was restarted: its users are gone unless the answer says otherwise. */
  #restore(): void {
    for (const call of this.#calls.values())
      void this.#create(call).then(isConnected => {
        if (!isConnected && this.#calls.get(call.session.user.id) === call) this.#sendServer(call)
      })
  }

  /** Whether the user has a voice session on the node. */
  async #create({ session, guildId, channelId, token }: Call): Promise<boolean> {
    try {
      const user = { guildId, channelId, userId: session.user.id }
      return (await this.#node.createVoiceState(user, { sessionId: session.id, token })).connected === true
    } catch (error) {
      console.log(`the node refused ${session.user.id}: ${(error as Error).message}`)
      return false
    }
  }

  #sendServer({ session, guildId, channelId, token }: Call): void {
    const server = { guild_id: guildId, channel_id: channelId, token, endpoint: this.#endpoint }
    session.dispatch('VOICE_SERVER_UPDATE', server)
  }
}
