// A model of Litecord's side of LVSP, as strict as the original: it disconnects for good on any message the original crashes on.
import { createHmac } from 'node:crypto'
import type { BenchSocket } from '../../packages/core/src/testing/node-bench.ts'

/** Litecord reads milliseconds as seconds. */
const SECOND = 1_000
const ACK_TIMEOUT = 300 * SECOND

export class StrictLitecord {
  readonly socket: BenchSocket
  /** Why it disconnected; undefined while connected. */
  leftBecause: string | undefined
  health: number | undefined
  readonly #secret: string
  #read = 0
  #beatAt = Infinity
  #acknowledgeBy = Infinity
  #interval = 0
  beats = 0

  constructor(socket: BenchSocket, secret: string) {
    this.socket = socket
    this.#secret = secret
  }

  /** Litecord's messages when a user joins, mutes or deafens: type 0, then type 4, in Litecord's INFO numbering. */
  userChanged(guild_id: string, channel_id: string, user_id: string): void {
    this.#send(6, { type: 0, data: { guild_id, channel_id } })
    this.#send(6, { type: 4, data: { user_id, guild_id, channel_id } })
  }

  /** Processes received messages and sends a heartbeat if due. */
  look(now: number): void {
    while (this.#read < this.socket.received.length && this.leftBecause === undefined)
      this.#receive(this.socket.received[this.#read++], now)
    if (this.leftBecause !== undefined) return
    if (now >= this.#acknowledgeBy) return this.#leave('no HEARTBEAT_ACK in time')
    if (now < this.#beatAt) return
    this.#beatAt = Infinity
    this.#acknowledgeBy = now + ACK_TIMEOUT
    this.beats++
    this.#send(4, { s: 0 })
    this.look(now)
  }

  #receive({ op, d }: { op: number; d: Record<string, unknown> }, now: number): void {
    if (op === 0) {
      this.#interval = Number(d.heartbeat_interval) * SECOND
      this.#send(1, { token: createHmac('sha256', this.#secret).update(String(d.nonce)).digest('hex') })
    } else if (op === 3 || op === 5) this.#healthCame(d, now)
    else if (op === 6) this.#infoCame(d)
    else this.#leave(`opcode ${op}`)
  }

  #healthCame(d: Record<string, unknown>, now: number): void {
    if (typeof d.health !== 'number') return this.#leave('no health')
    this.health = d.health
    this.#acknowledgeBy = Infinity
    this.#beatAt = now + this.#interval
  }

  #infoCame(d: Record<string, unknown>): void {
    const data = d.data as Record<string, unknown>
    if (typeof d.type !== 'number' || d.type >= 7 || d.type < 0) return this.#leave(`info type ${d.type}`)
    if (d.type === 1 && data.channel_id !== null) this.#leave('CHANNEL_ASSIGN')
  }

  #leave(why: string): void {
    this.leftBecause = why
    this.socket.drop(4000)
  }

  #send(op: number, d: object): void {
    this.socket.send(op, d)
  }
}
