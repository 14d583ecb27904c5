// One room of 5,000 listeners and one speaker on one lane and on two, in turn: CPU per copy, and the time until the last listener
// has a packet. Without gateway; the members are another process. Arguments: listeners, packets per second, rounds.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LaneCounters, LaneEvent } from '@parley/core'
import { Lanes } from '../../packages/server/src/lane/thread/lanes.ts'
import { median } from '../statistics.ts'
import { KEY, MODE, type RoomOrder, type RoomReport, SPEAKER, ssrcOf } from './room-load.ts'

const LOAD = fileURLToPath(new URL('room-load.ts', import.meta.url))
const [listeners = 5_000, perSecond = 8, rounds = 3] = process.argv.slice(2).map(Number)
const SECONDS = 4
const TARGETS = 1
const MEMBERS = listeners + 1

/** A room on so many lanes, and the process of its members. */
class Room {
  readonly lanes: Lanes
  readonly load: ChildProcess
  readonly slices: { microseconds: number; last: number; loss: number }[] = []
  readonly #counters: (LaneCounters | undefined)[] = []
  #bound = 0

  static async open(count: number): Promise<Room> {
    let room: Room | undefined
    const lanes = await Lanes.open(
      { engine: 'ffi', count, ip: '127.0.0.1', port: 0 },
      {
        laneEvents: (lane, events) => room?.noted(lane, events),
        laneLost: (_, reason) => console.error(reason),
        laneReplaced() {},
        laneMissing() {},
      },
    )
    room = new Room(lanes)
    await room.#join(count)
    return room
  }

  private constructor(lanes: Lanes) {
    this.lanes = lanes
    this.load = fork(LOAD)
  }

  /** As control opens a channel: see `ChannelLanes`. */
  async #join(count: number): Promise<void> {
    const others = Array.from({ length: count - 1 }, (_, index) => index + 1)
    for (let peer = 1; peer <= MEMBERS; peer++) {
      const lane = (peer - 1) % count
      this.lanes.command(lane, { kind: 'addPeer', peer, ssrcs: Int32Array.of(ssrcOf(peer)) })
      this.lanes.command(lane, { kind: 'protectPeer', peer, protection: MODE, key: KEY.slice(), nonceStart: peer })
    }
    this.lanes.flush()
    await this.#ask({ kind: 'bind', ports: this.lanes.all.map(({ port }) => port), members: MEMBERS })
    while (this.#bound < MEMBERS) await pause(10)
    for (const { id } of this.lanes.all) this.lanes.command(id, { kind: 'openTargets', targets: TARGETS })
    for (let peer = 2; peer <= MEMBERS; peer++)
      this.lanes.command((peer - 1) % count, { kind: 'addTarget', targets: TARGETS, peer })
    const route = { kind: 'setRoute', ssrc: ssrcOf(SPEAKER), media: 'audio', targets: TARGETS } as const
    for (const lane of others) {
      const peer = MEMBERS + 1
      this.lanes.command(lane, { kind: 'addPeer', peer, ssrcs: Int32Array.of(ssrcOf(SPEAKER)), lane: 0 })
      this.lanes.command(lane, { ...route, owner: peer })
    }
    this.lanes.command(0, { ...route, owner: SPEAKER, lanes: others })
    this.lanes.flush()
  }

  async measure(seconds: number): Promise<void> {
    const copies = await this.#copies()
    const before = process.cpuUsage()
    const report = (await this.#ask({ kind: 'speak', perSecond, seconds })) as RoomReport
    const { user, system } = process.cpuUsage(before)
    const sent = (await this.#copies()) - copies
    const expected = report.packets * listeners
    this.slices.push({
      microseconds: (user + system) / sent,
      last: median(report.last),
      loss: 1 - report.copies / expected,
    })
  }

  async close(): Promise<void> {
    this.load.disconnect()
    await this.lanes.close()
  }

  async #copies(): Promise<number> {
    this.#counters.length = 0
    for (const { id } of this.lanes.all) this.lanes.command(id, { kind: 'report' })
    this.lanes.flush()
    while (this.lanes.all.some(({ id }) => this.#counters[id] === undefined)) await pause(5)
    return this.#counters.reduce((sum, counters) => sum + (counters?.packetsOut ?? 0), 0)
  }

  async #ask(order: RoomOrder): Promise<unknown> {
    this.load.send(order)
    return (await once(this.load, 'message'))[0]
  }

  noted(lane: number, events: readonly LaneEvent[]): void {
    for (const event of events) {
      if (event.kind === 'addressBound') this.#bound++
      if (event.kind === 'counters') this.#counters[lane] = event.counters
    }
  }
}

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))

const rooms = [await Room.open(1), await Room.open(2)]
for (const room of rooms) await room.measure(SECONDS / 2)
for (const room of rooms) room.slices.length = 0
for (let round = 0; round < rounds; round++) for (const room of rooms) await room.measure(SECONDS)
const [one, two] = rooms.map(({ slices }) => slices)
for (const [index, slices] of [one!, two!].entries()) {
  const of = (key: 'microseconds' | 'last' | 'loss') => median(slices.map(slice => slice[key]))
  const share = Math.max(0, of('loss') * 100).toFixed(2)
  console.log(
    `${index + 1} lane(s): ${of('microseconds').toFixed(2)} µs CPU per copy, last copy after ${of('last').toFixed(1)} ms, ${share} % lost`,
  )
}
const ratio = (key: 'microseconds' | 'last') =>
  median(one!.map((slice, index) => two![index]![key] / slice[key])).toFixed(2)
console.log(`2 lanes to 1: CPU per copy ${ratio('microseconds')}, time to the last copy ${ratio('last')}`)
for (const room of rooms) await room.close()
