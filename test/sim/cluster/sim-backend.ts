// The backend of the simulated cluster: connections to fronts, of which the newest takes its commands, and what it was sent.
import assert from 'node:assert/strict'
import type { SimFront } from './sim-front.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a test reads of a message is checked by its assertions
type Json = any

export class SimBackend {
  /** Live connections, oldest first. */
  connections: SimFront[] = []
  /** The last grant, by channel and user. */
  readonly granted = new Map<string, { endpoint: string; token: string }>()
  /** Users with a voice session, as it was sent last, by channel and user. */
  readonly connected = new Map<string, boolean>()
  /** The last STATS. */
  stats: Json
  /** All INFO messages, in order. */
  readonly infos: { front: SimFront; type: number; data: Json }[] = []
  /** FAILURE messages. */
  readonly failures: Json[] = []
  /** By event: sent at most once, over all connections. */
  readonly #events = new Set<string>()
  readonly #sessions = new Map<string, { session: string; seq: number }>()

  get newest(): SimFront | undefined {
    return this.connections.at(-1)
  }

  /** RESUME where it was before; elsewhere with the session of the front that it left, which the other one does not know. */
  connect(front: SimFront, capabilities?: readonly string[]): void {
    this.connections.push(front)
    const [other] = this.#sessions.values()
    front.connect(this.#sessions.get(front.id) ?? other, capabilities)
  }

  disconnect(front: SimFront): void {
    this.connections = this.connections.filter(each => each !== front)
    if (front.connection !== 0) front.disconnect()
  }

  /** The front's process ended. */
  lost(front: SimFront): void {
    this.connections = this.connections.filter(each => each !== front)
  }

  info(type: number, data: object): void {
    this.newest?.send(type, data)
  }

  received(front: SimFront, { op, s, d }: Json): void {
    if (op === 3) this.#sessions.set(front.id, { session: d.session, seq: d.seq })
    if (op !== 6) return
    const session = this.#sessions.get(front.id)
    if (session !== undefined && s !== undefined) session.seq = s
    const { type, data } = d
    this.infos.push({ front, type, data })
    const key = `${data.channel_id}/${data.user_id}`
    if (type === 4) {
      this.granted.set(key, data)
      this.connected.set(key, data.connected)
    }
    if (type === 23) this.stats = data
    if (type === 17) this.failures.push(data)
    if (type !== 18 && type !== 19) return
    assert.ok(!this.#events.has(data.session_id), `the event ${data.session_id} was sent twice`)
    this.#events.add(data.session_id)
    this.connected.set(key, type === 18)
  }
}
