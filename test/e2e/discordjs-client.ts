// An unchanged discord.js client: logs in with a token to a test server, and joins with @discordjs/voice.
import { joinVoiceChannel } from '@discordjs/voice'
import type { TestServer } from '@parley/server'
import { Client, GatewayIntentBits } from 'discord.js'
import { DiscordjsVoice } from './discordjs-voice.ts'

export class DiscordjsClient extends DiscordjsVoice {
  readonly client: Client<true>

  private constructor(client: Client<true>) {
    super()
    this.client = client
  }

  /** Resolves when the client is ready. */
  static async login(server: TestServer, token: string): Promise<DiscordjsClient> {
    const client = new Client({
      intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
      rest: { api: server.addresses.rest },
    })
    const ready = new Promise<Client<true>>(resolve => client.once('clientReady', resolve))
    await client.login(token)
    return new DiscordjsClient(await ready)
  }

  get userId(): string {
    return this.client.user.id
  }
  /** The channel in which the client sees a user. */
  channelOf(guildId: string, userId: string): string | null | undefined {
    return this.client.guilds.cache.get(guildId)?.voiceStates.cache.get(userId)?.channelId
  }

  /** Starts to join. */
  knock(guildId: string, channelId: string): void {
    const guild = this.client.guilds.cache.get(guildId)
    if (guild === undefined) throw new Error(`the client does not know guild ${guildId}`)
    const connection = joinVoiceChannel({
      guildId,
      channelId,
      group: this.userId,
      selfDeaf: false,
      adapterCreator: guild.voiceAdapterCreator,
    })
    this.watch(connection)
  }

  leave(): void {
    this.destroy(true)
  }

  async end(): Promise<void> {
    this.leave()
    await this.client.destroy()
  }
}
