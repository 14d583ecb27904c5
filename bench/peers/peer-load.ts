// The members of a load as clients of another server: the same senders, pace, payloads and sockets as with a node.
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { NativeMemory } from '../../packages/server/src/lane/engine/native-memory.ts'
import { nameOf } from '../floor/socket-name.ts'
import type { Load, MeasuredProcess } from '../load/measure.ts'
import { LOAD_SOCKETS_SIZE, LoadSockets } from '../load/media/load-sockets.ts'
import { OpusPackets, type Packets } from '../load/media/packets.ts'
import type { Counts } from '../load/media/receiver.ts'
import { readStamp } from '../load/media/stamp.ts'
import { Traffic } from '../load/media/traffic.ts'
import { VideoPackets } from '../load/media/video-packets.ts'
import type { Plan } from '../load/plan.ts'
import { isWatching } from '../load/video-plan.ts'
import { PeerStream } from './peer-stream.ts'

/** One packet in SAMPLE is decrypted; prime, so that the samples reach every listener. */
const SAMPLE = 101

/** A client of another server, of which the load sends and receives the datagrams. */
export interface PeerMember {
  /** Unique on the server. */
  readonly id: number
  /** The UDP port of the server for this client. */
  readonly port: number
  /** Times that the server ended its connection. */
  readonly lost: number
  /** A datagram with a payload; `packet` has its media time. */
  seal(payload: Uint8Array, counter: number, packet: Packets): Uint8Array
  /** The index in its room of the member whose media a datagram from the server has; undefined without media. Called for each, in order. */
  senderOf(sealed: Uint8Array): number | undefined
  /** The payload of a datagram; undefined if its tag does not verify. */
  open(sealed: Uint8Array): Uint8Array | undefined
  /** Starts what clients send besides audio; `phase` is the client's share of the interval, 0 to 1. */
  start?(phase: number, send: (datagram: Uint8Array) => void): void
  close(): void
}

/** Members of a channel that send: the first ones. A plan for other servers has audio, or video in one layer. */
export const sendersOf = ({ speakers, video }: Plan): number => video?.senders ?? speakers

/** Whether a member receives what another one sends; both by their index in the channel. */
export const isTarget = ({ members, video }: Plan, index: number, sender: number): boolean =>
  video === undefined ? index !== sender : isWatching(video, members, index, sender)

const packetsOf = ({ payload, video }: Plan): Packets =>
  video === undefined ? new OpusPackets(payload, 0) : new VideoPackets(video.layers[0]!)

/** A server that was started for the load, and its members in the order of the plan. */
export interface PeerServer {
  readonly process: MeasuredProcess
  readonly members: readonly PeerMember[]
  stop(): Promise<void>
}

export class PeerLoad implements Load {
  readonly plan: Plan
  readonly node: MeasuredProcess
  readonly receiver = { counts: { packets: 0, checked: 0, wrong: 0, late: 0 } as Counts, latencies: [] as number[] }
  readonly traffic: Traffic
  readonly streams: readonly PeerStream[]
  readonly members: readonly { readonly client: PeerMember; readonly lost: number; beat(): void }[]
  readonly visitors = []
  heartbeats: number[] = []
  readonly #server: PeerServer
  readonly #sockets: LoadSockets
  #untilSample = SAMPLE

  /** `open` starts the server and joins all members, of which each has one of the ports on the loopback interface. */
  static async open(plan: Plan, open: (ports: readonly number[]) => Promise<PeerServer>): Promise<PeerLoad> {
    const native = await Native.load()
    if (!native.ok) throw new Error(native.reason)
    const memory = new NativeMemory(native.value, LOAD_SOCKETS_SIZE)
    const sockets = new LoadSockets(native.value, memory, plan.channels * plan.members)
    return new PeerLoad(plan, sockets, await open(sockets.ports))
  }

  private constructor(plan: Plan, sockets: LoadSockets, server: PeerServer) {
    const { members } = server
    this.plan = plan
    this.node = server.process
    this.#server = server
    this.#sockets = sockets
    this.members = members.map(client => ({
      client,
      get lost() {
        return client.lost
      },
      beat() {},
    }))
    const senders = members.map((client, index) => {
      const name = nameOf('127.0.0.1', client.port)
      return (datagram: Uint8Array) => this.#send(index, datagram, name)
    })
    for (const [index, client] of members.entries()) client.start?.(index / members.length, senders[index]!)
    this.streams = Array.from({ length: plan.channels * sendersOf(plan) }, (_, index) => {
      const sender = index % sendersOf(plan)
      const member = Math.floor(index / sendersOf(plan)) * plan.members + sender
      const targets = Array.from({ length: plan.members }, (_, other) => isTarget(plan, other, sender))
      const options = { sender: members[member]!, send: senders[member]!, packets: packetsOf(plan), targets }
      return new PeerStream(options, sockets)
    })
    this.traffic = new Traffic(sockets, this)
  }

  /** Reads at most one batch from the socket of a member. */
  receive(socket: number): number {
    const count = this.#sockets.receive(socket)
    for (let slot = 0; slot < count; slot++) this.#datagram(socket, slot)
    return count
  }

  async close(): Promise<void> {
    this.traffic.close()
    for (const { client } of this.members) client.close()
    this.#sockets.close()
    await this.#server.stop()
  }

  #send(socket: number, datagram: Uint8Array, server: Int32Array): void {
    this.#sockets.bytes.set(datagram, this.#sockets.claim(socket))
    this.#sockets.queue(datagram.length, server)
    this.#sockets.flush()
  }

  #datagram(socket: number, slot: number): void {
    const place = this.#sockets.place(slot)
    const sealed = this.#sockets.bytes.subarray(place, place + this.#sockets.length(slot))
    const { client } = this.members[socket]!
    const sender = client.senderOf(sealed)
    if (sender === undefined) return
    const { counts } = this.receiver
    const index = socket % this.plan.members
    const stream = this.streams[Math.floor(socket / this.plan.members) * sendersOf(this.plan) + sender]
    if (stream?.targets[index] !== true) return void counts.wrong++
    counts.packets++
    stream.received[index]!++
    if (--this.#untilSample > 0) return
    this.#untilSample = SAMPLE
    const payload = client.open(sealed)
    const stamp = payload && readStamp(payload)
    if (stamp?.ssrc !== stream.ssrc) counts.wrong++
    else {
      counts.checked++
      this.receiver.latencies.push(this.#sockets.arrivedAt(slot) - stamp.sentAt)
    }
  }
}
