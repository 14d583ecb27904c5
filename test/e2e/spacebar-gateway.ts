// A user's connection to the main gateway of the real Spacebar.
import { once } from 'node:events'
import WebSocket from 'ws'
import type { Account } from './spacebar-server.ts'
import { until } from './until.ts'

type Data = Record<string, unknown>

export class SpacebarGateway {
  readonly userId: string
  readonly #socket: WebSocket
  #beat: NodeJS.Timeout | undefined
  #sequence: number | null = null
  /** That of the login, with which clients identify at a node. */
  sessionId = ''
  /** Events, in order. */
  readonly events: { event: string; data: Data }[] = []
  /** Called with each event. */
  deliver: (event: string, data: Data) => void = () => {}

  private constructor(userId: string, socket: WebSocket) {
    this.userId = userId
    this.#socket = socket
  }

  /** Resolves when Spacebar has sent READY. */
  static async connect(url: string, { userId, token }: Account): Promise<SpacebarGateway> {
    const socket = new WebSocket(url, { headers: { 'user-agent': 'test' } })
    const gateway = new SpacebarGateway(userId, socket)
    socket.on('message', bytes => gateway.#take(JSON.parse(String(bytes))))
    socket.on('close', () => clearInterval(gateway.#beat))
    await once(socket, 'open')
    gateway.send(2, { token, properties: { os: 'linux', browser: 'test', device: '' } })
    await until('READY of Spacebar', () => gateway.sessionId !== '' || socket.readyState !== WebSocket.OPEN)
    if (gateway.sessionId === '') throw new Error('Spacebar closed the connection')
    return gateway
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  send(op: number, d: unknown): void {
    this.#socket.send(JSON.stringify({ op, d }))
  }

  /** Opcode 4 as bot libraries send it: without `self_video`. */
  sendVoiceState(guildId: string | null, channelId: string | null): void {
    this.send(4, { guild_id: guildId, channel_id: channelId, self_mute: false, self_deaf: false })
  }

  /** The first event from `from` that fits. */
  async next(event: string, from: number, fits: (data: Data) => boolean = () => true): Promise<Data> {
    const find = () => this.events.slice(from).find(each => each.event === event && fits(each.data))
    await until(`${event} of ${this.userId}`, () => find() !== undefined)
    return find()!.data
  }

  async close(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return
    const closed = once(this.#socket, 'close')
    this.#socket.terminate()
    await closed
  }

  #take({ op, t, s, d }: { op: number; t?: string; s?: number; d: Data }): void {
    if (typeof s === 'number') this.#sequence = s
    if (op === 10) {
      this.#beat = setInterval(() => this.send(1, this.#sequence), Number(d.heartbeat_interval) / 2)
      this.#beat.unref()
    }
    if (op !== 0 || t === undefined) return
    if (t === 'READY') this.sessionId = String(d.session_id)
    this.events.push({ event: t, data: d })
    this.deliver(t, d)
  }
}
