// Loss, jitter and duplicates of one source.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReceiveStats } from './receive-stats.ts'

/** Feeds packets of 20 ms that arrive on time or after `delay`. */
const feed = (stats: ReceiveStats, sequences: number[], delay: (position: number) => number = () => 0) =>
  sequences.map((sequence, position) =>
    stats.receive(sequence & 0xffff, (sequence * 960) >>> 0, sequence * 20 + delay(position)),
  )
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

test('packets that arrive on time have neither loss nor jitter, also across the wrap', () => {
  const stats = new ReceiveStats(7)
  feed(stats, range(65_500, 65_700))
  assert.deepEqual(stats.report, { ssrc: 7, packets: 200, lost: 0, jitter: 0 })
})

test('packets missing between the first and the newest are lost until they arrive late', () => {
  const stats = new ReceiveStats(7)
  feed(stats, [10, 11, 14, 15])
  assert.equal(stats.report.lost, 2)
  feed(stats, [12])
  assert.equal(stats.report.lost, 1)
  feed(stats, [9])
  assert.equal(stats.report.lost, 1, 'a packet before the first was not expected')
})

test('a duplicate, or a packet older than the window, is refused', () => {
  const stats = new ReceiveStats(7)
  assert.deepEqual(feed(stats, [100, 102, 102, 101, 101, 100]), [true, true, false, true, false, false])
  assert.deepEqual(feed(stats, [165, 101, 102, 103]), [true, false, false, true])
  assert.deepEqual(feed(stats, [300, 236, 237]), [true, false, true])
})

test('a large jump of the sequence restarts the statistics', () => {
  const stats = new ReceiveStats(7)
  feed(stats, [1, 2, 3])
  assert.deepEqual(feed(stats, [40_000, 40_001]), [true, true])
  assert.equal(stats.report.lost, 0)
})

test('jitter converges to the mean change of delay', () => {
  const stats = new ReceiveStats(7)
  feed(stats, range(0, 500), position => (position % 2) * 8)
  assert.ok(Math.abs(stats.report.jitter - 8) < 0.01, `jitter ${stats.report.jitter}`)
})

test('a wrapped timestamp does not count as delay', () => {
  const stats = new ReceiveStats(7)
  const around = Math.floor(2 ** 32 / 960)
  feed(stats, range(around - 20, around + 20))
  assert.ok(stats.report.jitter < 0.1, `jitter ${stats.report.jitter}`)
})

test('a report block counts the loss of its interval, and there is one only after new packets', () => {
  const stats = new ReceiveStats(7)
  assert.ok(!stats.isActive)
  feed(stats, [10, 11, 14, 15])
  assert.ok(stats.isActive)
  const { ssrc, fractionLost, packetsLost, highestSequence } = stats.takeBlock()
  assert.deepEqual([ssrc, fractionLost, packetsLost, highestSequence], [7, Math.floor((2 * 256) / 6), 2, 15])
  assert.ok(!stats.isActive)
  feed(stats, [16, 17, 12])
  const next = stats.takeBlock()
  assert.deepEqual([next.fractionLost, next.packetsLost], [0, 1])
})
