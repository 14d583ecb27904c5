// One voice connection of a client, relayed to the node message by message, where faults act.
import { type RawData, WebSocket } from 'ws'
import { SERVER_LIMITS } from '../../limits.ts'
import type { UserFaults } from '../faults/user-faults.ts'
import { readServed, type ServedMessage } from './voice-messages.ts'

/** The session that Identify and Resume name. */
export interface LinkSession {
  userId: string
  serverId: string
}

/** What a link asks of its front. */
export interface LinkOwner {
  faultsOf(userId: string): UserFaults
  /** Opens the session's relay to a UDP port of the node; resolves with the relay's port. */
  relay(session: LinkSession, node: number): Promise<number>
  ended(link: VoiceLink): void
}

interface HeldMessage {
  data: RawData
  isBinary: boolean
}

const UNKNOWN_OPCODE = { op: 250, d: { reason: 'a fault of the test server' }, extra: true }

export class VoiceLink {
  readonly #client: WebSocket
  readonly #node: WebSocket
  readonly #owner: LinkOwner
  #session: LinkSession | undefined
  #faults: UserFaults | undefined
  #isLive = false
  #hasEnded = false
  /** Messages of the node behind Ready, while the relay opens. */
  #held: HeldMessage[] | undefined

  /** `url` is that of the node, with the client's query. */
  constructor(client: WebSocket, url: string, owner: LinkOwner) {
    this.#client = client
    this.#owner = owner
    this.#node = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: SERVER_LIMITS.headersTimeout })
    // The client's first messages wait in its socket until the node's connection is open.
    client.pause()
    this.#node.on('open', () => client.resume())
    client.on('message', (data, isBinary) => this.#fromClient(data, isBinary))
    this.#node.on('message', (data, isBinary) => this.#fromNode(data, isBinary))
    client.on('close', code => this.#end(this.#node, code))
    this.#node.on('close', (code, reason) => this.#end(client, code, reason.toString()))
    // 'close' follows.
    for (const socket of [client, this.#node]) socket.on('error', () => {})
  }

  get userId(): string | undefined {
    return this.#session?.userId
  }
  /** Whether the session is established: the client has its key, or has resumed. */
  get isLive(): boolean {
    return this.#isLive
  }

  close(code: number): void {
    this.#client.close(code, 'fault of the test server')
    // The node sees a connection that was lost, so that the session can resume.
    this.#node.terminate()
  }

  drop(): void {
    this.#client.terminate()
    this.#node.terminate()
  }

  sendUnknownOpcode(): void {
    this.#client.send(JSON.stringify(UNKNOWN_OPCODE))
  }

  #fromClient(data: RawData, isBinary: boolean): void {
    const session = isBinary || this.#session !== undefined ? undefined : readServed(String(data)).session
    if (session !== undefined) {
      this.#session = session
      this.#faults = this.#owner.faultsOf(session.userId)
    }
    this.#pass(this.#node, data, isBinary)
  }

  #fromNode(data: RawData, isBinary: boolean): void {
    if (this.#held !== undefined) return void this.#held.push({ data, isBinary })
    const served = isBinary ? undefined : readServed(String(data))
    if (served?.isAck === true && this.#faults?.conditions.isAcknowledging === false) return
    if (served?.ready !== undefined && this.#session !== undefined) return void this.#ready(this.#session, served.ready)
    this.#toClient(data, isBinary)
    if (served?.isStart === true) this.#started()
  }

  /** Ready names the relay's port instead of the node's. */
  async #ready(session: LinkSession, ready: NonNullable<ServedMessage['ready']>): Promise<void> {
    const held: HeldMessage[] = []
    this.#held = held
    try {
      const port = await this.#owner.relay(session, ready.port)
      this.#held = undefined
      this.#toClient(Buffer.from(ready.withPort(port)), false)
      for (const { data, isBinary } of held) this.#fromNode(data, isBinary)
    } catch {
      // The system has no free UDP port.
      this.drop()
    }
  }

  #started(): void {
    this.#isLive = true
    this.#faults?.sessionStarted()
  }

  #toClient(data: RawData, isBinary: boolean): void {
    if (this.#faults?.conditions.isSilent !== true) this.#pass(this.#client, data, isBinary)
  }

  #pass(to: WebSocket, data: RawData, isBinary: boolean): void {
    if (to.bufferedAmount > SERVER_LIMITS.maxRelayBuffered) return this.drop()
    if (to.readyState === WebSocket.OPEN) to.send(data, { binary: isBinary })
  }

  #end(other: WebSocket, code: number, reason = ''): void {
    if (other.readyState === WebSocket.OPEN && isSendable(code)) other.close(code, reason)
    else if (other.readyState !== WebSocket.CLOSING) other.terminate()
    if (this.#hasEnded) return
    this.#hasEnded = true
    if (this.#isLive) this.#faults?.sessionEnded()
    this.#owner.ended(this)
  }
}

/** RFC 6455 §7.4: 1004 to 1006 and 1015 are never sent. */
const isSendable = (code: number) =>
  (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
