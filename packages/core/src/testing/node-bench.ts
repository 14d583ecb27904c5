// A node on a virtual clock, with backends and voice clients that send raw JSON and record what they receive.
import { createHmac } from 'node:crypto'
import {
  DEFAULT_CAPACITY,
  type Effect,
  type LaneCommand,
  type LaneEvent,
  type Note,
  type Opening,
  VoiceNode,
  type VoiceNodeOptions,
} from '@parley/core'
import { seededCrypto } from './seeded-crypto.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a test reads of a message is checked by its assertions
export type Json = any

/** One WebSocket to the node, with everything received on it. */
export class BenchSocket {
  readonly id: number
  readonly received: Json[] = []
  readonly raw: (string | Uint8Array)[] = []
  closeCode: number | undefined
  closeReason = ''
  readonly #bench: NodeBench
  #onMessage: ((data: string | Uint8Array) => void) | undefined
  #onClose: ((code: number, reason: string) => void) | undefined

  constructor(bench: NodeBench, id: number) {
    this.#bench = bench
    this.id = id
  }

  /** Sends a message as it is. Ignored after the close. */
  sendText(text: string | Uint8Array): this {
    if (this.closeCode === undefined) this.#bench.input(now => this.#bench.node.messageReceived(this.id, text, now))
    return this
  }
  /** Sends `{ op, d }`. */
  send(op: number, d: unknown): this {
    return this.sendText(JSON.stringify({ op, d }))
  }
  /** Closes the connection from the client's side. */
  drop(code = 1006): void {
    if (this.closeCode !== undefined) return
    this.closeCode = code
    this.#bench.forget(this)
    this.#bench.input(now => this.#bench.node.connectionClosed(this.id, code, now))
  }
  /** Forwards received messages and the close, past ones first; later messages are no longer recorded. */
  tap(onMessage: (data: string | Uint8Array) => void, onClose: (code: number, reason: string) => void): void {
    for (const data of this.raw) onMessage(data)
    this.#onMessage = onMessage
    this.#onClose = onClose
    if (this.closeCode !== undefined) onClose(this.closeCode, this.closeReason)
  }
  /** Receives a message from the node. */
  deliver(data: string | Uint8Array): void {
    if (this.#onMessage !== undefined) return this.#onMessage(data)
    this.raw.push(data)
    if (typeof data === 'string') this.received.push(JSON.parse(data))
  }
  /** The node closes the connection. */
  end(code: number, reason: string): void {
    this.closeCode = code
    this.closeReason = reason
    this.#onClose?.(code, reason)
  }
  /** All received messages with this opcode. */
  ops(op: number): Json[] {
    return this.received.filter(message => message.op === op)
  }
  /** Opcodes of everything received, in order. */
  opcodes(): number[] {
    return this.received.map(message => message.op)
  }
  /** The data of the last message with this opcode; undefined if there is none. */
  last(op: number): Json {
    return this.ops(op).at(-1)?.d
  }
  /** Clears the record of received messages. */
  clear(): this {
    this.received.length = 0
    return this
  }
}

export const SECRET = 'lvsp-shared-secret'

/** A node with one lane and without grace for backends. */
export const PLAIN_NODE = {
  endpoint: 'voice.test:8443',
  lanes: [{ id: 0, port: 50_000 }],
  announce: [],
  legacyModes: false,
  resumeWindow: 30_000,
  minVersion: 1,
  channelTokenAuth: true,
  sessionCheck: 'relaxed',
  orphanGrace: 0,
  capacity: DEFAULT_CAPACITY,
} satisfies Partial<VoiceNodeOptions>

/** Connections are numbered from 1. Effects are applied at once, and a close by the node is reported back to it. */
export class NodeBench {
  readonly node: VoiceNode
  readonly laneCommands: { lane: number; command: LaneCommand }[] = []
  readonly notes: Note[] = []
  now = 1_000
  readonly #sockets = new Map<number, BenchSocket>()
  #lastSocket = 0
  /** Called with every effect, after it was recorded. */
  onEffect: (effect: Effect) => void = () => {}

  constructor(options: Partial<VoiceNodeOptions> = {}, seed = 'bench') {
    this.node = new VoiceNode({
      ...PLAIN_NODE,
      crypto: seededCrypto(seed),
      serverVersion: '1.2.3',
      backends: [{ id: 'main', secrets: [SECRET] }],
      ...options,
    })
  }

  /** Feeds one input at the present time and applies its effects. */
  input(feed: (now: number) => void): void {
    feed(this.now)
    for (const effect of this.node.takeEffects()) this.#apply(effect)
  }

