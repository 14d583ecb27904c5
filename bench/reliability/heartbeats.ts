// Heartbeats of identified connections to the voice gateway, and how long their acknowledgements take.
import type { LvspClient } from '@parley/client'
import { VoiceOp } from '@parley/protocol'
import { WebSocket } from 'ws'
import { percentile } from '../statistics.ts'

const CONNECTIONS = 20
/** Milliseconds between two heartbeats of a connection; the node allows five times as many messages. */
const INTERVAL = 250
const CHANNEL = { guildId: '100', channelId: '499' }
const FIRST_USER = 900

export interface HeartbeatFigures {
  readonly p50: number
  readonly p99: number
  readonly count: number
  /** Heartbeats that are not acknowledged, or not yet. */
  readonly pending: number
}

export class HeartbeatProbe {
  readonly #sockets: readonly WebSocket[]
  readonly #timers: NodeJS.Timeout[] = []
  readonly #sentAt = new Map<number, number>()
  #latencies: number[] = []
  #nonce = 0
  /** Connections that the node closed. */
  closed = 0

  private constructor(sockets: readonly WebSocket[]) {
    this.#sockets = sockets
    for (const [index, socket] of sockets.entries()) {
      socket.on('message', data => this.#receive(String(data)))
      socket.on('close', () => this.closed++)
      // Spread over the interval.
      const delay = (index * INTERVAL) / sockets.length
      this.#timers.push(setTimeout(() => this.#timers.push(setInterval(() => this.#beat(socket), INTERVAL)), delay))
    }
  }

  static async open(backend: LvspClient, endpoint: string): Promise<HeartbeatProbe> {
    const sockets: WebSocket[] = []
    for (let index = 0; index < CONNECTIONS; index++) {
      const userId = String(FIRST_USER + index)
      const { sessionId, token } = await backend.createVoiceState({ ...CHANNEL, userId })
      sockets.push(await identified(endpoint, { user_id: userId, session_id: sessionId, token }))
    }
    return new HeartbeatProbe(sockets)
  }

  /** What was measured since the last call. */
  take(): HeartbeatFigures {
    const latencies = this.#latencies
    this.#latencies = []
    const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)]
    return { p50, p99, count: latencies.length, pending: this.#sentAt.size }
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const socket of this.#sockets) socket.removeAllListeners('close').terminate()
  }

  #beat(socket: WebSocket): void {
    if (socket.readyState !== WebSocket.OPEN) return
    const nonce = ++this.#nonce
    this.#sentAt.set(nonce, performance.now())
    socket.send(JSON.stringify({ op: VoiceOp.Heartbeat, d: { t: nonce, seq_ack: 0 } }))
  }

  #receive(text: string): void {
    const { op, d } = JSON.parse(text) as { op: number; d: { t?: number } }
    if (op !== VoiceOp.HeartbeatAck || d.t === undefined) return
    const sentAt = this.#sentAt.get(d.t)
    if (sentAt !== undefined) this.#latencies.push(performance.now() - sentAt)
    this.#sentAt.delete(d.t)
  }
}

/** Resolves after Ready. */
function identified(endpoint: string, credentials: object): Promise<WebSocket> {
  const socket = new WebSocket(`ws://${endpoint}/?v=8`)
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.once('close', code => reject(new Error(`closed with ${code} before Ready`)))
    socket.once('open', () =>
      socket.send(JSON.stringify({ op: VoiceOp.Identify, d: { server_id: CHANNEL.guildId, ...credentials } })),
    )
    socket.on('message', data => {
      if ((JSON.parse(String(data)) as { op: number }).op !== VoiceOp.Ready) return
      socket.removeAllListeners('close').removeAllListeners('message')
      resolve(socket)
    })
  })
}
