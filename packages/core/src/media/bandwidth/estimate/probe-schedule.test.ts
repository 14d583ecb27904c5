import assert from 'node:assert/strict'
import { test } from 'node:test'
import { estimateAfter, ProbeSchedule } from './probe-schedule.ts'

const MEGABIT = 1_000_000
const TURNAROUND = 100

interface Path {
  /** Bits per second of the link. */
  rate: number
  /** Whether a packet is lost, by its index. */
  isLost?: (index: number) => boolean
  /** Milliseconds between two turns of the sender. */
  turn?: number
  /** Milliseconds from the beginning of the probe to the first of them. */
  late?: number
}

/** Sends one probe, and returns its result. */
function probe(schedule: ProbeSchedule, estimate: number, start: number, path: Path): number {
  const { rate, isLost, turn = 1, late = 0 } = path
  schedule.begin(estimate, 10 * MEGABIT, start)
  const { probe } = schedule
  const arrivals: number[] = []
  let free = start
  for (let now = start + late; probe.isSending; now += turn)
    while (probe.due(now) > 0) {
      probe.sent(arrivals.length, probe.packetSize, true, now)
      free = Math.max(free, now) + (probe.packetSize * 8_000) / rate
      arrivals.push(free + TURNAROUND / 2)
    }
  probe.cover(arrivals.length)
  for (const [index, arrival] of arrivals.entries())
    probe.reported(probe.packetSize, isLost?.(index) === true ? Number.NaN : arrival)
  return schedule.take(isLost === undefined ? 0 : 0.1, TURNAROUND, estimate, start + 200)
}

test('a probe measures a full link, and that a faster one carries it', () => {
  const schedule = new ProbeSchedule()
  const full = probe(schedule, MEGABIT, 1_000, { rate: 1.1 * MEGABIT })
  assert.ok(full < 0 && Math.abs(full / (-0.95 * 1.1 * MEGABIT) - 1) < 0.03, String(full))
  assert.equal(schedule.isRaised(1_200), false)
  const free = probe(schedule, MEGABIT, 3_000, { rate: 50 * MEGABIT })
  assert.ok(free > 3.5 * MEGABIT && free < 4.8 * MEGABIT, String(free))
  assert.ok(schedule.isRaised(3_200) && schedule.at === 3_200, 'the next probe follows at once')
})

test('packets that a link loses at any rate do not make it slower', () => {
  for (const lost of [[0], [4], [3, 6], [9]]) {
    const path = { rate: MEGABIT, isLost: (index: number) => lost.includes(index) }
    const result = probe(new ProbeSchedule(), MEGABIT, 1_000, path)
    assert.ok(Math.abs(result / (-0.95 * MEGABIT) - 1) < 0.05, `${lost}: ${result}`)
  }
})

test('late timers neither hide a full link nor invent one', () => {
  const full = probe(new ProbeSchedule(), 0.5 * MEGABIT, 1_000, { rate: 0.5 * MEGABIT, turn: 5 })
  assert.ok(full < 0 && Math.abs(full / (-0.95 * 0.5 * MEGABIT) - 1) < 0.1, String(full))
  const free = probe(new ProbeSchedule(), 0.5 * MEGABIT, 1_000, { rate: 20 * MEGABIT, turn: 5 })
  assert.ok(free > MEGABIT, String(free))
})

test('a probe that a late timer sends at once raises the estimate no further than it was meant to', () => {
  const schedule = new ProbeSchedule()
  const late = probe(schedule, MEGABIT, 1_000, { rate: 200 * MEGABIT, late: 20 })
  assert.ok(late >= MEGABIT && late <= 8 * MEGABIT, String(late))
})

test('a probe of which most is lost measures nothing, and is repeated soon, once', () => {
  const schedule = new ProbeSchedule()
  const isLost = (index: number) => index % 3 > 0
  assert.equal(probe(schedule, MEGABIT, 1_000, { rate: MEGABIT, isLost }), 0)
  const soon = schedule.at - 1_200
  probe(schedule, MEGABIT, 2_000, { rate: MEGABIT, isLost })
  probe(schedule, MEGABIT, 3_000, { rate: MEGABIT, isLost })
  assert.ok(schedule.at - 3_200 > soon, `${soon}, then ${schedule.at - 3_200}`)
})

test('a result that differs little counts half', () => {
  assert.equal(estimateAfter(-1.1 * MEGABIT, MEGABIT), 1.05 * MEGABIT)
  assert.equal(estimateAfter(-0.5 * MEGABIT, MEGABIT), 0.85 * MEGABIT)
  assert.equal(estimateAfter(-2 * MEGABIT, MEGABIT), 2 * MEGABIT)
  assert.equal(estimateAfter(0.8 * MEGABIT, MEGABIT), MEGABIT)
})
