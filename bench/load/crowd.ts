// Everybody of a load, in the channels of one node: joins quickly, changes modes, comes and goes.
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
import { Ears } from './media/ears.ts'
import { LOAD_SOCKETS_SIZE, LoadSockets } from './media/load-sockets.ts'
import { Stream } from './media/stream.ts'
import { Traffic } from './media/traffic.ts'
import { Member, type MemberPlace } from './member.ts'
import { type Plan, socketSets } from './plan.ts'
import { BROWSER_PROFILE } from './webrtc/browser.ts'
import { DtlsClients } from './webrtc/dtls-client.ts'

/** Joins at once: a node takes only so many half-open connections of one address. */
const IN_FLIGHT = 64
/** Members who are told of joins that happen at once: each is told of each. */
const TOLD = 4_000
/** The node takes so many connections of one address; loopback has many addresses. */
const PER_ADDRESS = 1_000
const CIPHERS_SIZE = 4_096

export class Crowd {
  readonly plan: Plan
  readonly node: NodeProcess
  readonly ears: Ears
  readonly traffic: Traffic
  readonly sockets: LoadSockets
  readonly members: readonly Member[]
  /** Milliseconds that the node took to answer heartbeats. Emptied by whoever reads it. */
  heartbeats: number[] = []
  readonly #backend: LvspClient
  readonly #channels: readonly LoadChannel[]
  readonly #discoveries: Discoveries
  readonly #ciphers: SlotCiphers
  readonly #clients: DtlsClients | undefined
  /** By socket, where each has its own. */
  readonly #browsers: readonly Member[] = []
  /** Of the channels that are encrypted end to end. */
  readonly mls: Mls | undefined
  /** Told when another group is in force for the one who commits. */
  encryptionChanged: () => void = () => {}
  #streams: Stream[] = []

  /** Opens sockets; nobody has joined yet. Throws where the system has no batches of datagrams. */
  static async open(node: NodeProcess, plan: Plan): Promise<Crowd> {
    const native = await Native.load()
    if (!native.ok) throw new Error(`the load needs system calls that are unavailable here: ${native.reason}`)
    await protectionReady()
    const backend = new LvspClient({ url: node.lvspUrl, secret: SECRET })
    await backend.connect()
    const clients = plan.browsers ? await DtlsClients.open(BROWSER_PROFILE) : undefined
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
    this.ears = new Ears(this.sockets, (socket, bytes) => this.#takeOther(socket, bytes), plan.payload)
    this.traffic = new Traffic(this.sockets, this.ears)
    this.#channels = Array.from({ length: plan.channels }, (_, channel) => this.#openChannel(channel, channel % sets))
    this.members = this.#channels.flatMap(({ members }) => members)
    if (plan.browsers) this.#browsers = this.members
  }

  /** IP discoveries that had to be repeated. */
  get askedAgain(): number {
    return this.#discoveries.askedAgain
  }
  /** By channel, the ports of those who listen to its first member. */
  get listeners(): number[][] {
    return this.#channels.map(({ members, firstSocket }) =>
      this.sockets.ports.slice(firstSocket + 1, firstSocket + members.length),
    )
  }
  get streams(): readonly Stream[] {
    return this.#streams
  }
  /** Those who come and go. */
  get visitors(): Member[] {
    return this.#channels.flatMap(({ members, residents }) => members.slice(residents))
  }

  /** Lets in the members from `first` on, `count` of them. Returns how long each took, in milliseconds. */
  async join(first = 0, count = this.members.length - first): Promise<number[]> {
    const width = Math.max(2, Math.min(IN_FLIGHT, Math.floor(TOLD / this.plan.members)))
    const times = await inParallel(this.members.slice(first, first + count), width, async member => {
      const started = performance.now()
      await member.join()
      return performance.now() - started
    })
    if (first + count === this.members.length) this.#openStreams()
    return times
  }

  async changeMode(mode: VoiceMode): Promise<void> {
    await inParallel(this.members, IN_FLIGHT, member => member.changeMode(mode))
    this.#openStreams()
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
    }
    const { speakers, encrypted = 0 } = this.plan
    const clients = this.#clients
    const isBrowser = clients !== undefined && index >= speakers
    const isMls = this.mls !== undefined && channel < encrypted
    return {
      ...place,
      ...(isBrowser && { browser: { clients, sockets: this.sockets, socket } }),
      ...(isMls && this.#mlsPlace(this.mls, place, index === 0)),
    }
  }

  /** The first member of a channel commits. */
  #mlsPlace(mls: Mls, { userId, channelId }: MemberPlace, isCommitter: boolean): Partial<MemberPlace> {
    const kind = isCommitter ? 'committer' : 'keyPackage'
    return {
      library: send => mls.library(kind, userId, channelId, send),
      ...(isCommitter && { encryptionChanged: () => this.encryptionChanged() }),
    }
  }

  #takeOther(socket: number, bytes: Uint8Array): boolean {
    return this.#discoveries.receive(bytes) || (this.#browsers[socket]?.receive(bytes) ?? false)
  }

  #openStreams(): void {
    this.#closeStreams()
    const { speakers, payload } = this.plan
    for (const channel of this.#channels)
      for (let index = 0; index < speakers; index++) {
        channel.members[index]?.setSpeaking()
        this.#streams.push(new Stream(channel, index, this.sockets, this.#ciphers, payload))
      }
    for (const stream of this.#streams) this.ears.add(stream)
  }

  #closeStreams(): void {
    this.ears.clear()
    for (const stream of this.#streams) stream.close()
    this.#streams = []
  }
}

/** Runs over all, so many at a time. */
async function inParallel<T, R>(all: readonly T[], width: number, run: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const work = async () => {
    while (next < all.length) results.push(await run(all[next++]!))
  }
  await Promise.all(Array.from({ length: width }, work))
  return results
}
