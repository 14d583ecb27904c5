import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PacketLatency } from './packet-latency.ts'

const payload = (number: number) => Uint8Array.of(0x78, number >> 8, number & 0xff)

test('nothing is reported before a packet was received', () => {
  const latency = new PacketLatency()
  latency.sent(payload(1), 0)
  latency.received(payload(2), 1)
  assert.equal(latency.report, undefined)
})

test('a packet is timed from send to receive, regardless of losses before it', () => {
  const latency = new PacketLatency()
  for (const number of [1, 2, 3, 4]) latency.sent(payload(number), number * 20)
  latency.received(payload(1), 21)
  latency.received(payload(3), 63)
  latency.received(payload(4), 90)
  assert.deepEqual(latency.report, { median: 3, worst: 10, packets: 3 })
})

test('a duplicate or late packet is not counted', () => {
  const latency = new PacketLatency()
  for (const number of [1, 2]) latency.sent(payload(number), 0)
  for (const number of [2, 2, 1]) latency.received(payload(number), 5)
  assert.deepEqual(latency.report, { median: 5, worst: 5, packets: 1 })
})

test('the newest 250 packets count, and as many in flight are remembered', () => {
  const latency = new PacketLatency()
  for (let number = 0; number < 1_000; number++) {
    latency.sent(payload(number), 0)
    latency.received(payload(number), number < 750 ? 100 : 1)
  }
  assert.deepEqual(latency.report, { median: 1, worst: 1, packets: 250 })
  for (let number = 1_000; number < 1_251; number++) latency.sent(payload(number), 0)
  latency.received(payload(1_000), 50)
  assert.equal(latency.report?.worst, 1)
})
