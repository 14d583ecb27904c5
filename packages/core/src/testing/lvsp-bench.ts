// LVSP with the real channels and voice states, on a virtual clock, with raw sockets that record what they receive.
import { createHmac } from 'node:crypto'
import { BackendControl } from '../backend/control.ts'
import type { BackendUsage, PartialBackendLimits } from '../channel/backend-usage.ts'
import type { Channel } from '../channel/channel.ts'
import { Channels } from '../channel/channels.ts'
import { Lanes } from '../channel/lane-handle.ts'
import type { VoiceState } from '../channel/voice-states/voice-state.ts'
import { ExternalSender } from '../dave/external-sender.ts'
import { Deadlines } from '../deadlines.ts'
import { Effects } from '../effect.ts'
import type { LvspConnection } from '../lvsp/connection.ts'
import { Lvsp, type LvspBackend } from '../lvsp/lvsp.ts'
import type { ChannelGrant, VoiceStateGrant } from '../lvsp/node-control.ts'
import type { Note } from '../notes.ts'
import { seededCrypto } from './seeded-crypto.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a test reads of a message is checked by its assertions
type Json = any

export const SECRET = 'lvsp-shared-secret'

export const ALL_CAPABILITIES = [
  'user_token',
  'failure',
  'events',
  'sync',
  'stats',
  'dave',
  'receiver',
  'draining',
  'video',
  'front',
]

export const tokenFor = (secret: string, nonce: string, encoding: 'hex' | 'base64' | 'base64url' = 'hex') =>
  createHmac('sha256', secret).update(nonce).digest(encoding)

/** Without voice clients and lanes: what backends do to channels, and what they are sent. */
export class LvspBench {
  readonly control: BackendControl
  readonly effects = new Effects()
  readonly lvsp: Lvsp
  readonly notes: Note[] = []
  now = 1_000
  /** The health that the node reports. */
  health = 0.75
  readonly #channels: Channels
  readonly #deadlines = new Deadlines()
  readonly #sockets = new Map<number, LvspSocket>()
  #lastSocket = 0

  constructor(
    backends: readonly (LvspBackend & PartialBackendLimits)[] = [{ id: 'main', secrets: [SECRET] }],
    seed = 'lvsp',
  ) {
    const { effects } = this
    const crypto = seededCrypto(seed)
    const deadlines = this.#deadlines
    this.#channels = new Channels(
      new Lanes([{ id: 0, port: 50_000 }], crypto, effects, Infinity),
      {
        crypto,
        effects,
        deadlines,
        sender: new ExternalSender(crypto),
        policy: 'allowed',
        changed: () => {},
      },
      new Map(backends.map(backend => [backend.id, backend])),
    )
    this.control = new BackendControl({
      channels: this.#channels,
      crypto,
      deadlines,
      endpoint: 'voice.example:443',
      orphanGrace: 0,
      health: () => this.health,
      egress: () => 1_500,
      channelEndCode: () => 4014,
      mirrored: (backend, item) => this.lvsp.mirror(backend, item),
    })
    this.lvsp = new Lvsp({
      backends,
      node: this.control,
      effects,
      deadlines,
      crypto,
      serverVersion: '1.2.3',
      reportsVideo: true,
      memory: backend => this.#channels.usageOf(backend),
    })
  }

  /** The state that a RESUME without a sequence number is sent. */
  snapshot(backend: string): { channels: ChannelGrant[]; voiceStates: VoiceStateGrant[] } {
    const items = [...this.control.state(backend)]
    return {
      channels: items.flatMap(item => (item?.kind === 'channel' ? [item.grant] : [])),
      voiceStates: items.flatMap(item => (item?.kind === 'voiceState' ? [item.grant] : [])),
    }
  }

  /** Whether the backend has channels but no connection. */
  isDetached(backend: string): boolean | undefined {
    return this.control.inspect().find(each => each.backend === backend)?.isDetached
  }

  /** A channel of the node; undefined if there is none. */
  channel(backend: string, channelId: string): Channel | undefined {
    return this.#channels.find(backend, channelId)
  }
  /** What the backend has on the node. */
  usage(backend: string): BackendUsage {
    return this.#channels.usageOf(backend)
  }
  state(backend: string, channelId: string, userId: string): VoiceState | undefined {
    return this.channel(backend, channelId)?.voiceStates.get(userId)
  }

  /** Opens a connection; HELLO was received when it returns. */
  open(userAgent?: string, remoteAddress = '192.0.2.1'): LvspSocket {
    const id = ++this.#lastSocket
    const connection = this.lvsp.opened(id, { remoteAddress, userAgent }, this.now)
    const socket = new LvspSocket(this, id, connection)
    this.#sockets.set(id, socket)
    this.settle(connection)
    return socket
  }

  /** An identified connection. */
  backend(secret = SECRET, capabilities: readonly string[] = []): LvspSocket {
    const socket = this.open()
    return socket.send(1, { token: tokenFor(secret, socket.nonce), capabilities })
  }

  /** Advances the clock and ticks at every deadline on the way. */
  advance(duration: number): void {
    const until = this.now + duration
    while (this.#deadlines.next <= until) {
      this.now = Math.max(this.now, this.#deadlines.next)
      this.#deadlines.tick(this.now)
      this.#apply()
    }
    this.now = until
  }

  /** After an input: applies its effects and updates the deadlines. */
  settle(connection?: LvspConnection): void {
    this.#apply()
    if (connection !== undefined) this.#deadlines.update(connection)
  }

  #apply(): void {
    for (const effect of this.effects.take()) {
      if (effect.kind === 'note') this.notes.push(effect.note)
      if (effect.kind !== 'send' && effect.kind !== 'close') continue
      const socket = this.#sockets.get(effect.connection)!
      if (socket.closeCode !== undefined) throw new Error(`${effect.kind} on a closed connection`)
      if (effect.kind === 'send') socket.deliver(effect.data as string)
      else {
        socket.closeCode = effect.code
        socket.closeReason = effect.reason
        socket.connection.closed(effect.code, this.now)
      }
    }
  }
}

