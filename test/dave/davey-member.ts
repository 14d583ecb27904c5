// A voice client with the real DAVE library, connected to a whole node by gateway messages.
import { decodeNodeBinary, encodeClientBinary, VoiceOp } from '@parley/protocol'
import {
  type BenchCredentials,
  type BenchSocket,
  type NodeBench,
  select,
} from '../../packages/core/src/testing/node-bench.ts'
import { DaveyClient } from './davey-client.ts'

export class DaveyMember {
  readonly client: DaveyClient
  readonly credentials: BenchCredentials
  /** Sequence numbers of the received messages that have one, JSON and binary. */
  readonly seqs: number[] = []
  closeCode: number | undefined
  socket: BenchSocket
  version: string
  readonly #bench: NodeBench

  constructor(bench: NodeBench, credentials: BenchCredentials, { version = '8', daveVersion = 1 } = {}) {
    this.#bench = bench
    this.version = version
    this.credentials = credentials
    this.client = new DaveyClient(credentials.user_id, credentials.channel_id, daveVersion)
    this.socket = this.#open()
    const { channel_id: _, ...identify } = credentials
    this.socket.send(0, { ...identify, max_dave_protocol_version: daveVersion })
    if (this.closeCode === undefined) select(this.socket)
  }

  /** Processes and answers received messages. Returns whether there were any. */
  step(): boolean {
    const { inbox, outbox } = this.client
    const busy = inbox.length + outbox.length > 0
    while (inbox.length > 0) this.client.receive()
    for (const message of outbox.splice(0))
      if ('payload' in message) this.socket.sendText(encodeClientBinary(message.op, message.payload))
      else this.socket.send(message.op, { transition_id: message.transitionId })
    return busy
  }

  drop(): void {
    this.socket.drop()
  }
  /** Resumes, at another gateway version if `version` was changed. What was sent to the old connection is lost. */
  resume(seqAck = this.seqs.at(-1)): void {
    this.closeCode = undefined
    this.socket = this.#open()
    const { server_id, session_id, token } = this.credentials
    this.socket.send(VoiceOp.Resume, { server_id, session_id, token, seq_ack: seqAck })
  }

  #open(): BenchSocket {
    const socket = this.#bench.client(this.version)
    socket.tap(
      data => this.#take(data),
      code => {
        this.closeCode = code
      },
    )
    return socket
  }

  #take(data: string | Uint8Array): void {
    if (typeof data !== 'string') {
      const { seq, op, payload } = decodeNodeBinary(data, Number(this.version) >= 8)
      if (seq !== undefined) this.seqs.push(seq)
      this.client.inbox.push({ op, payload })
      return
    }
    const { op, d, seq } = JSON.parse(data)
    if (seq !== undefined) this.seqs.push(seq)
    this.client.inbox.push({ op, data: d })
  }
}

/** Advances the clock; every member answers immediately. */
export function run(bench: NodeBench, members: readonly DaveyMember[], duration = 3_000): void {
  const settle = () => {
    while (members.map(member => member.step()).includes(true));
  }
  settle()
  for (const until = bench.now + duration; bench.now < until; ) {
    bench.advance(Math.max(0, Math.min(bench.node.deadline, until) - bench.now))
    settle()
  }
}
