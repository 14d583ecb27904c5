// What a forwarded packet costs on each packet engine, saturated, beside its floor: bare sendmmsg and bare sealing of the same
// packets to the same sockets. CPU is that of this process; clients are in another one.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { ADDRESS_WORDS, type LaneCommand, type LaneEvent, SLOT, writeAddress } from '@parley/core'
import { PROTECTION_LAYOUTS, VoiceMode, writeServerNonce } from '@parley/protocol'
import { FfiEngine } from '../../packages/server/src/lane/ffi-engine.ts'
import { InlineLane } from '../../packages/server/src/lane/lane-inline.ts'
import { LaneLoop } from '../../packages/server/src/lane/lane-loop.ts'
import { NAME_WORDS, writeSocketName } from '../../packages/server/src/lane/message-slots.ts'
import { MessageSocket, SOCKET_SIZE } from '../../packages/server/src/lane/message-socket.ts'
import { Native } from '../../packages/server/src/lane/native-calls.ts'
import { NativeMemory } from '../../packages/server/src/lane/native-memory.ts'
import { protectionReady } from '../../packages/server/src/lane/protection.ts'
import { type SlotCipher, SlotCiphers } from '../../packages/server/src/lane/slot-ciphers.ts'
import { BARE_TYPE, CREDIT, type SaturationLoad, type SaturationReport, WINDOW } from './saturation.ts'

export interface EngineRow {
  engine: 'ffi' | 'portable'
  mode: VoiceMode
  members: number
  /** User and system CPU per forwarded packet, µs. */
  microseconds: number
  /** The same of the floor of this row: measured right after it, to the same sockets. */
  floor: number
  /** By the floor: median of slices, each by the floor right after it. */
  ratio: number
  forwarded: number
  /** Share of the time that the lane had something to do. */
  busy: number
  /** Growth of the JavaScript heap per million forwarded, bytes. */
  heap: number
  collections: number
  opened: number
  wrong: number
}

export interface EngineBenchOptions {
  /** Of each measurement, after a third of it to warm up. */
  seconds: number
  members?: readonly number[]
  modes?: readonly VoiceMode[]
  engines?: readonly EngineRow['engine'][]
}

const PAYLOAD = 120
/** Header, tag and trailer. */
const SEALED = 12 + PAYLOAD + 16 + 4
const ALL_MEMBERS = 1000
const BURST = 128
const SLICES = 5
/** Before each slice, so that what was on its way is gone. */
const SETTLE = 60
/** Bare packets on their way: what the channels' windows come to. */
const IN_FLIGHT = 6_000
const KEY = Array.from({ length: 32 }, (_, index) => index)
const LOAD = fileURLToPath(new URL('saturation-load.ts', import.meta.url))
const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))
const cpu = (since?: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since)
  return user + system
}

interface Running {
  port: number
  command(command: LaneCommand): void
  forwarded(): number
  /** Works for so long. */
  run(milliseconds: number): Promise<void>
  /** Share of the time since the last call that it worked. */
  busy(): number
  close(): Promise<void>
}

const ready = await Native.load()
if (typeof ready === 'string') throw new Error(`the ffi engine does not run here: ${ready}`)
const native = ready

function startFfi(): Running {
  const engine = new FfiEngine(native, { ip: '127.0.0.1', port: 0 })
  const loop = new LaneLoop(engine, { onEvents: () => {} })
  return {
    port: engine.socket.port,
    command: command => loop.command(command),
    forwarded: () => engine.packets,
    async run(milliseconds) {
      await pause(0)
      // The clock is looked at now and then only: a number of it is garbage.
      for (const end = performance.now() + milliseconds; performance.now() < end; )
        for (let count = 0; count < 32; count++) if (!loop.turn()) loop.wait(1)
    },
    busy: () => loop.busy(),
    close: async () => loop.close(),
  }
}

async function startPortable(): Promise<Running> {
  let sent = 0
  const onEvents = (events: readonly LaneEvent[]) => {
    for (const event of events) if (event.kind === 'counters') sent = event.counters.packetsOut
  }
  const lane = await InlineLane.open({ id: 0, ip: '127.0.0.1', port: 0, onEvents })
  let last = performance.eventLoopUtilization()
  return {
    port: lane.port,
    command: command => lane.command(command),
    forwarded() {
      lane.command({ kind: 'report' })
      return sent
    },
    run: async milliseconds => void (await pause(milliseconds)),
    busy() {
      const now = performance.eventLoopUtilization()
      const share = performance.eventLoopUtilization(now, last).utilization
      last = now
      return share
    },
    close: () => lane.close(),
  }
}

