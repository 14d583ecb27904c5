// A chat backend that creates the tokens of its users: hands them to the node and to the user at the same time, and restores its
// calls after a restart of the node. The node has `adopts_tokens = true` for this backend.
//
//   PARLEY_BACKEND_0_SECRET=SECRET PARLEY_BACKEND_0_ADOPTS_TOKENS=true npx parley serve
//   node --import ./packages/server/bin/source.mjs examples/adopting-backend.ts ws://127.0.0.1:8443/lvsp SECRET HOST:PORT 7 8
//
// A real backend sends the events to its users instead of printing them. Ctrl-C ends it.
import { randomBytes } from 'node:crypto'
import { LvspClient } from '@parley/client'

interface Call {
  guildId: string
  channelId: string
  userId: string
  /** Of the user's main gateway session. */
  sessionId: string
  token: string
}

/** Sends a VOICE_SERVER_UPDATE to a user. */
type SendVoiceServer = (userId: string, data: { guild_id: string; token: string; endpoint: string }) => void

class Voice {
  readonly #node: LvspClient
  readonly #endpoint: string
  readonly #send: SendVoiceServer
  /** By user: a user is in one call. */
  readonly #calls = new Map<string, Call>()

  constructor(node: LvspClient, endpoint: string, send: SendVoiceServer) {
    this.#node = node
    this.#endpoint = endpoint
    this.#send = send
    node.on('connected', ({ isSameSession }) => !isSameSession && void this.#restore())
  }

  /** The backend has checked that the user may connect. */
  join(userId: string, sessionId: string, guildId: string, channelId: string): void {
    this.leave(userId)
    const call = { guildId, channelId, userId, sessionId, token: randomBytes(24).toString('base64url') }
    this.#calls.set(userId, call)
    // Both at once: the node holds the user's Identify until it has the voice state.
    this.#sendServer(call)
    void this.#create(call)
  }

  /** Also for a kick, and at the end of the user's main gateway session. */
  leave(userId: string): void {
    const call = this.#calls.get(userId)
    if (call === undefined) return
    this.#calls.delete(userId)
    this.#node.destroyVoiceState(call)
    if (![...this.#calls.values()].some(({ channelId }) => channelId === call.channelId))
      this.#node.destroyChannel(call)
  }

  endChannel(guildId: string, channelId: string): void {
    for (const call of this.#calls.values()) if (call.channelId === channelId) this.#calls.delete(call.userId)
    this.#node.destroyChannel({ guildId, channelId })
  }

  /** The node was restarted: its users are gone unless the answer says otherwise. */
  async #restore(): Promise<void> {
    await Promise.all(
      [...this.#calls.values()].map(async call => {
        const isConnected = await this.#create(call)
        if (!isConnected && this.#calls.get(call.userId) === call) this.#sendServer(call)
      }),
    )
  }

  /** Whether the user has a voice session on the node. */
  async #create({ sessionId, token, ...user }: Call): Promise<boolean> {
    try {
      return (await this.#node.createVoiceState(user, { sessionId, token })).connected === true
    } catch (error) {
      console.log(`the node refused ${user.userId}: ${(error as Error).message}`)
      return false
    }
  }

  #sendServer({ userId, guildId, token }: Call): void {
    this.#send(userId, { guild_id: guildId, token, endpoint: this.#endpoint })
  }
}

const [url = 'ws://127.0.0.1:8443/lvsp', secret = '', endpoint = '127.0.0.1:8443', ...userIds] = process.argv.slice(2)
const node = new LvspClient({ url, secret, maxReconnectDelay: 2_000 })
node.on('error', error => console.log(error.message))
const voice = new Voice(node, endpoint, (userId, data) => console.log('voice server update', userId, data))

await node.connect()
for (const userId of userIds) voice.join(userId, `session-of-${userId}`, '100', '500')
process.once('SIGINT', async () => {
  voice.endChannel('100', '500')
  await node.close()
})
