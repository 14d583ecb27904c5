// A bot without a library: the main gateway as messages, voice with VoiceClient.
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { inflateSync } from 'node:zlib'
import { VoiceClient, type VoiceClientOptions } from '@parley/client'
import { WebSocket } from 'ws'
import type { TestServer } from '../dev/test-server-types.ts'

export interface GatewayPayload {
  op: number
  t: string | null
  s: number | null
  // biome-ignore lint/suspicious/noExplicitAny: a test reads fields of many messages.
  d: any
}

const PATIENCE = 45_000
const GUILDS_AND_VOICE = (1 << 0) | (1 << 7)

export class RawBot {
  readonly socket: WebSocket
  readonly received: GatewayPayload[] = []
  closeCode: number | undefined
  #changed: () => void = () => {}
  #read = 0

  constructor(t: TestContext, server: TestServer, query = '?v=10&encoding=json') {
    this.socket = new WebSocket(`${server.addresses.gateway}${query}`)
    t.after(() => this.socket.terminate())
    this.socket.on('message', (data: Buffer, isBinary) => {
      // The first message of a zlib stream is a stream of its own.
      this.received.push(JSON.parse(isBinary ? inflateSync(data, { finishFlush: 2 }).toString() : String(data)))
      this.#changed()
    })
    this.socket.on('close', code => {
      this.closeCode = code
      this.#changed()
    })
    this.socket.on('error', () => {})
  }

  /** A bot that has received Ready and its guilds. */
  static async login(t: TestContext, server: TestServer, token: string): Promise<RawBot> {
    const bot = new RawBot(t, server)
    await bot.next(({ op }) => op === 10)
    bot.send(2, { token, intents: GUILDS_AND_VOICE, properties: {} })
    await bot.event('GUILD_CREATE')
    return bot
  }

  get ready(): GatewayPayload['d'] {
    return this.received.find(({ t }) => t === 'READY')?.d
  }

  send(op: number, d: unknown): void {
    this.socket.send(JSON.stringify({ op, d }))
  }

  event = (name: string) => this.next(({ t }) => t === name)

  /** The next message that fits, after the last one that this returned. */
  async next(fits: (payload: GatewayPayload) => boolean): Promise<GatewayPayload> {
    const find = () => this.received.findIndex((payload, index) => index >= this.#read && fits(payload))
    await this.#until('a message', () => find() >= 0)
    const index = find()
    this.#read = index + 1
    return this.received[index]!
  }

  /** A heartbeat and its answer: what the server sent before it has arrived. */
  async roundTrip(): Promise<void> {
    this.send(1, null)
    await this.next(({ op }) => op === 11)
  }

  /** Resolves when the trace has an event of this user with these fields. */
  traced(server: TestServer, fields: object): Promise<void> {
    const fits = (event: object) =>
      Object.entries(fields).every(([name, value]) => (event as Record<string, unknown>)[name] === value)
    const userId: string = this.ready.user.id
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${JSON.stringify(fields)} in the trace`)), PATIENCE)
      const done = () => {
        clearTimeout(timer)
        stop()
        resolve()
      }
      const stop = server.trace.listen(event => {
        if (event.user === userId && fits(event)) done()
      })
      if (server.trace.events(userId).some(fits)) done()
    })
  }

  async closed(): Promise<number> {
    await this.#until('the close', () => this.closeCode !== undefined)
    return this.closeCode!
  }

  /** Requests a channel; returns what a voice client needs. */
  async credentials(channelId: string) {
    const guildId: string = this.received.find(({ t }) => t === 'GUILD_CREATE')!.d.id
    const userId: string = this.ready.user.id
    this.send(4, { guild_id: guildId, channel_id: channelId, self_mute: false, self_deaf: false })
    const state = await this.next(({ t, d }) => t === 'VOICE_STATE_UPDATE' && d.user_id === userId)
    const { d } = await this.event('VOICE_SERVER_UPDATE')
    const { session_id: sessionId } = state.d
    return { endpoint: d.endpoint as string, serverId: guildId, channelId, userId, sessionId, token: d.token as string }
  }

  /** Requests a channel; returns a voice client with the credentials of the answers. */
  async voice(
    t: TestContext,
    server: TestServer,
    channelId: string,
    options: Partial<VoiceClientOptions> = {},
  ): Promise<VoiceClient> {
    const credentials = await this.credentials(channelId)
    const client = new VoiceClient({ ...credentials, tls: { ca: readFileSync(server.addresses.ca) }, ...options })
    t.after(() => client.close())
    return client
  }

  #until(what: string, holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited ${PATIENCE} ms for ${what}`)), PATIENCE)
      this.#changed = () => {
        if (!holds()) return
        clearTimeout(timer)
        resolve()
      }
      this.#changed()
    })
  }
}