/** Measures each engine with each mode and number of members. */
export async function benchPacketEngines(options: EngineBenchOptions): Promise<EngineRow[]> {
  const { seconds, members = [10, 25, 100], engines = ['ffi', 'portable'] } = options
  const { modes = [VoiceMode.AeadAes256GcmRtpsize, VoiceMode.AeadXchacha20Poly1305Rtpsize] } = options
  await protectionReady()
  const rows: EngineRow[] = []
  for (const count of members)
    for (const mode of modes) for (const engine of engines) rows.push(await benchEngine(engine, mode, count, seconds))
  return rows
}

async function benchEngine(
  engine: EngineRow['engine'],
  mode: VoiceMode,
  members: number,
  seconds: number,
): Promise<EngineRow> {
  const running = engine === 'ffi' ? startFfi() : await startPortable()
  const { child, ports } = await startChannels(running, mode, members)
  const bare = new BareSender(mode, members, ports)
  const slice = (seconds * 1000) / SLICES
  const slices: (Slice & { floor: number })[] = []
  await running.run(seconds * 500)
  // Lane and floor take turns, so that what else the machine does falls on both.
  for (let count = 0; count < SLICES; count++) {
    child.send('talk')
    await running.run(SETTLE)
    const measured = await measure(running, slice)
    child.send('rest')
    await running.run(SETTLE)
    bare.run(SETTLE)
    slices.push({ ...measured, floor: bare.measure(slice) })
  }
  bare.close()
  const { opened, wrong } = await stop(child)
  await running.close()
  const sum = (of: (slice: Slice) => number) => slices.reduce((total, each) => total + of(each), 0)
  const forwarded = sum(each => each.forwarded)
  return {
    engine,
    mode,
    members,
    microseconds: median(slices.map(each => each.microseconds)),
    floor: median(slices.map(each => each.floor)),
    ratio: median(slices.map(each => each.microseconds / each.floor)),
    forwarded,
    busy: sum(each => each.busy) / SLICES,
    heap: (sum(each => each.heap) * 1e6) / forwarded,
    collections: sum(each => each.collections),
    opened,
    wrong,
  }
}

interface Slice {
  microseconds: number
  forwarded: number
  busy: number
  heap: number
  collections: number
}