/** One connection of a backend. It records every message as text and as JSON. */
export class LvspSocket {
  readonly id: number
  readonly connection: LvspConnection
  readonly raw: string[] = []
  closeCode: number | undefined
  closeReason = ''
  readonly #parsed: Json[] = []
  /** Called with the text of each received message. */
  onText: (text: string) => void = () => {}
  readonly #bench: LvspBench

  constructor(bench: LvspBench, id: number, connection: LvspConnection) {
    this.#bench = bench
    this.id = id
    this.connection = connection
  }

  /** The nonce of HELLO. */
  get nonce(): string {
    return this.ops(0)[0].nonce
  }
  /** Parsed when a test reads it. */
  get received(): Json[] {
    for (const text of this.raw.slice(this.#parsed.length)) this.#parsed.push(JSON.parse(text))
    return this.#parsed
  }
  deliver(text: string): void {
    this.raw.push(text)
    this.onText(text)
  }
  sendText(data: string | Uint8Array): this {
    this.connection.receive(data, this.#bench.now)
    this.#bench.settle(this.connection)
    return this
  }
  send(op: number, d?: unknown): this {
    return this.sendText(JSON.stringify({ op, d }))
  }
  info(type: number, data: unknown): this {
    return this.send(6, { type, data })
  }
  /** Closes the connection from the peer's side. */
  drop(code = 1006): void {
    this.closeCode = code
    this.connection.closed(code, this.#bench.now)
    this.#bench.settle(this.connection)
  }
  /** The data of all received messages with this opcode. */
  ops(op: number): Json[] {
    return this.received.filter(message => message.op === op).map(message => message.d)
  }
  /** The data of all received INFO messages of this type. */
  infos(type: number): Json[] {
    return this.ops(6)
      .filter(d => d.type === type)
      .map(d => d.data)
  }
  /** Received opcodes in order; INFO as `6/type`. */
  story(): string[] {
    return this.received.map(({ op, d }) => (op === 6 ? `6/${d.type}` : `${op}`))
  }
  /** Sequence numbers of the received INFO messages. */
  seqs(): number[] {
    return this.received.filter(message => message.op === 6).map(message => message.s)
  }
}
