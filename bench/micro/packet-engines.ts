// CPU per forwarded packet of each packet engine, saturated, relative to a floor that only seals and sends the same packets to the
// same sockets. Clients run in another process.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Protection } from '@parley/core'
import { isSrtpProfile, PROTECTION_LAYOUTS, type ProtectionCipher, SrtpProfile, VoiceMode } from '@parley/protocol'
import { protectionReady } from '../../packages/server/src/lane/crypto/protection.ts'
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { BareSender } from '../floor/bare-sender.ts'
import { median } from '../statistics.ts'
import { fillLane } from './fill-lane.ts'
import { type EngineName, type RunningLane, startLane } from './running-lane.ts'
import {
  type Received,
  type SaturationLoad,
  type SaturationOrder,
  type SaturationReport,
  SPEAKER_MODE,
  WINDOW,
} from './saturation.ts'

export interface EngineRow extends Received {
  engine: EngineName
  /** Protection of the listeners. */
  protection: Protection
  members: number
  /** User and system CPU per forwarded packet, µs. */
  microseconds: number
  /** CPU per packet of the floor, interleaved with this row, to the same sockets. */
  floor: number
  /** Median of the CPU relative to the floor of the same round. */
  ratio: number
  /** Median of the CPU relative to the first protection on the same engine. */
  toFirst: number
  forwarded: number
  /** Share of the time that the lane worked. */
  busy: number
  /** Growth of the JavaScript heap in bytes per million forwarded packets. */
  heap: number
  collections: number
}

export interface EngineBenchOptions {
  /** Seconds of all rounds together, per row and per floor. */
  seconds: number
  members: readonly number[]
  protections: readonly Protection[]
  engines: readonly EngineName[]
}

const PAYLOAD = 120
const ALL_MEMBERS = 1000
const ROUNDS = 5
/** Milliseconds until the code is compiled. */
const WARM_UP = 700
/** Milliseconds before each slice, in which packets in flight arrive. */
const SETTLE = 60
/** Milliseconds between the ICE checks of WebRTC clients. */
const CHECK_INTERVAL = 5_000
/** Milliseconds that a lane needs for all checks. */
const CHECKING = 300
const LOAD = fileURLToPath(new URL('saturation-load.ts', import.meta.url))

/** One lane and its measurements. */
interface Contestant {
  engine: EngineName
  protection: Protection
  lane: RunningLane
  checkedAt: number
  slices: Slice[]
}

interface Slice {
  microseconds: number
  forwarded: number
  busy: number
  heap: number
  collections: number
}

const cipherOf = (protection: Protection): ProtectionCipher =>
  PROTECTION_LAYOUTS[isSrtpProfile(protection) ? SPEAKER_MODE : protection].cipher

/** Measures each engine with each protection and each number of members. */
export async function benchPacketEngines(options: EngineBenchOptions): Promise<EngineRow[]> {
  const native = await Native.load()
  if (!native.ok) throw new Error(`the ffi engine does not run here: ${native.reason}`)
  await protectionReady()
  const rows: EngineRow[] = []
  for (const members of options.members) rows.push(...(await new EngineBench(native.value, members, options).run()))
  return rows
}

/** All lanes with one number of members. Lanes and floors are interleaved, so that background load affects all equally. */
class EngineBench {
  readonly #native: Native
  readonly #members: number
  readonly #options: EngineBenchOptions
  readonly #contestants: Contestant[] = []
  readonly #floors = new Map<ProtectionCipher, { sender: BareSender; slices: number[] }>()
  readonly #child: ChildProcess

  constructor(native: Native, members: number, options: EngineBenchOptions) {
    this.#native = native
    this.#members = members
    this.#options = options
    this.#child = fork(LOAD, { serialization: 'advanced' })
  }

