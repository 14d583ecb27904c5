// One voice connection of a client, relayed to the node message by message, where faults act.
import { VoiceOp } from '@parley/protocol'
import { type RawData, WebSocket } from 'ws'
import { SERVER_LIMITS } from '../../limits.ts'
import { isSendable } from '../../net/frames.ts'
import type { FaultName } from '../faults/fault-table.ts'
import type { UserFaults } from '../faults/user-faults.ts'
import { mediaKeyOf } from '../media/media-key.ts'
import type { UdpRelay } from '../media/udp-relay.ts'
import { addedMessages } from '../messages/link-actions.ts'
import { type LinkMessage, readLinkMessage, writeLinkMessage } from '../messages/link-message.ts'
import { type Passage, passageOf } from '../messages/message-faults.ts'
import { type LinkSession, portOfReady, sessionOf } from '../messages/voice-messages.ts'
import { redacted } from '../trace/redacted.ts'
import type { Fate, Recorder, Side } from '../trace/trace-record.ts'

/** What a link asks of its front. */
export interface LinkOwner {
  faultsOf(userId: string): UserFaults
  recorderOf(userId: string): Recorder
  /** Opens the session's relay to a UDP port of the node. */
  relay(session: LinkSession, node: number): Promise<UdpRelay>
  /** The relay that a resumed session keeps. */
  relayOf(session: LinkSession): UdpRelay | undefined
  ended(link: VoiceLink): void
}

const OP_NAMES = new Map<number, string>(Object.entries(VoiceOp).map(([name, op]) => [op, name]))
const UNNUMBERED: readonly number[] = [VoiceOp.Hello, VoiceOp.HeartbeatAck, VoiceOp.Ready, VoiceOp.Resumed]

export class VoiceLink {
  readonly #client: WebSocket
  readonly #node: WebSocket
  readonly #owner: LinkOwner
  /** From the port; a client that uses the shared port names it in Identify. */
  #userId: string | undefined
  #session: LinkSession | undefined
  #faults: UserFaults | undefined
  #record: Recorder = () => {}
  #isLive = false
  #hasEnded = false
  /** Messages of the node behind Ready, while the relay opens. */
  #held: LinkMessage[] | undefined
  readonly #delayed = new Set<NodeJS.Timeout>()

  /** `url` is that of the node, with the client's query. `userId` is known from the port that the client connected to. */
  constructor(client: WebSocket, url: string, owner: LinkOwner, userId: string | undefined) {
    this.#client = client
    this.#owner = owner
    if (userId !== undefined) this.#belongsTo(userId)
    this.#node = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: SERVER_LIMITS.headersTimeout })
    // The client's first messages wait in its socket until the node's connection is open.
    client.pause()
    this.#node.on('open', () => client.resume())
    client.on('message', (data, isBinary) => this.#fromClient(data, isBinary))
    this.#node.on('message', (data, isBinary) => this.#fromNode(readLinkMessage(data, isBinary, 'node')))
    client.on('close', (code, reason) => this.#end('client', code, reason.toString()))
    this.#node.on('close', (code, reason) => this.#end('node', code, reason.toString()))
    // 'close' follows.
    for (const socket of [client, this.#node]) socket.on('error', () => {})
    this.#record({ kind: 'connection', what: 'voice open' })
  }

  get userId(): string | undefined {
    return this.#userId
  }

  close(code: number, reason = 'fault of the test server'): void {
    if (!isSendable(code)) return this.drop()
    this.#client.close(code, reason)
    // The node sees a connection that was lost, so that the session can resume.
    this.#node.terminate()
  }

  drop(): void {
    this.#client.terminate()
    this.#node.terminate()
  }

  /** A fault that happens once. */
  act(name: FaultName, value: number): void {
    if (name === 'close-ws') return this.close(value)
    if (name === 'drop-ws') return this.drop()
    if (name === 'unread-ws') return this.#client.pause()
    if (name === 'half-close-ws') return this.#halfClose()
    const added = addedMessages(name, value)
    if (added === undefined) return void this.#relay()?.act(name, value)
    for (const message of added) this.#add(message, name)
  }

  /** Sends a message of the test server's own. */
  announce(message: LinkMessage): void {
    this.#add(message, 'ssrc-change')
  }

  #add(message: LinkMessage, name: FaultName): void {
    this.#write(this.#client, message, 'client')
    this.#trace('node', message, 'added', [name])
  }

  /** The stream of a WebSocket has no public name in `ws`; its `end` sends FIN (close_notify first, over TLS). */
  #halfClose(): void {
    const { _socket: stream } = this.#client as unknown as { _socket?: { end(): void } }
    stream?.end()
    this.#node.terminate()
  }

  #belongsTo(userId: string): void {
    if (userId === this.#userId) return
    this.#userId = userId
    this.#faults = this.#owner.faultsOf(userId)
    this.#record = this.#owner.recorderOf(userId)
  }

  #relay(): UdpRelay | undefined {
    return this.#session === undefined ? undefined : this.#owner.relayOf(this.#session)
  }

  #fromClient(data: RawData, isBinary: boolean): void {
    const message = readLinkMessage(data, isBinary, 'client')
    const session = this.#session === undefined ? sessionOf(message, this.#userId) : undefined
    if (session !== undefined) {
      this.#session = session
      this.#belongsTo(session.userId)
    }
    this.#faults?.happened(`client ${message.op}`)
    this.#pass('client', message)
  }

