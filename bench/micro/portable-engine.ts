// What a forwarded packet costs on the portable engine: a channel with one speaker, over real loopback UDP, saturated.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LaneEvent } from '@parley/core'
import { VoiceMode } from '@parley/protocol'
import { openDgramPort } from '../../packages/server/src/lane/dgram-port.ts'
import { InlineLane } from '../../packages/server/src/lane/lane-inline.ts'
import type { Load, LoadReport } from './channel-load.ts'

export interface PortableRow {
  mode: VoiceMode
  members: number
  /** CPU of a forwarded packet by that of the send alone: it says more than µs about another machine. */
  ratio: number
  /** User and system CPU of the lane's process per forwarded packet, in µs. */
  microseconds: number
  packetsPerCpuSecond: number
  forwarded: number
  /** Samples that listeners opened and found right, and those they did not. */
  opened: number
  wrong: number
}

export interface PortableBenchOptions {
  /** Of each row, after a quarter of it to warm up. */
  seconds: number
  members?: readonly number[]
  modes?: readonly VoiceMode[]
}

const PAYLOAD = 120
/** Header, tag and trailer of the common modes. */
const OVERHEAD = 12 + 16 + 4
/** Copies of one packet in the bare send: as for a channel of 25. */
const BURST = 24
const KEY = Array.from({ length: 32 }, (_, index) => index)
const LOAD = fileURLToPath(new URL('channel-load.ts', import.meta.url))
const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))
const ssrcOf = (peer: number) => 1000 + peer * 8
const cpu = (since?: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since)
  return user + system
}

/** Measures each mode with each number of members. */
export async function benchPortableEngine(options: PortableBenchOptions): Promise<PortableRow[]> {
  const { seconds, members = [10, 25, 100], modes = Object.values(VoiceMode) } = options
  const floor = await bareSend(seconds)
  const rows: PortableRow[] = []
  for (const mode of modes) for (const count of members) rows.push(await benchChannel(mode, count, seconds, floor))
  return rows
}

/** µs of CPU for a port's `send` alone, to a socket of another process. */
async function bareSend(seconds: number): Promise<number> {
  const child = fork(LOAD)
  child.send('sink')
  const [sink] = (await once(child, 'message')) as [Extract<LoadReport, { kind: 'sink' }>]
  const port = await openDgramPort({ ip: '127.0.0.1', port: 0, onDatagram() {} })
  const to = port.destination({ ip: '127.0.0.1', port: sink.port })
  const bytes = new Uint8Array(PAYLOAD + OVERHEAD)
  const end = performance.now() + seconds * 1000
  const start = process.cpuUsage()
  let sent = 0
  for (; performance.now() < end; sent += BURST) {
    for (let count = 0; count < BURST; count++) port.send(bytes, 0, bytes.length, to)
    await new Promise(resolve => setImmediate(resolve))
  }
  const spent = cpu(start)
  child.send('stop')
  await port.close()
  return spent / sent
}

async function benchChannel(mode: VoiceMode, members: number, seconds: number, floor: number): Promise<PortableRow> {
  let sent = 0
  const onEvents = (events: readonly LaneEvent[]) => {
    for (const event of events) if (event.kind === 'counters') sent = event.counters.packetsOut
  }
  const lane = await InlineLane.open({ id: 0, ip: '127.0.0.1', port: 0, onEvents })
  const child = await startChannel(lane, mode, members)
  const forwarded = () => {
    lane.command({ kind: 'report' })
    return sent
  }
  await pause(seconds * 250)
  const before = { cpu: process.cpuUsage(), packets: forwarded() }
  await pause(seconds * 1000)
  const packets = forwarded() - before.packets
  const microseconds = cpu(before.cpu) / packets
  const { opened, wrong } = await stopChannel(child)
  await lane.close()
  const packetsPerCpuSecond = 1e6 / microseconds
  return {
    mode,
    members,
    ratio: microseconds / floor,
    microseconds,
    packetsPerCpuSecond,
    forwarded: packets,
    opened,
    wrong,
  }
}

async function startChannel(lane: InlineLane, mode: VoiceMode, members: number): Promise<ChildProcess> {
  const peers = Array.from({ length: members }, (_, index) => index + 1)
  for (const peer of peers)
    lane.command({ kind: 'addPeer', peer, ssrcs: Int32Array.from({ length: 8 }, (_, index) => ssrcOf(peer) + index) })
  const child = fork(LOAD, { serialization: 'advanced' })
  const load: Load = { port: lane.port, mode, key: KEY, ssrcs: peers.map(ssrcOf), payload: PAYLOAD }
  child.send(load)
  await once(child, 'message')
  lane.command({ kind: 'openTargets', targets: 1 })
  for (const peer of peers) {
    lane.command({ kind: 'protectPeer', peer, protection: mode, key: Uint8Array.from(KEY), nonceStart: peer * 1000 })
    lane.command({ kind: 'addTarget', targets: 1, peer })
    lane.command({ kind: 'setRoute', ssrc: ssrcOf(peer), owner: peer, media: 'audio', targets: 1 })
  }
  child.send('go')
  return child
}

async function stopChannel(child: ChildProcess): Promise<Extract<LoadReport, { kind: 'heard' }>> {
  const report = once(child, 'message') as Promise<[Extract<LoadReport, { kind: 'heard' }>]>
  child.send('stop')
  const [heard] = await report
  return heard
}

function print(rows: readonly PortableRow[]): void {
  const line = (...cells: string[]) =>
    console.log(
      `${cells[0]!.padEnd(34)}${cells
        .slice(1)
        .map(cell => cell.padStart(10))
        .join('')}`,
    )
  line('mode', 'members', 'ratio', 'µs', 'per CPU s', 'opened', 'wrong')
  for (const { mode, members, ratio, microseconds, packetsPerCpuSecond, opened, wrong } of rows) {
    const rate = Math.round(packetsPerCpuSecond)
    line(mode, `${members}`, ratio.toFixed(2), microseconds.toFixed(1), `${rate}`, `${opened}`, `${wrong}`)
  }
  console.log('ratio: CPU per forwarded packet by that of the send alone')
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  print(await benchPortableEngine({ seconds: Number(process.argv[2] ?? 1) }))
