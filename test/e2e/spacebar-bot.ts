// A bot on @discordjs/voice whose main gateway is Spacebar, or the stand-in of it.
import { type DiscordGatewayAdapterLibraryMethods, joinVoiceChannel } from '@discordjs/voice'
import { DiscordjsVoice } from './discordjs-voice.ts'

export interface BotOptions {
  userId: string
  sessionId: string
  isStranger?: boolean
  /** Sends opcode 4 of the main gateway. */
  sendVoiceState(guildId: string, channelId: string | null): void
}

export class SpacebarBot extends DiscordjsVoice {
  readonly userId: string
  readonly sessionId: string
  /** Whether it is no member of the guilds that it joins. */
  readonly isStranger: boolean
  readonly #options: BotOptions
  #gateway: DiscordGatewayAdapterLibraryMethods | undefined

  constructor(options: BotOptions) {
    super()
    this.#options = options
    this.userId = options.userId
    this.sessionId = options.sessionId
    this.isStranger = options.isStranger ?? false
  }

  /** An event of the main gateway. */
  deliver(event: string, data: Record<string, unknown>): void {
    if (event === 'VOICE_SERVER_UPDATE') this.#gateway?.onVoiceServerUpdate(data as never)
    else if (event === 'VOICE_STATE_UPDATE' && data.user_id === this.userId)
      this.#gateway?.onVoiceStateUpdate(data as never)
  }

  /** Starts to join. */
  knock(guildId: string, channelId: string): void {
    const connection = joinVoiceChannel({
      guildId,
      channelId,
      group: this.userId,
      selfDeaf: false,
      adapterCreator: gateway => {
        this.#gateway = gateway
        return {
          sendPayload: ({ d }) => {
            this.#options.sendVoiceState(d.guild_id, d.channel_id)
            return true
          },
          destroy: () => {},
        }
      },
    })
    this.watch(connection)
  }

  leave(): void {
    this.destroy(false)
  }
  /** Tells the main gateway. */
  leaveChannel(): void {
    this.destroy(true)
  }
}