  #fromNode(message: LinkMessage): void {
    if (this.#held !== undefined) return void this.#held.push(message)
    const port = portOfReady(message)
    if (port !== undefined && this.#session !== undefined) return void this.#ready(this.#session, message, port)
    this.#faults?.happened(`node ${message.op}`)
    this.#read(message)
    this.#pass('node', message)
  }

  /** Ready names the relay's port instead of the node's. */
  async #ready(session: LinkSession, message: LinkMessage, node: number): Promise<void> {
    const held: LinkMessage[] = []
    this.#held = held
    try {
      const { port } = await this.#owner.relay(session, node)
      this.#held = undefined
      this.#fromNodeReady(message, port)
      for (const next of held) this.#fromNode(next)
    } catch {
      // The system has no free UDP port.
      this.drop()
    }
  }

  #fromNodeReady(message: LinkMessage, port: number): void {
    if (message.format !== 'json') return
    this.#faults?.happened(`node ${message.op}`)
    const body = { ...message.body, d: { ...(message.body.d as object), port } }
    this.#pass('node', { ...message, body, text: undefined })
  }

  /** What the relay and the faults learn from a message to the client. */
  #read(message: LinkMessage): void {
    if (message.format !== 'json') return
    this.#relay()?.media.sent(message)
    if (message.op === VoiceOp.SessionDescription) {
      const key = mediaKeyOf(message.body.d)
      if (key !== undefined) this.#relay()?.protect(key)
      const { secret_key } = message.body.d as { secret_key?: number[] }
      if (key !== undefined)
        this.#record({ kind: 'key', mode: key.mode, key: Buffer.from(secret_key ?? []).toString('hex') })
    }
  }

  #pass(from: Side, message: LinkMessage): void {
    const passage = passageOf(message, from, this.#faults)
    const isSilent = from === 'node' && this.#faults?.value('silent-ws') !== undefined
    if (isSilent) Object.assign(passage, { copies: 0, by: [...passage.by, 'silent-ws'] })
    this.#trace(from, passage.message, fateOf(passage, message), passage.by)
    if (passage.copies === 0) return
    if (passage.delay === 0) return this.#deliver(from, passage)
    if (this.#delayed.size >= SERVER_LIMITS.maxDelayedDatagrams) return this.drop()
    const timer = setTimeout(() => {
      this.#delayed.delete(timer)
      this.#deliver(from, passage)
    }, passage.delay)
    this.#delayed.add(timer)
  }

  #deliver(from: Side, { message, copies }: Passage): void {
    const [to, side] = from === 'node' ? ([this.#client, 'client'] as const) : ([this.#node, 'node'] as const)
    for (let copy = 0; copy < copies; copy++) this.#write(to, message, side)
    const isStart = message.op === VoiceOp.SessionDescription || message.op === VoiceOp.Resumed
    if (from !== 'node' || !isStart) return
    this.#isLive = true
    this.#faults?.sessionStarted()
  }

  #write(to: WebSocket, message: LinkMessage, side: 'client' | 'node'): void {
    if (to.bufferedAmount > SERVER_LIMITS.maxRelayBuffered) return this.drop()
    if (to.readyState === WebSocket.OPEN) to.send(writeLinkMessage(message, side))
  }

  #trace(from: Side, message: LinkMessage, fate: Fate, by: readonly FaultName[]): void {
    const name = OP_NAMES.get(message.op) ?? 'unknown'
    const seq = message.format === 'binary' ? message.seq : message.format === 'json' ? message.body.seq : undefined
    const isNumbered = seq !== undefined && !UNNUMBERED.includes(message.op)
    this.#record({
      kind: 'message',
      from,
      op: message.op,
      name,
      ...(isNumbered && { seq }),
      ...(message.format === 'json' && { data: redacted(message.body.d) }),
      ...(message.format === 'binary' && { bytes: message.payload.length }),
      fate,
      by,
    })
  }

  #end(side: Side, code: number, reason: string): void {
    const other = side === 'client' ? this.#node : this.#client
    if (other.readyState === WebSocket.OPEN && isSendable(code)) other.close(code, reason)
    else if (other.readyState !== WebSocket.CLOSING) other.terminate()
    if (this.#hasEnded) return
    this.#hasEnded = true
    for (const timer of this.#delayed) clearTimeout(timer)
    this.#record({ kind: 'connection', what: 'voice close', from: side, code, reason })
    if (this.#isLive) this.#faults?.sessionEnded()
    this.#owner.ended(this)
  }
}

const fateOf = ({ copies, delay, message }: Passage, before: LinkMessage): Fate => {
  if (copies === 0) return 'lost'
  if (copies > 1) return 'twice'
  if (delay > 0) return 'late'
  return message === before ? 'sent' : 'changed'
}
