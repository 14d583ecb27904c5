// Sources on one clock: that of who sends them, wherever it stands and however it drifts.
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

test('between reports the timestamp goes on with the clock', () => {
  const { clocks, owner } = scene()
  clocks.reported(AUDIO, owner, 9e12, 1_000, 500)
  assert.equal(clocks.timestampAt(AUDIO, 500, 48), 1_000)
  assert.equal(clocks.timestampAt(AUDIO, 1_500, 48), 49_000)
})

test('what was sent together stays together, however differently long its reports took', () => {
  const { clocks, owner } = scene()
  clocks.reported(AUDIO, owner, 10_000, 0, 1_020)
  clocks.reported(VIDEO, owner, 10_000, 0, 1_150)
  const skew = clocks.timestampAt(AUDIO, 3_000, 48) / 48 - clocks.timestampAt(VIDEO, 3_000, 90) / 90
  assert.ok(Math.abs(skew) < 5, `${skew} ms`)
})

test('a clock that is set anew is followed at once, and one that drifts in time', () => {
  const { clocks, owner } = scene()
  clocks.reported(AUDIO, owner, 10_000, 0, 1_000)
  clocks.reported(AUDIO, owner, 3_610_000, 0, 2_000)
  assert.equal(clocks.timestampAt(AUDIO, 2_000, 48), 0)
  // 100 ppm slow: 0.36 s in an hour.
  for (let now = 2_000; now < 7_200_000; now += 5_000) clocks.reported(AUDIO, owner, now * 0.9999, 0, now)
  const late = clocks.timestampAt(AUDIO, 7_197_000, 48) / 48
  assert.ok(Math.abs(late) < 50, `${late} ms`)
})

test('a report that is long ago, and one of another source, is not believed any more', () => {
  const { stats, clocks, owner } = scene()
  clocks.reported(AUDIO, owner, 10_000, 0, 1_000)
  const now = 1_000 + LIMITS.senderReportLife
  stats.received(AUDIO, 1, 5, now, 48)
  assert.equal(clocks.timestampAt(AUDIO, now + 10, 48), 485)
  clocks.reported(AUDIO, owner, 10_000, 0, now)
  clocks.reset(AUDIO)
  assert.equal(clocks.timestampAt(AUDIO, now + 10, 48), 485)
})
