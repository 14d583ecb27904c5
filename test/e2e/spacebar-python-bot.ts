// A bot on discord.py whose main gateway is Spacebar, or the stand-in of it.
import { LineProcess } from './line-process.ts'
import type { BotOptions } from './spacebar-bot.ts'
import { CERTIFICATE_FILE } from './trust.ts'

export class SpacebarPythonBot {
  readonly userId: string
  readonly sessionId: string
  readonly #process: LineProcess

  /** `command` starts test/e2e/python/discord-py-bot.py. */
  constructor(command: readonly [string, ...string[]], options: BotOptions) {
    this.userId = options.userId
    this.sessionId = options.sessionId
    this.#process = new LineProcess(command, CERTIFICATE_FILE)
    this.#process.onMessage = ({ event, d }) => {
      if (event !== 'asks') return
      const { guild_id, channel_id } = d as { guild_id: string; channel_id: string | null }
      options.sendVoiceState(guild_id, channel_id)
    }
  }

  /** An event of the main gateway. */
  deliver(event: string, data: Record<string, unknown>): void {
    if (event !== 'VOICE_SERVER_UPDATE' && (event !== 'VOICE_STATE_UPDATE' || data.user_id !== this.userId)) return
    this.#process.send('dispatch', { t: event, d: { request_to_speak_timestamp: null, ...data } })
  }

  /** `channelIds` are the voice channels that the bot knows. */
  async join(guildId: string, channelId: string, channelIds: readonly string[]): Promise<void> {
    const fields = { user_id: this.userId, guild_id: guildId, channel_ids: channelIds, channel_id: channelId }
    await this.#process.call('join', fields, 'joined')
  }
  async move(channelId: string): Promise<void> {
    await this.#process.call('move', { channel_id: channelId }, 'moved')
  }
  async privacyCode(): Promise<unknown> {
    return (await this.#process.call('encryption', {}, 'encryption')).code
  }
  async play(frames: readonly Buffer[]): Promise<void> {
    await this.#process.call('play', { frames: frames.map(frame => frame.toString('base64')) }, 'played')
  }
  heardOf(userId: string): Buffer[] {
    return this.#process.heardOf(userId)
  }
  knows(userId: string): boolean {
    return this.#process.messages.some(({ event, user_id }) => event === 'speaking' && user_id === userId)
  }
  async leave(): Promise<void> {
    await this.#process.call('leave', {}, 'left')
  }
  end(): void {
    this.#process.end()
  }
}