  async run(): Promise<EngineRow[]> {
    await this.#open()
    const slice = (this.#options.seconds * 1000) / ROUNDS
    for (const contestant of this.#contestants) await this.#turn(contestant, WARM_UP)
    for (const contestant of this.#contestants) contestant.slices.length = 0
    for (let round = 0; round < ROUNDS; round++) {
      for (const { sender, slices } of this.#floors.values()) {
        sender.measure(SETTLE)
        slices.push(sender.measure(slice))
      }
      for (const contestant of this.#contestants) await this.#turn(contestant, slice)
    }
    return this.#close()
  }

  async #open(): Promise<void> {
    const { engines, protections } = this.#options
    for (const engine of engines)
      for (const protection of protections) {
        const lane = await startLane(engine, this.#native)
        this.#contestants.push({ engine, protection, lane, checkedAt: -Infinity, slices: [] })
      }
    const channels = Array.from({ length: Math.ceil(ALL_MEMBERS / this.#members) }, (_, channel) =>
      Array.from({ length: this.#members }, (_, index) => 1000 + (channel * this.#members + index) * 8),
    )
    const lanes = this.#contestants.map(({ lane: { port }, protection }) => ({ port, protection }))
    const load: SaturationLoad = { lanes, channels, payload: PAYLOAD }
    const fill = this.#contestants.map(({ lane, protection }) => fillLane(lane, protection, channels))
    this.#child.send(load)
    const [{ ports }] = (await once(this.#child, 'message')) as [Extract<SaturationReport, { kind: 'ready' }>]
    for (const { lane } of this.#contestants) await lane.run(CHECKING)
    for (const protect of fill) protect(ports)
    this.#openFloors(ports)
  }

  #openFloors(ports: readonly number[]): void {
    const members = this.#members
    const listeners = Array.from({ length: ports.length / members }, (_, channel) =>
      ports.slice(channel * members + 1, (channel + 1) * members),
    )
    for (const cipher of new Set(this.#options.protections.map(cipherOf))) {
      const sender = new BareSender(this.#native)
      sender.prepare({ listeners, window: WINDOW, payload: PAYLOAD, cipher })
      this.#floors.set(cipher, { sender, slices: [] })
    }
  }

  #order(order: SaturationOrder): void {
    this.#child.send(order)
  }

  async #turn(contestant: Contestant, milliseconds: number): Promise<void> {
    const { lane: running, protection, slices } = contestant
    const lane = this.#contestants.indexOf(contestant)
    if (isSrtpProfile(protection) && performance.now() - contestant.checkedAt > CHECK_INTERVAL) {
      this.#order({ kind: 'check', lane })
      await running.run(CHECKING)
      contestant.checkedAt = performance.now()
    }
    this.#order({ kind: 'talk', lane })
    await running.run(SETTLE)
    slices.push(await measure(running, milliseconds))
    this.#order({ kind: 'rest' })
    await running.run(SETTLE)
  }

  async #close(): Promise<EngineRow[]> {
    for (const { sender } of this.#floors.values()) sender.close()
    const report = once(this.#child, 'message') as Promise<[Extract<SaturationReport, { kind: 'received' }>]>
    this.#order({ kind: 'stop' })
    const [{ lanes }] = await report
    for (const { lane } of this.#contestants) await lane.close()
    return this.#contestants.map((contestant, index) => this.#row(contestant, lanes[index]!))
  }

  #row({ engine, protection, slices }: Contestant, received: Received): EngineRow {
    const floor = this.#floors.get(cipherOf(protection))!.slices
    const first = this.#contestants.find(other => other.engine === engine)!.slices
    const sum = (of: (slice: Slice) => number) => slices.reduce((total, each) => total + of(each), 0)
    const forwarded = sum(each => each.forwarded)
    return {
      engine,
      protection,
      members: this.#members,
      microseconds: median(slices.map(each => each.microseconds)),
      floor: median(floor),
      ratio: median(slices.map((each, round) => each.microseconds / floor[round]!)),
      toFirst: median(slices.map((each, round) => each.microseconds / first[round]!.microseconds)),
      forwarded,
      busy: sum(each => each.busy) / slices.length,
      heap: (sum(each => each.heap) * 1e6) / forwarded,
      collections: sum(each => each.collections),
      ...received,
    }
  }
}

async function measure(running: RunningLane, milliseconds: number): Promise<Slice> {
  running.busy()
  const collections = countCollections()
  const before = { packets: running.forwarded(), heap: process.memoryUsage().heapUsed, cpu: process.cpuUsage() }
  await running.run(milliseconds)
  const { user, system } = process.cpuUsage(before.cpu)
  const heap = process.memoryUsage().heapUsed - before.heap
  const forwarded = running.forwarded() - before.packets
  const microseconds = (user + system) / forwarded
  return { microseconds, forwarded, busy: running.busy(), heap, collections: collections() }
}

function countCollections(): () => number {
  let count = 0
  const observer = new PerformanceObserver(list => {
    count += list.getEntries().length
  })
  observer.observe({ entryTypes: ['gc'] })
  return () => {
    count += observer.takeRecords().length
    observer.disconnect()
    return count
  }
}

function print(rows: readonly EngineRow[]): void {
  console.table(
    rows.map(row => ({
      engine: row.engine,
      protection: row.protection,
      members: row.members,
      µs: row.microseconds.toFixed(2),
      floor: row.floor.toFixed(2),
      ratio: row.ratio.toFixed(2),
      'to first': row.toFirst.toFixed(2),
      busy: row.busy.toFixed(2),
      forwarded: row.forwarded,
      'heap kB/M': (row.heap / 1000).toFixed(0),
      collections: row.collections,
      opened: row.opened,
      wrong: row.wrong,
    })),
  )
}

const ALL: readonly Protection[] = [
  VoiceMode.AeadAes256GcmRtpsize,
  VoiceMode.AeadXchacha20Poly1305Rtpsize,
  ...Object.values(SrtpProfile),
]

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '1' },
      engines: { type: 'string', default: 'ffi,portable' },
      members: { type: 'string', default: '10,25,100' },
      protections: { type: 'string', default: ALL.join(',') },
    },
  })
  const rows = await benchPacketEngines({
    seconds: Number(values.seconds),
    engines: values.engines.split(',') as EngineName[],
    members: values.members.split(',').map(Number),
    protections: values.protections.split(',') as Protection[],
  })
  print(rows)
  if (rows.some(({ opened, wrong }) => opened === 0 || wrong > 0))
    throw new Error('wrong packets, or no packets received')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