  /** Advances the clock and ticks at every deadline on the way. */
  advance(duration: number): void {
    const until = this.now + duration
    while (this.node.deadline <= until) {
      this.now = Math.max(this.now, this.node.deadline)
      this.input(now => this.node.tick(now))
    }
    this.now = until
  }

  /** Reports an event of a lane to the node. */
  laneEvent(event: LaneEvent, lane = 0): void {
    this.input(now => this.node.laneEvent(lane, event, now))
  }

  forget(socket: BenchSocket): void {
    this.#sockets.delete(socket.id)
  }

  /** Opens a connection of either protocol. */
  open(opening: Opening): BenchSocket {
    const socket = new BenchSocket(this, ++this.#lastSocket)
    this.#sockets.set(socket.id, socket)
    this.input(now => this.node.connectionOpened(socket.id, opening, now))
    return socket
  }

  /** `null` is a client without a version. */
  client(version: string | null = '8', remoteAddress = '192.0.2.1'): BenchSocket {
    return this.open({
      protocol: 'gateway',
      version: version ?? undefined,
      remoteAddress,
      localAddress: '198.51.100.1',
    })
  }

  /** An identified backend. */
  backend(secret = SECRET, capabilities: string[] = ['user_token', 'failure', 'events', 'sync']): BenchBackend {
    return new BenchBackend(this, secret, capabilities)
  }

  /** Lane commands of a kind so far, in order. */
  commands(kind: LaneCommand['kind']): Json[] {
    return this.laneCommands.filter(({ command }) => command.kind === kind).map(({ command }) => command)
  }

  #apply(effect: Effect): void {
    if (effect.kind === 'lane') this.laneCommands.push(effect)
    else if (effect.kind === 'note') this.notes.push(effect.note)
    else if (effect.kind === 'send' || effect.kind === 'close') {
      const socket = this.#sockets.get(effect.connection)
      if (socket === undefined || socket.closeCode !== undefined)
        throw new Error(`${effect.kind} on a closed connection`)
      if (effect.kind === 'send') socket.deliver(effect.data)
      else {
        socket.end(effect.code, effect.reason)
        this.forget(socket)
        this.node.connectionClosed(socket.id, effect.code, this.now)
      }
    }
    this.onEffect(effect)
  }
}

/** The fields a user needs to identify. */
export interface BenchCredentials {
  server_id: string
  channel_id: string
  user_id: string
  session_id: string
  token: string
}

/** A backend that has identified; its requests are sent as raw INFO. */
export class BenchBackend {
  readonly socket: BenchSocket

  constructor(bench: NodeBench, secret: string, capabilities: string[]) {
    this.socket = bench.open({ protocol: 'lvsp', remoteAddress: '192.0.2.200' })
    const nonce = this.socket.last(0)?.nonce
    const token = createHmac('sha256', secret).update(nonce).digest('hex')
    this.socket.send(1, { token, capabilities })
  }

  /** Sends an INFO. */
  info(type: number, data: object): this {
    this.socket.send(6, { type, data })
    return this
  }
  /** Data of the received INFO of this type. */
  infos(type: number): Json[] {
    return this.socket
      .ops(6)
      .filter(message => message.d.type === type)
      .map(message => message.d.data)
  }
  /** Requests a channel and a voice state in it. */
  join(userId: string, channelId = '500', guildId: string | null = '100', extra: object = {}): BenchCredentials {
    const credentials = this.tryJoin(userId, channelId, guildId, extra)
    if (credentials === undefined) throw new Error(`${userId} may not join ${channelId}`)
    return credentials
  }
  /** Undefined if the node rejects the request. */
  tryJoin(userId: string, channelId: string, guildId: string | null, extra: object = {}): BenchCredentials | undefined {
    this.socket.clear()
    this.info(0, { channel_id: channelId, guild_id: guildId })
    this.info(3, { user_id: userId, channel_id: channelId, guild_id: guildId, ...extra })
    const done = this.infos(4).at(-1)
    if (done === undefined) return undefined
    return {
      server_id: guildId ?? channelId,
      channel_id: channelId,
      user_id: userId,
      session_id: done.session_id,
      token: done.token,
    }
  }
}

/** Connects a client up to Session Description. */
export function connect(
  bench: NodeBench,
  credentials: BenchCredentials,
  version = '8',
  extra: object = {},
): BenchSocket {
  const { channel_id: _, ...identify } = credentials
  const socket = bench.client(version)
  socket.send(0, { ...identify, ...extra })
  return select(socket)
}

/** Sends Select Protocol for UDP. */
export function select(socket: BenchSocket, mode = 'aead_aes256_gcm_rtpsize'): BenchSocket {
  return socket.send(1, { protocol: 'udp', data: { address: '192.0.2.1', port: 40_000, mode } })
}