async function measure(running: Running, milliseconds: number): Promise<Slice> {
  running.busy()
  const collections = countCollections()
  const before = { packets: running.forwarded(), heap: process.memoryUsage().heapUsed, cpu: process.cpuUsage() }
  await running.run(milliseconds)
  const spent = cpu(before.cpu)
  const heap = process.memoryUsage().heapUsed - before.heap
  const forwarded = running.forwarded() - before.packets
  return { microseconds: spent / forwarded, forwarded, busy: running.busy(), heap, collections: collections() }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!

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

/** Seals and sends alone: the least that a forwarded packet can cost here. */
class BareSender {
  readonly #memory = new NativeMemory(native, SOCKET_SIZE + 4 * SLOT)
  readonly #socket = new MessageSocket(native, this.#memory, { ip: '127.0.0.1', port: 0 })
  readonly #ciphers = new SlotCiphers(native, this.#memory)
  readonly #plain = this.#memory.take(SLOT)
  readonly #targets: { name: Int32Array; cipher: SlotCipher }[]
  #credits = 0
  #sent = 0

  constructor(mode: VoiceMode, members: number, ports: readonly number[]) {
    this.#memory.bytes.set([0x80, BARE_TYPE], this.#plain)
    const words = new Int32Array(ADDRESS_WORDS)
    const targets = ports.map(port => {
      writeAddress(words, 0, '127.0.0.1', port)
      const name = new Int32Array(NAME_WORDS)
      writeSocketName(new DataView(name.buffer), 0, false, words, 0)
      return { name, cipher: this.#ciphers.make(PROTECTION_LAYOUTS[mode].cipher, Uint8Array.from(KEY)) }
    })
    // As the lane: the listeners of a channel, once for each packet that its speaker has on the way, then those of the next.
    this.#targets = Array.from({ length: ports.length / members }, (_, channel) => {
      const listeners = targets.slice(channel * members + 1, (channel + 1) * members)
      return Array.from({ length: WINDOW }, () => listeners).flat()
    }).flat()
  }

  /** µs of CPU per packet. */
  measure(milliseconds: number): number {
    const start = process.cpuUsage()
    const from = this.#sent
    this.run(milliseconds)
    return cpu(start) / (this.#sent - from)
  }

  run(milliseconds: number): void {
    const socket = this.#socket
    const isAhead = () => this.#sent - this.#credits * CREDIT > IN_FLIGHT
    for (const end = performance.now() + milliseconds; performance.now() < end; ) {
      if (isAhead()) socket.wait(1)
      for (let batch = socket.receive(64); batch !== undefined; batch = socket.receive(64)) this.#credits += batch.count
      if (!isAhead()) this.#burst()
    }
  }

  close(): void {
    for (const { cipher } of this.#targets) cipher.close()
    this.#ciphers.close()
    this.#socket.close()
  }

  #burst(): void {
    const { words } = this.#memory
    const plain = this.#plain
    for (let count = 0; count < BURST; count++) {
      const { name, cipher } = this.#targets[this.#sent++ % this.#targets.length]!
      const out = this.#socket.claim()
      for (let word = 0; word < 3; word++) words[(out >> 2) + word] = words[(plain >> 2) + word]!
      writeServerNonce(cipher.nonce, 0, this.#sent)
      cipher.seal(out, 12, plain + 12, PAYLOAD, out + 12)
      this.#socket.queue(SEALED, name)
    }
    this.#socket.flush()
  }
}

async function startChannels(
  lane: Running,
  mode: VoiceMode,
  members: number,
): Promise<{ child: ChildProcess; ports: number[] }> {
  const ssrcOf = (peer: number) => 1000 + peer * 8
  const channels = Array.from({ length: Math.ceil(ALL_MEMBERS / members) }, (_, channel) =>
    Array.from({ length: members }, (_, index) => channel * members + index + 1),
  )
  for (const peer of channels.flat())
    lane.command({ kind: 'addPeer', peer, ssrcs: Int32Array.from({ length: 8 }, (_, index) => ssrcOf(peer) + index) })
  const child = fork(LOAD, { serialization: 'advanced' })
  const load: SaturationLoad = {
    port: lane.port,
    mode,
    key: KEY,
    channels: channels.map(peers => peers.map(ssrcOf)),
    payload: PAYLOAD,
  }
  child.send(load)
  const [{ ports }] = (await once(child, 'message')) as [Extract<SaturationReport, { kind: 'ready' }>]
  await lane.run(300)
  for (const [channel, peers] of channels.entries()) {
    lane.command({ kind: 'openTargets', targets: channel + 1 })
    for (const peer of peers) {
      const key = Uint8Array.from(KEY)
      lane.command({
        kind: 'protectPeer',
        peer,
        protection: mode,
        key,
        nonceStart: peer * 1000,
        claimed: { ip: '127.0.0.1', port: ports[peer - 1]! },
      })
      lane.command({ kind: 'addTarget', targets: channel + 1, peer })
      lane.command({ kind: 'setRoute', ssrc: ssrcOf(peer), owner: peer, media: 'audio', targets: channel + 1 })
    }
  }
  return { child, ports }
}

async function stop(child: ChildProcess): Promise<Extract<SaturationReport, { kind: 'heard' }>> {
  const report = once(child, 'message') as Promise<[Extract<SaturationReport, { kind: 'heard' }>]>
  child.send('stop')
  const [heard] = await report
  return heard
}

function print(rows: readonly EngineRow[]): void {
  console.table(
    rows.map(row => ({
      engine: row.engine,
      mode: row.mode,
      members: row.members,
      µs: row.microseconds.toFixed(2),
      floor: row.floor.toFixed(2),
      ratio: row.ratio.toFixed(2),
      busy: row.busy.toFixed(2),
      forwarded: row.forwarded,
      'heap kB/M': (row.heap / 1000).toFixed(0),
      collections: row.collections,
      opened: row.opened,
      wrong: row.wrong,
    })),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [seconds = '1', engines, members] = process.argv.slice(2)
  const list = engines?.split(',') as EngineRow['engine'][] | undefined
  print(await benchPacketEngines({ seconds: Number(seconds), engines: list, members: members?.split(',').map(Number) }))
}
