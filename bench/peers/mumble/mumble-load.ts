// The members of a load as clients of Mumble's server: the same speakers, pace, payloads and sockets as with a node.
import { Native } from '../../../packages/server/src/lane/engine/native-calls.ts'
import { NativeMemory } from '../../../packages/server/src/lane/engine/native-memory.ts'
import { nameOf } from '../../floor/socket-name.ts'
import type { Load } from '../../load/measure.ts'
import { LOAD_SOCKETS_SIZE, LoadSockets } from '../../load/media/load-sockets.ts'
import type { Counts } from '../../load/media/receiver.ts'
import { readStamp } from '../../load/media/stamp.ts'
import { Traffic } from '../../load/media/traffic.ts'
import type { Plan } from '../../load/plan.ts'
import { MumbleClient } from './mumble-client.ts'
import { MumbleServer, SUPERUSER_PASSWORD } from './mumble-server.ts'
import { MumbleStream } from './mumble-stream.ts'
import { MUMBLE_HEADER } from './ocb2.ts'

/** One packet in SAMPLE is decrypted; prime, so that the samples reach every listener. */
const SAMPLE = 101
const JOINS_AT_ONCE = 16
/** A ping over UDP: type 1, and a time stamp. */
const PING = Uint8Array.of(1 << 5, 1)
/** Packets that are shorter than a payload are answers to pings. */
const SHORTEST_VOICE = 32

interface MumbleMember {
  readonly client: MumbleClient
  readonly lost: number
  beat(): void
}

export class MumbleLoad implements Load {
  readonly plan: Plan
  readonly node: MumbleServer
  readonly receiver = { counts: { packets: 0, checked: 0, wrong: 0, late: 0 } as Counts, latencies: [] as number[] }
  readonly traffic: Traffic
  readonly streams: readonly MumbleStream[]
  readonly members: readonly MumbleMember[]
  readonly visitors = []
  heartbeats: number[] = []
  readonly #sockets: LoadSockets
  #untilSample = SAMPLE

  /** Starts a server and joins all members. */
  static async open(program: string, plan: Plan): Promise<MumbleLoad> {
    const native = await Native.load()
    if (!native.ok) throw new Error(native.reason)
    const node = await MumbleServer.start(program, plan.channels * plan.members)
    return new MumbleLoad(native.value, node, plan, await joinAll(node.port, plan))
  }

  private constructor(native: Native, node: MumbleServer, plan: Plan, clients: readonly MumbleClient[]) {
    this.plan = plan
    this.node = node
    this.#sockets = new LoadSockets(native, new NativeMemory(native, LOAD_SOCKETS_SIZE), clients.length)
    this.members = clients.map(client => ({
      client,
      get lost() {
        return client.lost
      },
      beat() {},
    }))
    const server = nameOf('127.0.0.1', node.port)
    for (const [index, client] of clients.entries()) {
      const ping = () => this.#send(index, client.outgoing!.seal(PING), server)
      ping()
      client.startPings(index / clients.length, ping)
    }
    this.streams = Array.from({ length: plan.channels }, (_, channel) => {
      const first = channel * plan.members
      return new MumbleStream(plan, clients[first]!, packet => this.#send(first, packet, server), this.#sockets)
    })
    this.traffic = new Traffic(this.#sockets, this)
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
    await this.node.stop()
  }

  #send(socket: number, packet: Uint8Array, server: Int32Array): void {
    this.#sockets.bytes.set(packet, this.#sockets.claim(socket))
    this.#sockets.queue(packet.length, server)
    this.#sockets.flush()
  }

  #datagram(socket: number, slot: number): void {
    const place = this.#sockets.place(slot)
    const sealed = this.#sockets.bytes.subarray(place, place + this.#sockets.length(slot))
    const { incoming } = this.members[socket]!.client
    incoming!.skip(sealed)
    if (sealed.length < MUMBLE_HEADER + SHORTEST_VOICE) return
    const { counts } = this.receiver
    const stream = this.streams[Math.floor(socket / this.plan.members)]!
    counts.packets++
    stream.received[socket % this.plan.members]!++
    if (--this.#untilSample > 0) return
    this.#untilSample = SAMPLE
    const plain = incoming!.open(sealed)
    const stamp = plain && readStamp(stream.payloadOf(plain))
    if (stamp?.ssrc !== stream.ssrc) counts.wrong++
    else {
      counts.checked++
      this.receiver.latencies.push(this.#sockets.arrivedAt(slot) - stamp.sentAt)
    }
  }
}

/** A channel per room, and its members in it, in the order of the plan. */
async function joinAll(port: number, { channels, members }: Plan): Promise<MumbleClient[]> {
  const owner = await MumbleClient.connect({ port, user: 'SuperUser', password: SUPERUSER_PASSWORD })
  const ids: number[] = []
  for (let index = 0; index < channels; index++) ids.push(await owner.createChannel(`room ${index}`))
  const clients: MumbleClient[] = []
  for (let first = 0; first < channels * members; first += JOINS_AT_ONCE) {
    const count = Math.min(JOINS_AT_ONCE, channels * members - first)
    const joined = Array.from({ length: count }, async (_, index) => {
      const client = await MumbleClient.connect({ port, user: `member-${first + index}` })
      await client.enter(ids[Math.floor((first + index) / members)]!)
      return client
    })
    clients.push(...(await Promise.all(joined)))
  }
  owner.close()
  return clients
}
