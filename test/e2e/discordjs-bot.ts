// A bot on the real @discordjs/voice. Its main gateway is played by the scene: joining asks the backend, like a chat service.
import { Readable } from 'node:stream'
import {
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
import type { Scene } from './scene.ts'

const PATIENCE = 10_000

/** The codes of the library's networking states, by name. */
const NETWORKING = ['openingWs', 'identifying', 'udpHandshaking', 'selectingProtocol', 'ready', 'resuming', 'closed']

export class DiscordjsBot {
  readonly userId: string
  readonly sessionId: string
  readonly #scene: Scene
  readonly #dave: boolean
  #gateway: DiscordGatewayAdapterLibraryMethods | undefined
  #connection: VoiceConnection | undefined
  /** How often the library asked its main gateway to let it in again. */
  requests = 0
  /** Every networking state the library went through, in order. */
  readonly networking: string[] = []
  /** What it heard, by user. */
  readonly heard = new Map<string, Buffer[]>()
  readonly startedSpeaking: string[] = []

  /** With `dave` it takes part in end-to-end encryption. */
  constructor(scene: Scene, userId: string, { dave = false } = {}) {
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
  /** The close code that the library reports of a connection it will not mend by itself. */
  get closeCode(): number | undefined {
    const { state } = this.connection
    return 'closeCode' in state ? state.closeCode : undefined
  }

  /** What its user would compare with the others by reading it out; undefined while nothing is encrypted. */
  get privacyCode(): string | undefined {
    return this.connection.voicePrivacyCode ?? undefined
  }

  async join(guildId: string, channelId: string): Promise<void> {
    this.knock(guildId, channelId)
    await this.ready()
  }

  /** Begins to join; whether it gets in is another matter. */
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

  /** What the chat service does when a moderator drags a user elsewhere. */
  async moveTo(guildId: string, channelId: string): Promise<void> {
    this.#scene.remove(guildId, this.userId)
    await this.#enter(guildId, channelId)
    await this.ready()
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

  /** Plays Opus frames as a bot does, 20 ms each; resolves when the last has been sent. */
  async play(frames: readonly Buffer[]): Promise<void> {
    const player = createAudioPlayer({ behaviors: { noSubscriber: NoSubscriberBehavior.Stop } })
    const subscription = this.connection.subscribe(player)
    const stream = Readable.from(frames, { highWaterMark: frames.length })
    player.play(createAudioResource(stream, { inputType: StreamType.Opus }))
    await entersState(player, AudioPlayerStatus.Playing, PATIENCE)
    await entersState(player, AudioPlayerStatus.Idle, PATIENCE)
    subscription?.unsubscribe()
  }

  /** Cuts the TCP connection under the library's WebSocket, as a network does: no close frame. */
  cut(): void {
    const { state } = this.connection
    const networking = Reflect.get(state, 'networking') as { state: { ws: { ws: { _socket: { destroy(): void } } } } }
    networking.state.ws.ws._socket.destroy()
  }

  leave(): void {
    if (this.#connection !== undefined && this.status !== VoiceConnectionStatus.Destroyed)
      this.#connection.destroy(false)
  }

  /** The main gateway's opcode 4. Returning true promises an answer. */
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
    this.#gateway?.onVoiceServerUpdate({ guild_id: guildId, token, endpoint })
  }

  #watch(before: object, after: object): void {
    const networking = Reflect.get(after, 'networking')
    if (networking === undefined || networking === Reflect.get(before, 'networking')) return
    networking.on('stateChange', (old: { code: number }, { code }: { code: number }) => {
      if (old.code !== code) this.networking.push(NETWORKING[code] ?? String(code))
    })
  }
}
