// A bot on @discordjs/voice. The scene acts as its main gateway: it admits the bot through the backend, as a chat service does.
import {
  type AudioPlayer,
  createAudioPlayer,
  type DiscordGatewayAdapterLibraryMethods,
  joinVoiceChannel,
  NoSubscriberBehavior,
} from '@discordjs/voice'
import { DiscordjsVoice, opusResource } from './discordjs-voice.ts'
import type { ChatService } from './scene.ts'

export class DiscordjsBot extends DiscordjsVoice {
  readonly userId: string
  readonly sessionId: string
  readonly #scene: ChatService
  readonly #dave: boolean
  #gateway: DiscordGatewayAdapterLibraryMethods | undefined
  #talking: AudioPlayer | undefined
  /** Voice state updates (opcode 4) that the library has sent to its main gateway, without the first. */
  requests = 0
  readonly startedSpeaking: string[] = []
  /** Of the last voice server update. */
  endpoint = ''

  /** With `dave` the bot supports end-to-end encryption. */
  constructor(scene: ChatService, userId: string, { dave = false } = {}) {
    super()
    this.#scene = scene
    this.userId = userId
    this.#dave = dave
    this.sessionId = `session-of-${userId}`
  }

  /** Starts to join; the backend may refuse it. */
  knock(guildId: string, channelId: string): void {
    const connection = joinVoiceChannel({
      guildId,
      channelId,
      group: this.userId,
      selfDeaf: false,
      daveEncryption: this.#dave,
      adapterCreator: gateway => {
        this.#gateway = gateway
        return {
          sendPayload: payload => this.#answer(payload.d),
          destroy: () => {},
        }
      },
    })
    this.watch(connection)
    connection.receiver.speaking.on('start', userId => this.startedSpeaking.push(userId))
  }

  /** Moves the bot as the chat service does when a moderator moves a user. */
  async moveTo(guildId: string, channelId: string): Promise<void> {
    this.#scene.remove(guildId, this.userId)
    await this.#enter(guildId, channelId)
    await this.ready()
  }

  /** Sends it a voice server update, as a main gateway does when the channel has another node. */
  updateServer(guild_id: string, token: string, endpoint: string): void {
    this.endpoint = endpoint
    this.#gateway?.onVoiceServerUpdate({ guild_id, token, endpoint })
  }

  /** Starts to play Opus frames of 20 ms each, with pauses while it is not connected. Ends with `leave`. */
  talk(frames: readonly Buffer[]): void {
    const player = createAudioPlayer({ behaviors: { noSubscriber: NoSubscriberBehavior.Pause } })
    this.#talking = player
    this.connection.subscribe(player)
    player.play(opusResource(frames))
  }

  /** Cuts the TCP connection of the library's WebSocket without a close frame, as a network failure does. */
  cut(): void {
    const { state } = this.connection
    const networking = Reflect.get(state, 'networking') as { state: { ws: { ws: { _socket: { destroy(): void } } } } }
    networking.state.ws.ws._socket.destroy()
  }

  leave(): void {
    this.#talking?.stop(true)
    this.destroy(false)
  }

  /** Handles opcode 4 of the main gateway. Returns true because an answer will follow. */
  #answer({ guild_id: guildId, channel_id: channelId }: { guild_id: string; channel_id: string | null }): boolean {
    this.requests++
    if (channelId === null || !this.#scene.mayJoin(this.userId)) return false
    this.#enter(guildId, channelId).catch((error: Error) => this.networking.push(`error: ${error.message}`))
    return true
  }

  async #enter(guildId: string, channelId: string): Promise<void> {
    const { userId, sessionId } = this
    const { token, endpoint } = await this.#scene.admit({ guildId, channelId, userId, sessionId })
    const state = { guild_id: guildId, channel_id: channelId, user_id: userId, session_id: sessionId }
    this.#gateway?.onVoiceStateUpdate(state as Parameters<DiscordGatewayAdapterLibraryMethods['onVoiceStateUpdate']>[0])
    this.updateServer(guildId, token, endpoint)
  }
}
