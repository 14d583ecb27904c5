// A bot on a library of another language, in a process of its own. This class acts as its main gateway, over lines of JSON.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { ChatService } from './scene.ts'
import { CERTIFICATE_FILE } from './trust.ts'
import { until } from './until.ts'

type Message = { event: string } & Record<string, unknown>

export class ForeignBot {
  readonly userId: string
  readonly sessionId: string
  readonly #scene: ChatService
  readonly #process: ChildProcess
  /** All messages of the process, in order. */
  readonly messages: Message[] = []
  /** Voice state updates (opcode 4) with which the library has requested to join. */
  requests = 0

  /** `command` starts the bot: a program and its arguments. */
  constructor(scene: ChatService, userId: string, command: readonly [string, ...string[]]) {
    this.#scene = scene
    this.userId = userId
    this.sessionId = `session-of-${userId}`
    const [program, ...args] = command
    this.#process = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, SSL_CERT_FILE: CERTIFICATE_FILE },
    })
    createInterface({ input: this.#process.stdout! }).on('line', line => this.#take(JSON.parse(line) as Message))
  }

  async join(guildId: string, channelId: string, otherChannels: readonly string[]): Promise<Message> {
    const { userId: user_id } = this
    this.#do('join', { user_id, guild_id: guildId, channel_ids: [channelId, ...otherChannels], channel_id: channelId })
    return this.next('joined')
  }

  /** Starts to play. */
  talk(frames: readonly Buffer[]): void {
    this.#do('play', { frames: frames.map(frame => frame.toString('base64')) })
  }
  /** Resolves when the last frame has been sent. */
  async play(frames: readonly Buffer[]): Promise<void> {
    this.talk(frames)
    await this.next('played')
  }

  /** Moves the bot with a command of its library. */
  async move(channelId: string): Promise<void> {
    this.#do('move', { channel_id: channelId })
    await this.next('moved')
  }

  /** The voice privacy code that users compare; undefined while the bot does not encrypt. */
  async privacyCode(): Promise<string | undefined> {
    this.#do('encryption', {})
    const { code } = await this.next('encryption')
    return code === null ? undefined : String(code)
  }

  /** Cuts its TCP connection, as a network failure does. The bot does not reconnect before `resume`. */
  async cut(): Promise<void> {
    this.#do('cut', {})
    await until('the loss of its connection', () => this.#scene.session(this.userId)?.state === 'detached')
  }
  async resume(): Promise<void> {
    this.#do('resume', {})
    await this.next('resumed')
  }

  /** Sends it a voice server update, as a main gateway does when the channel has another node. */
  updateServer(guild_id: string, token: string, endpoint: string): void {
    this.#do('dispatch', { t: 'VOICE_SERVER_UPDATE', d: { guild_id, token, endpoint } })
  }

  async leave(): Promise<void> {
    this.#do('leave', {})
    await this.next('left')
  }

  /** Frames received from a user, in order; a frame that could not be decrypted is empty. */
  heardOf(userId: string): Buffer[] {
    const heard = this.messages.filter(({ event, user_id }) => event === 'heard' && user_id === userId)
    return heard.map(({ frame }) => Buffer.from(frame === null ? '' : String(frame), 'base64'))
  }

  knows = (userId: string): boolean =>
    this.messages.some(({ event, user_id }) => event === 'speaking' && user_id === userId)

  /** Resolves with the next message with this event. */
  async next(event: string): Promise<Message> {
    const from = this.messages.length
    const found = () => this.messages.slice(from).find(message => message.event === event || message.event === 'failed')
    await until(`"${event}" of ${this.#process.spawnfile}`, () => found() !== undefined)
    const message = found()!
    if (message.event === 'failed') throw new Error(`the bot: ${JSON.stringify(message)}`)
    return message
  }

  end(): void {
    this.#process.kill()
  }

  #do(what: string, fields: object): void {
    this.#process.stdin!.write(`${JSON.stringify({ do: what, ...fields })}\n`)
  }

  #take(message: Message): void {
    this.messages.push(message)
    if (message.event === 'asks') void this.#answer(message.d as { guild_id: string; channel_id: string | null })
  }

  /** Acts as the main gateway: a chat service checks permissions, then notifies the node, then the user. */
  async #answer({ guild_id, channel_id }: { guild_id: string; channel_id: string | null }): Promise<void> {
    this.requests++
    const { userId, sessionId } = this
    this.#scene.remove(guild_id, userId)
    this.#tellState(guild_id, channel_id)
    if (channel_id === null) return
    const { token, endpoint } = await this.#scene.admit({ guildId: guild_id, channelId: channel_id, userId, sessionId })
    this.updateServer(guild_id, token, endpoint)
  }

  #tellState(guild_id: string, channel_id: string | null): void {
    const flags = { deaf: false, mute: false, self_deaf: false, self_mute: false, self_video: false, suppress: false }
    const who = { guild_id, channel_id, user_id: this.userId, session_id: this.sessionId }
    this.#do('dispatch', { t: 'VOICE_STATE_UPDATE', d: { ...who, ...flags, request_to_speak_timestamp: null } })
  }
}
