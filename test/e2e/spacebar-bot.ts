// A bot on @discordjs/voice whose main gateway is the stand-in of Spacebar.
import { Readable } from 'node:stream'
import {
  AudioPlayerStatus,
  createAudioPlayer,
  createAudioResource,
  type DiscordGatewayAdapterLibraryMethods,
  EndBehaviorType,
  entersState,
  joinVoiceChannel,
  StreamType,
  type VoiceConnection,
  VoiceConnectionStatus,
} from '@discordjs/voice'
import type { Member, SpacebarStandIn } from './spacebar-stand-in.ts'

const PATIENCE = 60_000

export class SpacebarBot implements Member {
  readonly userId: string
  readonly sessionId: string
  readonly isStranger: boolean
  readonly #spacebar: SpacebarStandIn
  #gateway: DiscordGatewayAdapterLibraryMethods | undefined
  #connection: VoiceConnection | undefined
  /** Received frames, by user. */
  readonly heard = new Map<string, number>()

  constructor(spacebar: SpacebarStandIn, userId: string, { isStranger = false } = {}) {
    this.#spacebar = spacebar
    this.userId = userId
    this.sessionId = `SESSION${userId}`
    this.isStranger = isStranger
  }

  get connection(): VoiceConnection {
    if (this.#connection === undefined) throw new Error('join first')
    return this.#connection
  }
  get status(): VoiceConnectionStatus {
    return this.connection.state.status
  }
  get privacyCode(): string | undefined {
    return this.connection.voicePrivacyCode ?? undefined
  }

  deliver(event: string, data: Record<string, unknown>): void {
    if (event === 'VOICE_STATE_UPDATE') this.#gateway?.onVoiceStateUpdate(data as never)
    else this.#gateway?.onVoiceServerUpdate(data as never)
  }

  /** Starts to join. */
  knock(guildId: string, channelId: string): void {
    this.#connection = joinVoiceChannel({
      guildId,
      channelId,
      group: this.userId,
      selfDeaf: false,
      adapterCreator: gateway => {
        this.#gateway = gateway
        return { sendPayload: ({ d }) => this.#send(d), destroy: () => {} }
      },
    })
    this.#connection.on('error', () => {})
  }
  async join(guildId: string, channelId: string): Promise<void> {
    this.knock(guildId, channelId)
    await this.ready()
  }
  ready = () => entersState(this.connection, VoiceConnectionStatus.Ready, PATIENCE)
  disconnected = () => entersState(this.connection, VoiceConnectionStatus.Disconnected, PATIENCE)

  listenTo(userId: string): void {
    const stream = this.connection.receiver.subscribe(userId, { end: { behavior: EndBehaviorType.Manual } })
    stream.on('data', () => this.heard.set(userId, (this.heard.get(userId) ?? 0) + 1))
  }
  async play(frames: readonly Buffer[]): Promise<void> {
    const player = createAudioPlayer()
    const subscription = this.connection.subscribe(player)
    player.play(createAudioResource(Readable.from(frames), { inputType: StreamType.Opus }))
    await entersState(player, AudioPlayerStatus.Playing, PATIENCE)
    await entersState(player, AudioPlayerStatus.Idle, PATIENCE)
    subscription?.unsubscribe()
  }

  destroy(): void {
    if (this.#connection !== undefined && this.status !== VoiceConnectionStatus.Destroyed)
      this.connection.destroy(false)
  }

  #send({ guild_id, channel_id }: { guild_id: string; channel_id: string | null }): boolean {
    void (channel_id === null ? this.#spacebar.leave(this.userId) : this.#spacebar.join(this, guild_id, channel_id))
    return true
  }
}
