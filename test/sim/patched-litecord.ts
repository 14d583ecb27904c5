// A model of Litecord with the changes of docs/litecord.md: it keeps its info types, and corrects what stops its users from talking.
import { createHmac } from 'node:crypto'
import type { BenchSocket, Json } from '../../packages/core/src/testing/node-bench.ts'

/** Litecord's numbers. */
const CHANNEL_REQ = 0
const CHANNEL_ASSIGN = 1
const VST_CREATE = 4
const VST_DONE = 4
const VST_LEAVE = 6
const RECONNECT_DELAY = 1_000

interface User {
  guildId: string
  channelId: string
  sessionId: string
}

export class PatchedLitecord {
  readonly #open: () => BenchSocket
  readonly #secret: string
  readonly #users = new Map<string, User>()
  socket: BenchSocket
  #read = 0
  #interval = Infinity
  #beatAt = Infinity
  #reconnectAt = Infinity
  beats = 0
  /** Voice server updates sent to users: the newest one of each. */
  readonly updates = new Map<string, { token: string; guild_id: string; endpoint: string }>()
  /** Channels that the node has confirmed. */
  readonly assigned = new Set<string>()

  constructor(open: () => BenchSocket, secret: string) {
    this.#open = open
    this.#secret = secret
    this.socket = open()
  }

  /** Requests a voice state only where the channel changed: the earlier states are known. */
  userChanged(userId: string, guildId: string, channelId: string): void {
    if (this.#users.get(userId)?.channelId === channelId) return
    this.#users.set(userId, { guildId, channelId, sessionId: `main-${userId}` })
    this.#request(userId)
  }
  /** Also when the user's main gateway connection ends. */
  userLeft(userId: string): void {
    const user = this.#users.get(userId)
    this.#users.delete(userId)
    if (user !== undefined) this.#info(VST_LEAVE, { user_id: userId, guild_id: user.guildId })
  }

  /** Processes received messages, heartbeats and reconnects. */
  look(now: number): void {
    while (this.#read < this.socket.received.length) this.#receive(this.socket.received[this.#read++], now)
    if (this.socket.closeCode !== undefined && this.#reconnectAt === Infinity) this.#reconnectAt = now + RECONNECT_DELAY
    if (now >= this.#reconnectAt) this.#reconnect(now)
    if (now < this.#beatAt || this.socket.closeCode !== undefined) return
    this.#beatAt = now + this.#interval
    this.beats++
    this.socket.send(4, { s: 0 })
  }

  #reconnect(now: number): void {
    this.#reconnectAt = Infinity
    this.#beatAt = Infinity
    this.#read = 0
    this.socket = this.#open()
    this.look(now)
  }

  #receive({ op, d }: Json, now: number): void {
    if (op === 0) {
      // The interval is in milliseconds.
      this.#interval = d.heartbeat_interval
      this.socket.send(1, { token: createHmac('sha256', this.#secret).update(d.nonce).digest('hex') })
    } else if (op === 3) {
      this.#beatAt = now + this.#interval
      for (const userId of this.#users.keys()) this.#request(userId)
    } else if (op === 6 && d.type === CHANNEL_ASSIGN) this.assigned.add(d.data.channel_id)
    else if (op === 6 && d.type === VST_DONE) this.#granted(d.data)
  }

  #request(userId: string): void {
    const { guildId, channelId, sessionId } = this.#users.get(userId)!
    this.#info(CHANNEL_REQ, { guild_id: guildId, channel_id: channelId })
    const user = { user_id: userId, guild_id: guildId, channel_id: channelId }
    this.#info(VST_CREATE, { ...user, session_id: sessionId })
  }

  #granted({ user_id, guild_id, token, endpoint }: Json): void {
    if (this.#users.has(user_id)) this.updates.set(user_id, { token, guild_id, endpoint })
  }

  #info(type: number, data: object): void {
    if (this.socket.closeCode === undefined) this.socket.send(6, { type, data })
  }
}
