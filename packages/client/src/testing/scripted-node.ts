// A node that a test scripts, as a fleet sees it: LVSP over loopback, with the commands that it received.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { LvspFailure, LvspInfo, LvspOp } from '@parley/protocol'
import { type WebSocket, WebSocketServer } from 'ws'

/** A command as text: its info type and the user or channel, such as `VoiceStateDestroy 7`. */
export type SeenCommand = string

interface Ids {
  channel_id: string
  guild_id?: string
  user_id?: string
}

const NAMES = new Map<number, string>(Object.entries(LvspInfo).map(([name, type]) => [type, name]))
/** Milliseconds; a machine with many busy processes needs some of them. */
const PATIENCE = 10_000
const CAPABILITIES = ['user_token', 'failure', 'events', 'draining']

/** Accepts every channel until a test tells it otherwise. */
export class ScriptedNode {
  readonly #server: WebSocketServer
  /** Commands since the last `take`. */
  #seen: SeenCommand[] = []
  readonly #waiting = new Set<() => void>()
  /** Id of the process: another one after a restart. Part of each token. */
  process = 'a'
  health = 0.5
  /** What CHANNEL_REQ gets. `later`: no answer until `answer`. */
  channels: 'accept' | 'refuse' | 'later' = 'accept'
  #held: (() => void)[] = []
  /** Refuses connections while true. */
  isAway = false

  private constructor(server: WebSocketServer) {
    this.#server = server
    server.on('connection', socket => {
      if (this.isAway) return socket.terminate()
      this.#send(socket, LvspOp.Hello, { heartbeat_interval: 60_000, nonce: 'q7Zp2LmX0a', capabilities: CAPABILITIES })
      socket.on('message', text => this.#received(socket, JSON.parse(String(text))))
    })
  }

  static async start(): Promise<ScriptedNode> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    await once(server, 'listening')
    return new ScriptedNode(server)
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/lvsp`
  }

  /** Commands received since the last call. */
  take(): SeenCommand[] {
    const seen = this.#seen
    this.#seen = []
    return seen
  }

  /** Resolves when a command was received that no `take` returned. Rejects after ten seconds, with what was received. */
  async sees(command: SeenCommand): Promise<void> {
    const late = setTimeout(() => this.#checkWaiting(), PATIENCE)
    const end = performance.now() + PATIENCE
    while (!this.#seen.includes(command)) {
      if (performance.now() >= end) throw new Error(`expected ${command}, received ${this.#seen.join(', ')}`)
      await new Promise<void>(resolve => this.#waiting.add(resolve))
    }
    clearTimeout(late)
  }

  drain(channelId: string): void {
    this.reportHealth(0)
    const data = { channel_id: channelId, guild_id: '100', timeout: 20_000 }
    this.#sendAll(LvspOp.Info, { type: LvspInfo.ChannelDraining, data })
  }

  /** As a heartbeat would. */
  reportHealth(health: number): void {
    this.health = health
    this.#sendAll(LvspOp.HeartbeatAck, { health })
  }

  /** Answers the requests that were held. */
  answer(as: 'accept' | 'refuse' = 'accept'): void {
    this.channels = as
    for (const answer of this.#held.splice(0)) answer()
  }

  /** The connection is lost. */
  cut(): void {
    for (const socket of this.#server.clients) socket.terminate()
  }

  async stop(): Promise<void> {
    this.isAway = true
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #received(socket: WebSocket, { op, d }: { op: number; d: { type: number; data: Ids } }): void {
    if (op === LvspOp.Identify || op === LvspOp.Resume)
      this.#send(socket, LvspOp.Ready, { health: this.health, session: this.process, capabilities: CAPABILITIES })
    if (op === LvspOp.Heartbeat) this.#send(socket, LvspOp.HeartbeatAck, { health: this.health })
    if (op !== LvspOp.Info) return
    this.#seen.push(`${NAMES.get(d.type)} ${d.data.user_id ?? d.data.channel_id}`)
    this.#checkWaiting()
    this.#answer(socket, d.type, d.data)
  }

  #checkWaiting(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  #answer(socket: WebSocket, type: number, data: Ids): void {
    const reply = (answer: number, more: object) => this.#send(socket, LvspOp.Info, { type: answer, data: more })
    const token = `${this.process} ${data.channel_id}`
    const { channel_id, guild_id, user_id } = data
    const ids = { channel_id, guild_id, user_id }
    if (type === LvspInfo.VoiceStateCreate)
      reply(LvspInfo.VoiceStateDone, { ...ids, session_id: 'session', token: `${token} ${user_id}` })
    if (type !== LvspInfo.ChannelRequest) return
    if (this.channels === 'later') this.#held.push(() => this.#answer(socket, type, data))
    else if (this.channels === 'accept') reply(LvspInfo.ChannelAssign, { ...ids, token })
    else reply(LvspInfo.Failure, { in_reply_to: { type, data }, code: LvspFailure.TooManyChannels, message: 'full' })
  }

  #sendAll(op: number, d: object): void {
    for (const socket of this.#server.clients) this.#send(socket, op, d)
  }
  #send(socket: WebSocket, op: number, d: object): void {
    socket.send(JSON.stringify({ op, d }))
  }
}
