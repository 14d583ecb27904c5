// All members of a load in the channels of one node: joins, changes of the encryption mode, streams.
import { LvspClient } from '@parley/client'
import type { VoiceMode } from '@parley/protocol'
import { protectionReady } from '../../packages/server/src/lane/crypto/protection.ts'
import { SlotCiphers } from '../../packages/server/src/lane/crypto/slot-ciphers.ts'
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { NativeMemory } from '../../packages/server/src/lane/engine/native-memory.ts'
import { type NodeProcess, SECRET } from '../node/node-process.ts'
import { Mls } from './dave/mls.ts'
import type { LoadChannel } from './load-channel.ts'
import { Discoveries } from './media/discoveries.ts'
import { LOAD_SOCKETS_SIZE, LoadSockets } from './media/load-sockets.ts'
import { Receiver } from './media/receiver.ts'
import { Stream } from './media/stream.ts'
import { Traffic } from './media/traffic.ts'
import { Member, type MemberPlace } from './member.ts'
import { type Plan, socketSets } from './plan.ts'
import { announce, streamsOf } from './streams.ts'
import { offeredStreams } from './video-plan.ts'
import { DtlsClients } from './webrtc/dtls-client.ts'
import { WEBRTC_PROFILE } from './webrtc/webrtc-client.ts'

/** Concurrent joins: a node limits half-open connections per address. */
const IN_FLIGHT = 64
/** Join events in flight: each concurrent join is announced to all members of its channel. */
const EVENTS_IN_FLIGHT = 4_000
/** Connections per loopback address, below the node's limit. */
const PER_ADDRESS = 1_000
const CIPHERS_SIZE = 4_096

export class Crowd {
  readonly plan: Plan
  readonly node: NodeProcess
  readonly receiver: Receiver
  readonly traffic: Traffic
  readonly sockets: LoadSockets
  readonly members: readonly Member[]
  /** Milliseconds until heartbeats were acknowledged. The reader empties it. */
  heartbeats: number[] = []
  readonly #backend: LvspClient
  readonly #channels: readonly LoadChannel[]
  readonly #discoveries: Discoveries
  readonly #ciphers: SlotCiphers
  readonly #clients: DtlsClients | undefined
  /** WebRTC members, by socket. */
  readonly #browsers: readonly Member[] = []
  /** MLS state of the channels with end-to-end encryption. */
  readonly mls: Mls | undefined
  /** Called when the committer's encryption changes. */
  encryptionChanged: () => void = () => {}
  #streams: Stream[] = []

  /** Opens the sockets without joining. Throws on systems without batched UDP calls. */
  static async open(node: NodeProcess, plan: Plan): Promise<Crowd> {
    const native = await Native.load()
    if (!native.ok) throw new Error(`the load generator needs native calls: ${native.reason}`)
    await protectionReady()
    const backend = new LvspClient({ url: node.lvspUrl, secret: SECRET })
    await backend.connect()
    const clients = plan.browsers ? await DtlsClients.open(WEBRTC_PROFILE) : undefined
    return new Crowd(native.value, node, backend, plan, clients)
  }

  private constructor(native: Native, node: NodeProcess, backend: LvspClient, plan: Plan, clients?: DtlsClients) {
    this.plan = plan
    this.node = node
    this.#backend = backend
    this.#clients = clients
    this.mls = (plan.encrypted ?? 0) > 0 ? new Mls() : undefined
    const sets = socketSets(plan)
    const memory = new NativeMemory(native, LOAD_SOCKETS_SIZE + CIPHERS_SIZE)
    this.sockets = new LoadSockets(native, memory, sets * plan.members)
    this.#ciphers = new SlotCiphers(native, memory)
    this.#discoveries = new Discoveries(this.sockets)
    this.receiver = new Receiver(this.sockets, (socket, bytes) => this.#takeOther(socket, bytes))
    this.traffic = new Traffic(this.sockets, this.receiver)
    this.#channels = Array.from({ length: plan.channels }, (_, channel) => this.#openChannel(channel, channel % sets))
    this.members = this.#channels.flatMap(({ members }) => members)
    if (plan.browsers) this.#browsers = this.members
  }

  /** IP discovery requests that had to be repeated. */
  get repeatedDiscoveries(): number {
    return this.#discoveries.repeated
  }
  /** Ports of the listeners of each channel's first member. */
  get listeners(): number[][] {
    return this.#channels.map(({ members, firstSocket }) =>
      this.sockets.ports.slice(firstSocket + 1, firstSocket + members.length),
    )
  }
  get streams(): readonly Stream[] {
    return this.#streams
  }
  /** Members that leave and join again. */
  get visitors(): Member[] {
    return this.#channels.flatMap(({ members, residents }) => members.slice(residents))
  }

