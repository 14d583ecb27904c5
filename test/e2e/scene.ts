// A node with TLS on free ports and the chat service that controls it: admits users and returns their clients' credentials.
import { type ChannelProperties, type GrantedVoiceState, LvspClient } from '@parley/client'
import { createServer } from '@parley/server'
import {
  CERTIFICATE,
  CERTIFICATE_FILE,
  ISSUED_CERTIFICATE_FILE,
  ISSUED_KEY_FILE,
  KEY_FILE,
  trustTestCertificate,
} from './trust.ts'

export interface VoiceStateRef {
  guildId: string
  channelId: string
  userId: string
  sessionId: string
}

/** The chat service of a bot, as its main gateway uses it. */
export interface ChatService {
  /** Admits a user to a channel; resolves with the fields of VOICE_SERVER_UPDATE. */
  admit(who: VoiceStateRef): Promise<{ token: string; endpoint: string }>
  remove(guildId: string, userId: string): void
  mayJoin(userId: string): boolean
  session(userId: string): InspectedSession | undefined
}

/** Fields of a session in `inspect()` that tests use. */
export interface InspectedSession {
  userId: string
  sessionId: string
  channelId: string
  audioSsrc: number
  state: string
}

const SECRET = 'the secret of the backend in these tests'

type Server = Awaited<ReturnType<typeof createServer>>

export class Scene implements ChatService {
  readonly server: Server
  /** The endpoint that users get. */
  endpoint: string
  readonly #backend: LvspClient
  /** Voice states, by guild and user. */
  readonly #admitted = new Map<string, VoiceStateRef>()
  readonly #forbidden = new Set<string>()
  readonly #forged = new Set<string>()
  readonly errors: Error[] = []

  private constructor(server: Server, backend: LvspClient) {
    this.server = server
    this.endpoint = server.endpoint
    this.#backend = backend
    backend.on('error', error => this.errors.push(error))
  }

  /** With `issued` the node's certificate is not the authority's own. */
  static async open({
    legacyModes = false,
    dave = 'allowed' as 'allowed' | 'required',
    channelEndCode = 4014 as 4014 | 4022,
    issued = false,
  } = {}): Promise<Scene> {
    trustTestCertificate()
    const [tls_cert, tls_key] = issued ? [ISSUED_CERTIFICATE_FILE, ISSUED_KEY_FILE] : [CERTIFICATE_FILE, KEY_FILE]
    const server = await createServer({
      http: { listen: '127.0.0.1:0', tls_cert, tls_key },
      media: { listen: '127.0.0.1', port: 0 },
      voice: { legacy_modes: legacyModes, dave },
      log: { level: 'silent' },
      backend: [{ secret: SECRET, channel_end_code: channelEndCode }],
    })
    const backend = new LvspClient({ url: server.lvspUrl, secret: SECRET, tls: { ca: CERTIFICATE } })
    await backend.connect()
    return new Scene(server, backend)
  }

  async admit(who: VoiceStateRef): Promise<{ token: string; endpoint: string }> {
    const { guildId, channelId, userId, sessionId } = who
    await this.#backend.requestChannel({ guildId, channelId })
    const granted = await this.#backend.createVoiceState({ guildId, channelId, userId }, { sessionId })
    this.#admitted.set(`${guildId} ${userId}`, who)
    const token = this.#forged.has(userId) ? 'not-the-token' : tokenOf(granted)
    return { token, endpoint: this.endpoint }
  }

  /** Sets the properties of a channel before its first user joins. */
  async describe(channel: { guildId: string; channelId: string }, properties: ChannelProperties): Promise<void> {
    await this.#backend.requestChannel(channel, properties)
  }

  /** Removes a user from its channel of the guild. */
  remove(guildId: string, userId: string): void {
    if (!this.#admitted.delete(`${guildId} ${userId}`)) return
    this.#backend.destroyVoiceState({ guildId, userId })
  }

  destroyChannel(guildId: string, channelId: string): void {
    this.#backend.destroyChannel({ guildId, channelId })
  }

  /** From now on this user's requests to join are refused. */
  forbid(userId: string): void {
    this.#forbidden.add(userId)
  }
  mayJoin = (userId: string): boolean => !this.#forbidden.has(userId)

  /** From now on this user gets an invalid token. */
  forgeTokenOf(userId: string): void {
    this.#forged.add(userId)
  }

  session(userId: string): InspectedSession | undefined {
    const { sessions } = this.server.inspect()
    return sessions.find(session => session.userId === userId)
  }

  /** The state of the encryption of a channel. */
  dave(channelId: string) {
    return this.server.inspect().channels.find(channel => channel.channelId === channelId)?.dave
  }

  async close(): Promise<void> {
    await this.#backend.close()
    await this.server.close()
  }
}

function tokenOf({ token }: GrantedVoiceState): string {
  if (token === undefined) throw new Error('the node gave no token for the user')
  return token
}
