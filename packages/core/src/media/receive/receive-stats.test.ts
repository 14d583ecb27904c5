// Loss, jitter and highest sequence of RFC 3550, on streams with known results.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReceiveStats } from './receive-stats.ts'

function makeStats() {
  const stats = new ReceiveStats()
  /** Receives a 20 ms Opus packet with this index, `late` milliseconds after its nominal time. */
  const receive = (index: number, late = 0) => stats.received(index & 0xffff, (index * 960) | 0, index * 20 + late, 48)
  return { stats, receive, block: (now = 0) => stats.takeBlock(7, now) }
}

test('a stream without loss reports none across the sequence wrap', () => {
  const { receive, block } = makeStats()
  for (let index = 65_500; index < 65_600; index++) receive(index)
  assert.deepEqual(block(), {
    ssrc: 7,
    fractionLost: 0,
    packetsLost: 0,
    highestSequence: 65_599,
    jitter: 0,
    lastSenderReport: 0,
    delay: 0,
  })
})

test('fraction lost is 64/256 for every fourth packet lost, and covers only the last interval', () => {
  const { receive, block } = makeStats()
  for (let index = 0; index < 400; index++) if (index % 4 !== 2) receive(index)
  const first = block()
  assert.deepEqual([first.fractionLost, first.packetsLost], [64, 100])
  for (let index = 400; index < 500; index++) receive(index)
  const second = block()
  assert.deepEqual([second.fractionLost, second.packetsLost], [0, 100])
})

test('reordered packets do not count as lost', () => {
  const { receive, block } = makeStats()
  for (const index of [3, 1, 2, 0, 4]) receive(index)
  const { packetsLost, fractionLost, highestSequence } = block()
  assert.deepEqual([packetsLost, fractionLost, highestSequence], [0, 0, 4])
})

test('a packet that was requested counts as received, and neither its sequence nor its arrival says anything', () => {
  const { stats, receive, block } = makeStats()
  for (let index = 0; index < 300; index++) if (index !== 100) receive(index)
  const timestamp = stats.timestampAt(6_000, 48)
  stats.returned()
  const { packetsLost, highestSequence, jitter } = block()
  assert.deepEqual([packetsLost, highestSequence, jitter], [0, 299, 0])
  assert.equal(stats.timestampAt(6_000, 48), timestamp)
})

test('a packet that was overtaken counts for neither jitter nor clock: it may have been sent again', () => {
  const { stats, receive, block } = makeStats()
  for (let index = 0; index < 30; index++) if (index !== 20) receive(index)
  const timestamp = stats.timestampAt(6_000, 48)
  receive(20, 200)
  assert.equal(stats.timestampAt(6_000, 48), timestamp)
  assert.deepEqual([block().jitter, block().packetsLost], [0, 0])
})

test('jitter converges to the mean difference of transit times', () => {
  const { receive, block } = makeStats()
  for (let index = 0; index < 500; index++) receive(index, index % 2 === 0 ? 0 : 10)
  assert.equal(block().jitter, 479)
})

test('a loss of more than half the sequence space is counted', () => {
  const { receive, block } = makeStats()
  receive(100)
  receive(100 + 40_000)
  const { packetsLost, highestSequence } = block()
  assert.deepEqual([packetsLost, highestSequence], [39_999, 40_100])
})

test('a block has the last sender report and the delay since it', () => {
  const { stats, receive, block } = makeStats()
  receive(1)
  stats.senderReported(0xe5c0_8000, 1_000)
  const { lastSenderReport, delay } = block(1_500)
  assert.deepEqual([lastSenderReport, delay], [0xe5c0_8000, 32_768])
})

test('a source is reportable only after new packets', () => {
  const { stats, receive, block } = makeStats()
  assert.ok(!stats.isReportable)
  receive(1)
  assert.ok(stats.isReportable)
  block()
  assert.ok(!stats.isReportable)
})