  /** Joins `count` members from `first` on. Resolves with the milliseconds of each join. */
  async join(first = 0, count = this.members.length - first): Promise<number[]> {
    const width = Math.max(2, Math.min(IN_FLIGHT, Math.floor(EVENTS_IN_FLIGHT / this.plan.members)))
    const times = await inParallel(this.members.slice(first, first + count), width, async member => {
      const started = performance.now()
      await member.join()
      return performance.now() - started
    })
    if (first + count === this.members.length) await this.#openStreams()
    return times
  }

  /** The keys of each channel's speakers and listeners, and the ports of the latter, for a program that forwards like the node. */
  get routes(): { ssrc: number; key: Uint8Array; listeners: { port: number; key: Uint8Array }[] }[] {
    return this.#streams.map(({ channel, index, ssrc }) => ({
      ssrc,
      key: keyOf(channel.members[index]),
      listeners: channel.members.flatMap((member, other) =>
        other === index ? [] : [{ port: this.sockets.ports[channel.firstSocket + other]!, key: keyOf(member) }],
      ),
    }))
  }

  async changeMode(mode: VoiceMode): Promise<void> {
    await inParallel(this.members, IN_FLIGHT, member => member.changeMode(mode))
    await this.#openStreams()
  }

  async close(): Promise<void> {
    this.traffic.close()
    this.#discoveries.close()
    this.#closeStreams()
    for (const member of this.members) member.close()
    await this.#backend.close()
    await this.mls?.close()
    this.#clients?.close()
    this.#ciphers.close()
    this.sockets.close()
  }

  #openChannel(channel: number, set: number): LoadChannel {
    const { members, visitors, mode } = this.plan
    const firstSocket = set * members
    const make = (index: number) =>
      new Member(this.#place(channel, index, firstSocket + index), mode, took => this.heartbeats.push(took))
    const all = Array.from({ length: members }, (_, index) => make(index))
    return { members: all, firstSocket, residents: members - visitors }
  }

  #place(channel: number, index: number, socket: number): MemberPlace {
    const number = channel * this.plan.members + index
    const place: MemberPlace = {
      backend: this.#backend,
      endpoint: this.node.endpoint,
      userId: String(number + 1),
      channelId: String(1_000_000 + channel),
      localAddress: `127.0.0.${1 + Math.floor(number / PER_ADDRESS)}`,
      find: (ssrc, node) => this.#discoveries.find(socket, ssrc, node),
      send: (bytes, node) => this.#send(socket, bytes, node),
    }
    const { speakers, encrypted = 0, video } = this.plan
    const clients = this.#clients
    const isBrowser = clients !== undefined && index >= speakers
    const isMls = this.mls !== undefined && channel < encrypted
    return {
      ...place,
      ...(video !== undefined && { video: { offered: index < video.senders ? offeredStreams(video) : [] } }),
      ...(isBrowser && { browser: { clients, sockets: this.sockets, socket } }),
      ...(isMls && this.#mlsPlace(this.mls, place, index === 0)),
    }
  }

  /** The first member of a channel is the committer. */
  #mlsPlace(mls: Mls, { userId, channelId }: MemberPlace, isCommitter: boolean): Partial<MemberPlace> {
    const kind = isCommitter ? 'committer' : 'keyPackage'
    return {
      library: send => mls.library(kind, userId, channelId, send),
      ...(isCommitter && { encryptionChanged: () => this.encryptionChanged() }),
    }
  }

  #send(socket: number, bytes: Uint8Array, node: Int32Array): void {
    this.sockets.bytes.set(bytes, this.sockets.claim(socket))
    this.sockets.queue(bytes.length, node)
    this.sockets.flush()
  }

  #takeOther(socket: number, bytes: Uint8Array): boolean {
    return this.#discoveries.receive(bytes) || (this.#browsers[socket]?.receive(bytes) ?? false)
  }

  /** A speaker continues its sequences after a change of mode, as clients do. */
  async #openStreams(): Promise<void> {
    const counters = new Map(this.#streams.map(({ ssrc, counter }) => [ssrc, counter]))
    this.#closeStreams()
    for (const channel of this.#channels)
      for (const options of streamsOf(this.plan, channel, counters)) {
        const stream = new Stream(channel, this.sockets, this.#ciphers, options)
        stream.counter = counters.get(stream.ssrc) ?? 0
        this.#streams.push(stream)
      }
    for (const stream of this.#streams) this.receiver.add(stream)
    await Promise.all(this.#channels.map(channel => announce(this.plan, channel)))
  }

  #closeStreams(): void {
    this.receiver.clear()
    for (const stream of this.#streams) stream.close()
    this.#streams = []
  }
}

function keyOf(member: Member | undefined): Uint8Array {
  if (member?.key === undefined) throw new Error('expected a member with a key')
  return member.key
}

/** Runs `run` for all items, at most `width` at a time. */
async function inParallel<T, R>(all: readonly T[], width: number, run: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const work = async () => {
    while (next < all.length) results.push(await run(all[next++]!))
  }
  await Promise.all(Array.from({ length: width }, work))
  return results
}
