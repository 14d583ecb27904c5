// A bot on @discordjs/voice whose main gateway is the stand-in of Spacebar.
import { type DiscordGatewayAdapterLibraryMethods, joinVoiceChannel } from '@discordjs/voice'
import { DiscordjsVoice } from './discordjs-voice.ts'
import type { Member, SpacebarStandIn } from './spacebar-stand-in.ts'

export class SpacebarBot extends DiscordjsVoice implements Member {
  readonly userId: string
  readonly sessionId: string
  readonly isStranger: boolean
  readonly #spacebar: SpacebarStandIn
  #gateway: DiscordGatewayAdapterLibraryMethods | undefined

  constructor(spacebar: SpacebarStandIn, userId: string, { isStranger = false } = {}) {
    super()
    this.#spacebar = spacebar
    this.userId = userId
    this.sessionId = `SESSION${userId}`
    this.isStranger = isStranger
  }

  deliver(event: string, data: Record<string, unknown>): void {
    if (event === 'VOICE_STATE_UPDATE') this.#gateway?.onVoiceStateUpdate(data as never)
    else this.#gateway?.onVoiceServerUpdate(data as never)
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
        return { sendPayload: ({ d }) => this.#send(d), destroy: () => {} }
      },
    })
    this.watch(connection)
  }

  leave(): void {
    this.destroy(false)
  }

  #send({ guild_id, channel_id }: { guild_id: string; channel_id: string | null }): boolean {
    void (channel_id === null ? this.#spacebar.leave(this.userId) : this.#spacebar.join(this, guild_id, channel_id))
    return true
  }
}
