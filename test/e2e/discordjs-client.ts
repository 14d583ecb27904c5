// An unchanged discord.js client: logs in with a token to a test server, and joins with @discordjs/voice.
import { Readable } from 'node:stream'
import {
  AudioPlayerStatus,
  createAudioPlayer,
  createAudioResource,
  EndBehaviorType,
  entersState,
  joinVoiceChannel,
  NoSubscriberBehavior,
  StreamType,
  type VoiceConnection,
  VoiceConnectionStatus,
} from '@discordjs/voice'
import type { TestServer } from '@parley/server'
import { Client, GatewayIntentBits } from 'discord.js'

const PATIENCE = 60_000
/** The codes of the library's networking states, by name. */
const NETWORKING = ['openingWs', 'identifying', 'udpHandshaking', 'selectingProtocol', 'ready', 'resuming', 'closed']

export class DiscordjsClient {
  readonly client: Client<true>
  #connection: VoiceConnection | undefined
  /** All networking states of the library, in order. */
  readonly networking: string[] = []
  /** Received frames, by user. */
  readonly heard = new Map<string, Buffer[]>()

  private constructor(client: Client<true>) {
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
  get connection(): VoiceConnection {
    if (this.#connection === undefined) throw new Error('join first')
    return this.#connection
  }
  /** The voice privacy code that users compare; undefined while the call is not encrypted end to end. */
  get privacyCode(): string | undefined {
    return this.connection.voicePrivacyCode ?? undefined
  }
  /** The channel in which the client sees a user. */
  channelOf(guildId: string, userId: string): string | null | undefined {
    return this.client.guilds.cache.get(guildId)?.voiceStates.cache.get(userId)?.channelId
  }

  async join(guildId: string, channelId: string): Promise<void> {
    this.knock(guildId, channelId)
    await this.ready()
  }

  /** Starts to join. */
  knock(guildId: string, channelId: string): void {
    const guild = this.client.guilds.cache.get(guildId)
    if (guild === undefined) throw new Error(`the client does not know guild ${guildId}`)
    this.#connection = joinVoiceChannel({
      guildId,
      channelId,
      group: this.userId,
      selfDeaf: false,
      adapterCreator: guild.voiceAdapterCreator,
    })
    this.#connection.on('stateChange', (before, after) => watchNetworking(before, after, this.networking))
    this.#connection.on('error', () => {})
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

  leave(): void {
    if (this.connection.state.status !== VoiceConnectionStatus.Destroyed) this.connection.destroy()
  }

  async end(): Promise<void> {
    if (this.#connection !== undefined) this.leave()
    await this.client.destroy()
  }
}

function watchNetworking(before: object, after: object, states: string[]): void {
  const networking = Reflect.get(after, 'networking')
  if (networking === undefined || networking === Reflect.get(before, 'networking')) return
  networking.on('stateChange', (old: { code: number }, { code }: { code: number }) => {
    if (old.code !== code) states.push(NETWORKING[code] ?? String(code))
  })
}
