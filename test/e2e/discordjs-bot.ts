// A bot on @discordjs/voice. The scene acts as its main gateway: it admits the bot through the backend, as a chat service does.
import { Readable } from 'node:stream'
import {
  type AudioPlayer,
  AudioPlayerStatus,
  createAudioPlayer,
  createAudioResource,
  type DiscordGatewayAdapterLibraryMethods,
  EndBehaviorType,
  entersState,
  joinVoiceChannel,
  NoSubscriberBehavior,
  StreamType,
  type VoiceConnection,
  VoiceConnectionStatus,
} from '@discordjs/voice'
import type { ChatService } from './scene.ts'

const PATIENCE = 60_000

/** The codes of the library's networking states, by name. */
const NETWORKING = ['openingWs', 'identifying', 'udpHandshaking', 'selectingProtocol', 'ready', 'resuming', 'closed']

export class DiscordjsBot {
  readonly userId: string
  readonly sessionId: string
  readonly #scene: ChatService
  readonly #dave: boolean
  #gateway: DiscordGatewayAdapterLibraryMethods | undefined
  #connection: VoiceConnection | undefined
  #talking: AudioPlayer | undefined
  /** Voice state updates (opcode 4) that the library has sent to its main gateway, without the first. */
  requests = 0
  /** All networking states of the library, in order. */
  readonly networking: string[] = []
  /** Received frames, by user. */
  readonly heard = new Map<string, Buffer[]>()
  readonly startedSpeaking: string[] = []

  /** With `dave` the bot supports end-to-end encryption. */
  constructor(scene: ChatService, userId: string, { dave = false } = {}) {
    this.#scene = scene
    this.userId = userId
    this.#dave = dave
    this.sessionId = `session-of-${userId}`
  }

  get connection(): VoiceConnection {
    if (this.#connection === undefined) throw new Error('join first')
    return this.#connection
  }
  get status(): VoiceConnectionStatus {
    return this.connection.state.status
  }
  /** The close code of a connection that the library does not restore by itself. */
  get closeCode(): number | undefined {
    const { state } = this.connection
    return 'closeCode' in state ? state.closeCode : undefined
  }

  /** The voice privacy code that users compare with each other; undefined while the call is not encrypted. */
  get privacyCode(): string | undefined {
    return this.connection.voicePrivacyCode ?? undefined
  }

  async join(guildId: string, channelId: string): Promise<void> {
    this.knock(guildId, channelId)
    await this.ready()
  }

  /** Starts to join; the backend may refuse it. */
  knock(guildId: string, channelId: string): void {
    this.#connection = joinVoiceChannel({
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
    this.#connection.on('stateChange', (before, after) => this.#watch(before, after))
    this.#connection.on('error', error => this.networking.push(`error: ${error.message}`))
    this.#connection.receiver.speaking.on('start', userId => this.startedSpeaking.push(userId))
  }

  /** Moves the bot as the chat service does when a moderator moves a user. */
  async moveTo(guildId: string, channelId: string): Promise<void> {
    this.#scene.remove(guildId, this.userId)
    await this.#enter(guildId, channelId)
    await this.ready()
  }

  /** Sends it a voice server update, as a main gateway does when the channel has another node. */
  updateServer(guild_id: string, token: string, endpoint: string): void {
    this.#gateway?.onVoiceServerUpdate({ guild_id, token, endpoint })
  }

  ready = () => entersState(this.connection, VoiceConnectionStatus.Ready, PATIENCE)
  disconnected = () => entersState(this.connection, VoiceConnectionStatus.Disconnected, PATIENCE)

  listenTo(userId: string): void {
    const frames: Buffer[] = []
    this.heard.set(userId, frames)
    const stream = this.connection.receiver.subscribe(userId, { end: { behavior: EndBehaviorType.Manual } })
    stream.on('data', (frame: Buffer) => frames.push(frame))
  }

  knows(userId: string): boolean {
    return this.connection.receiver.ssrcMap.get(userId) !== undefined
  }

  /** Starts to play Opus frames of 20 ms each, with pauses while it is not connected. Ends with `leave`. */
  talk(frames: readonly Buffer[]): void {
    const player = createAudioPlayer({ behaviors: { noSubscriber: NoSubscriberBehavior.Pause } })
    this.#talking = player
    this.connection.subscribe(player)
    player.play(
      createAudioResource(Readable.from(frames, { highWaterMark: frames.length }), { inputType: StreamType.Opus }),
    )
  }

  /** Plays Opus frames of 20 ms each; resolves when the last has been sent. */
  async play(frames: readonly Buffer[]): Promise<void> {
    const player = createAudioPlayer({ behaviors: { noSubscriber: NoSubscriberBehavior.Stop } })
    const subscription = this.connection.subscribe(player)
    const stream = Readable.from(frames, { highWaterMark: frames.length })
    player.play(createAudioResource(stream, { inputType: StreamType.Opus }))
    await entersState(player, AudioPlayerStatus.Playing, PATIENCE)
    await entersState(player, AudioPlayerStatus.Idle, PATIENCE)
    subscription?.unsubscribe()
  }

  /** Cuts the TCP connection of the library's WebSocket without a close frame, as a network failure does. */
  cut(): void {
    const { state } = this.connection
    const networking = Reflect.get(state, 'networking') as { state: { ws: { ws: { _socket: { destroy(): void } } } } }
    networking.state.ws.ws._socket.destroy()
  }

  leave(): void {
    this.#talking?.stop(true)
    if (this.#connection !== undefined && this.status !== VoiceConnectionStatus.Destroyed)
      this.#connection.destroy(false)
  }

  /** Handles opcode 4 of the main gateway. Returns true because an answer will follow. */
  #answer({ guild_id: guildId, channel_id: channelId }: { guild_id: string; channel_id: string | null }): boolean {
    this.requests++
    if (channelId === null || !this.#scene.mayJoin(this.userId)) return false
    void this.#enter(guildId, channelId)
    return true
  }

  async #enter(guildId: string, channelId: string): Promise<void> {
    const { userId, sessionId } = this
    const { token, endpoint } = await this.#scene.admit({ guildId, channelId, userId, sessionId })
    const state = { guild_id: guildId, channel_id: channelId, user_id: userId, session_id: sessionId }
    this.#gateway?.onVoiceStateUpdate(state as Parameters<DiscordGatewayAdapterLibraryMethods['onVoiceStateUpdate']>[0])
    this.updateServer(guildId, token, endpoint)
  }

  #watch(before: object, after: object): void {
    const networking = Reflect.get(after, 'networking')
    if (networking === undefined || networking === Reflect.get(before, 'networking')) return
    networking.on('stateChange', (old: { code: number }, { code }: { code: number }) => {
      if (old.code !== code) this.networking.push(NETWORKING[code] ?? String(code))
    })
  }
}
