// A voice connection of @discordjs/voice, with what tests observe of it.
import { Readable } from 'node:stream'
import {
  AudioPlayerStatus,
  createAudioPlayer,
  createAudioResource,
  EndBehaviorType,
  entersState,
  NoSubscriberBehavior,
  StreamType,
  type VoiceConnection,
  VoiceConnectionStatus,
} from '@discordjs/voice'

const PATIENCE = 60_000
const NETWORKING = ['openingWs', 'identifying', 'udpHandshaking', 'selectingProtocol', 'ready', 'resuming', 'closed']

/** An audio resource of Opus frames of 20 ms each. */
export const opusResource = (frames: readonly Buffer[]) =>
  createAudioResource(Readable.from(frames, { highWaterMark: frames.length }), { inputType: StreamType.Opus })

export abstract class DiscordjsVoice {
  #connection: VoiceConnection | undefined
  /** All networking states of the library, in order, and its errors. */
  readonly networking: string[] = []
  /** Received frames, by user. */
  readonly heard = new Map<string, Buffer[]>()

  /** Starts to join. */
  abstract knock(guildId: string, channelId: string): void

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
  /** The voice privacy code that users compare; undefined while the call is not encrypted end to end. */
  get privacyCode(): string | undefined {
    return this.connection.voicePrivacyCode ?? undefined
  }

  async join(guildId: string, channelId: string): Promise<void> {
    this.knock(guildId, channelId)
    await this.ready()
  }

  ready = () => entersState(this.connection, VoiceConnectionStatus.Ready, PATIENCE)
  disconnected = () => entersState(this.connection, VoiceConnectionStatus.Disconnected, PATIENCE)

  /** `received` is called with each frame. */
  listenTo(userId: string, received: (frame: Buffer) => void = () => {}): void {
    const frames: Buffer[] = []
    this.heard.set(userId, frames)
    const stream = this.connection.receiver.subscribe(userId, { end: { behavior: EndBehaviorType.Manual } })
    stream.on('data', (frame: Buffer) => {
      frames.push(frame)
      received(frame)
    })
  }

  knows(userId: string): boolean {
    return this.connection.receiver.ssrcMap.get(userId) !== undefined
  }

  /** Plays Opus frames of 20 ms each; resolves when the last has been sent. */
  async play(frames: readonly Buffer[]): Promise<void> {
    const player = createAudioPlayer({ behaviors: { noSubscriber: NoSubscriberBehavior.Stop } })
    const subscription = this.connection.subscribe(player)
    player.play(opusResource(frames))
    await entersState(player, AudioPlayerStatus.Playing, PATIENCE)
    await entersState(player, AudioPlayerStatus.Idle, PATIENCE)
    subscription?.unsubscribe()
  }

  /** Ends the connection, if there is one, with or without a voice state update to the main gateway. */
  protected destroy(isAnnounced: boolean): void {
    if (this.#connection !== undefined && this.status !== VoiceConnectionStatus.Destroyed)
      this.#connection.destroy(isAnnounced)
  }

  protected watch(connection: VoiceConnection): void {
    this.#connection = connection
    connection.on('stateChange', (before, after) => this.#watchNetworking(before, after))
    connection.on('error', error => this.networking.push(`error: ${error.message}`))
  }

  #watchNetworking(before: object, after: object): void {
    const networking = Reflect.get(after, 'networking')
    if (networking === undefined || networking === Reflect.get(before, 'networking')) return
    networking.on('stateChange', (old: { code: number }, { code }: { code: number }) => {
      if (old.code !== code) this.networking.push(NETWORKING[code] ?? String(code))
    })
  }
}
