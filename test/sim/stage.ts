// A channel on several lanes on a virtual clock: a node, raw gateway clients, and the real router of each lane on the in-memory engine.
import { ADDRESS_WORDS, type LaneCommand, PacketRing, Router, writeAddress } from '@parley/core'
import { encodeDiscoveryRequest, encodeRtp } from '@parley/protocol'
import {
  type BenchBackend,
  type BenchSocket,
  type Json,
  NodeBench,
  select,
} from '../../packages/core/src/testing/node-bench.ts'
import { addDatagram, makeBatch, PlainIo, type Sent } from '../../packages/core/src/testing/plain-io.ts'
import { sealedWith } from '../../packages/core/src/testing/plain-lane.ts'
import { DATA } from './video-caller.ts'

const FIRST_PORT = 50_000
export const CHANNEL = '500'
export const GUILD = '100'

/** One lane: its router and what it has sent since the last look. */
interface SimLane {
  readonly io: PlainIo
  readonly router: Router
  /** Rings to this lane. */
  readonly memories: Map<number, ArrayBuffer>
}

/** A member with what its messages said of its media. */
export interface StageMember {
  readonly userId: string
  readonly socket: BenchSocket
  readonly lane: number
  readonly ssrc: number
  /** Its id on its lane. */
  readonly peer: number
}

/** A packet that a member was sent. */
export interface StageCopy {
  readonly to: StageMember
  readonly bytes: Uint8Array
}

export class Stage {
  readonly bench: NodeBench
  readonly backend: BenchBackend
  readonly members = new Map<string, StageMember>()
  readonly #lanes: SimLane[]
  /** By lane and peer. */
  readonly #byPeer = new Map<string, StageMember>()
  #nonce = 0
  #lastPeer: { lane: number; peer: number } = { lane: 0, peer: 0 }

  constructor(lanes: number, membersPerLane: number) {
    const ids = Array.from({ length: lanes }, (_, id) => id)
    this.#lanes = ids.map(() => newLane())
    this.bench = new NodeBench({ lanes: ids.map(id => ({ id, port: FIRST_PORT + id })), membersPerLane })
    this.bench.onEffect = effect => {
      if (effect.kind === 'lane') this.#command(effect.lane, effect.command)
    }
    this.backend = this.bench.backend()
  }

  /** Connects a member up to a bound address. `restrictions` are those of its voice state, `codecs` for one with video. */
  join(userId: string, restrictions: object = {}, identify: object = {}, codecs?: unknown[]): StageMember {
    const { channel_id: _, ...credentials } = this.backend.join(userId, CHANNEL, GUILD, restrictions)
    const socket = this.bench.client('8').send(0, { ...credentials, ...identify })
    const ready: Json = socket.last(2)
    const lane = ready.port - FIRST_PORT
    const member = { userId, socket, lane, ssrc: ready.ssrc, peer: this.#lastPeer.peer }
    this.members.set(userId, member)
    this.#byPeer.set(`${lane} ${member.peer}`, member)
    this.#datagram(lane, encodeDiscoveryRequest(member.ssrc), member)
    if (codecs === undefined) select(socket)
    else socket.send(1, { protocol: 'udp', data: DATA, codecs })
    this.settle()
    return member
  }

  /** The backend changes restrictions of a member. */
  restrict(userId: string, restrictions: object): void {
    this.backend.info(6, { user_id: userId, channel_id: CHANNEL, guild_id: GUILD, ...restrictions })
    this.settle()
  }

  /** A packet of the member, and what all members were sent because of it. */
  say(from: StageMember, sequence: number, payload: readonly number[] = [1, 2, 3]): StageCopy[] {
    this.send(from, sequence, payload)
    this.settle()
    return this.take()
  }

  /** The same without the other lanes: they are as busy as they like. */
  send(from: StageMember, sequence: number, payload: readonly number[] = [1, 2, 3]): void {
    const packet = { payloadType: 120, sequence, timestamp: sequence * 960, ssrc: from.ssrc }
    this.packet(from, encodeRtp({ ...packet, payload: Uint8Array.from(payload) }))
  }

  /** A plain RTP or RTCP packet, sealed with the member's key. */
  packet(from: StageMember, plain: Uint8Array): void {
    this.#datagram(from.lane, sealedWith(++this.#nonce, this.#tagOf(from), plain), from)
  }

  /** Lanes read their rings, and control the events of lanes, until nothing is left. */
  settle(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false
      for (const [id, { router }] of this.#lanes.entries()) {
        if (router.receiveCrossed(64, this.bench.now) > 0) isBusy = true
        for (const event of router.takeEvents()) {
          isBusy = true
          this.bench.laneEvent(event, id)
        }
      }
    }
  }

  /** RTP and RTCP that members were sent since the last call. */
  take(): StageCopy[] {
    return this.#lanes.flatMap(({ io }, lane) =>
      io.take().flatMap(({ peer, bytes }: Sent) => {
        const to = this.#byPeer.get(`${lane} ${peer}`)
        return to === undefined ? [] : [{ to, bytes }]
      }),
    )
  }

  advance(duration: number): void {
    this.bench.advance(duration)
    for (const { router } of this.#lanes) router.tick(this.bench.now)
    this.settle()
  }

  /** A lane crashes, and an empty one replaces it. */
  loseLane(lane: number): void {
    this.#lanes[lane] = newLane()
    for (const { memories } of this.#lanes) memories.delete(lane)
    this.bench.input(now => this.bench.node.laneLost(lane, 'crashed', now))
    this.bench.input(now => this.bench.node.laneReplaced(lane, FIRST_PORT + lane, now))
  }

  /** Counts of what the lanes hold. */
  inspect() {
    return this.#lanes.map(({ router }) => router.inspect())
  }

  /** Totals and drops of a lane. */
  counters(lane: number) {
    const { router } = this.#lanes[lane]!
    router.command({ kind: 'report' }, this.bench.now)
    const report = router.takeEvents().find(event => event.kind === 'counters')
    if (report?.kind !== 'counters') throw new Error('no counters')
    return report.counters
  }

  #tagOf({ lane, peer }: StageMember): number {
    return this.#lanes[lane]!.io.tagOf(peer)
  }

  /** As the host does: the first route from a lane to another creates the ring between them. */
  #command(lane: number, command: LaneCommand): void {
    if (command.kind === 'setRoute') for (const to of command.lanes ?? []) this.#connect(lane, to)
    if (command.kind === 'addPeer' && command.lane === undefined) this.#lastPeer = { lane, peer: command.peer }
    this.#lanes[lane]!.router.command(command, this.bench.now)
  }

  #connect(from: number, to: number): void {
    const { memories, router } = this.#lanes[to]!
    if (memories.has(from)) return
    const memory = new ArrayBuffer(PacketRing.size)
    memories.set(from, memory)
    router.addInput(from, new PacketRing(memory))
    this.#lanes[from]!.router.addOutput(to, new PacketRing(memory))
  }

  /** Each member has an address of its own. */
  #datagram(lane: number, bytes: Uint8Array, { userId }: Pick<StageMember, 'userId'>): void {
    const words = new Int32Array(ADDRESS_WORDS)
    writeAddress(words, 0, `10.0.${Number(userId) >> 8}.${Number(userId) & 255}`, 5000)
    const batch = makeBatch()
    addDatagram(batch, bytes, words)
    this.#lanes[lane]!.router.receive(batch, this.bench.now)
  }
}

const newLane = (): SimLane => {
  const io = new PlainIo()
  return { io, router: new Router(io), memories: new Map() }
}
