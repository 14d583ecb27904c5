// Mapping of a sender's sources to one clock, with any offset and drift.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../../limits.ts'
import { type Peer, Peers } from '../address/peers.ts'
import { ClockMap } from './clock-map.ts'
import { ReceiveStats } from './receive-stats.ts'

const AUDIO = 0
const VIDEO = 1

function scene() {
  const stats = new ReceiveStats()
  const clocks = new ClockMap(stats)
  stats.resize(2)
  clocks.resize(2)
  const peers = new Peers()
  peers.add(1, Int32Array.of(1000))
  const owner: Peer = peers.get(1)!
  return { stats, clocks, owner }
}

test('between reports the timestamp advances with the clock', () => {
  const { clocks, owner } = scene()
  clocks.reported(AUDIO, owner, 9e12, 1_000, 500)
  assert.equal(clocks.timestampAt(AUDIO, 500, 48), 1_000)
  assert.equal(clocks.timestampAt(AUDIO, 1_500, 48), 49_000)
})

test('sources of one sender stay in sync although their reports have different delays', () => {
  const { clocks, owner } = scene()
  clocks.reported(AUDIO, owner, 10_000, 0, 1_020)
  clocks.reported(VIDEO, owner, 10_000, 0, 1_150)
  const skew = clocks.timestampAt(AUDIO, 3_000, 48) / 48 - clocks.timestampAt(VIDEO, 3_000, 90) / 90
  assert.ok(Math.abs(skew) < 5, `${skew} ms`)
})

test('a clock step is followed at once, a drift gradually', () => {
  const { clocks, owner } = scene()
  clocks.reported(AUDIO, owner, 10_000, 0, 1_000)
  clocks.reported(AUDIO, owner, 3_610_000, 0, 2_000)
  assert.equal(clocks.timestampAt(AUDIO, 2_000, 48), 0)
  // 100 ppm slow is 0.36 s per hour.
  for (let now = 2_000; now < 7_200_000; now += 5_000) clocks.reported(AUDIO, owner, now * 0.9999, 0, now)
  const late = clocks.timestampAt(AUDIO, 7_197_000, 48) / 48
  assert.ok(Math.abs(late) < 50, `${late} ms`)
})

test('an expired report and the report of a replaced source are not used', () => {
  const { stats, clocks, owner } = scene()
  clocks.reported(AUDIO, owner, 10_000, 0, 1_000)
  const now = 1_000 + LIMITS.senderReportLife
  stats.received(AUDIO, 1, 5, now, 48)
  assert.equal(clocks.timestampAt(AUDIO, now + 10, 48), 485)
  clocks.reported(AUDIO, owner, 10_000, 0, now)
  clocks.reset(AUDIO)
  assert.equal(clocks.timestampAt(AUDIO, now + 10, 48), 485)
})
