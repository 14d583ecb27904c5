// Transport-wide feedback about what one WebRTC client sends.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readTransportFeedback, TransportReport } from '@parley/protocol'
import { TransportFeedback } from './transport-feedback.ts'

test('a repeated packet, and one that was reported as missing, needs no other feedback', () => {
  const feedback = new TransportFeedback()
  for (const sequence of [100, 102]) assert.ok(feedback.arrived(sequence, 1, 0))
  assert.ok(feedback.take(1) > 0)
  for (const sequence of [101, 102]) assert.ok(feedback.arrived(sequence, 1, 50))
  assert.equal(feedback.take(1), 0)
})

test('feedback continues after an outage of more than half a cycle', () => {
  const feedback = new TransportFeedback()
  feedback.arrived(100, 1, 0)
  feedback.take(1)
  const after = (101 + 40_000) & 0xffff
  assert.equal(feedback.arrived(after, 1, 20_000), false)
  feedback.restart(after)
  assert.ok(feedback.arrived(after, 1, 20_000))
  assert.ok(feedback.take(1) > 0)
})

test('a packet that is sent again as it was, hundreds of packets later, needs no feedback and interrupts none', () => {
  const feedback = new TransportFeedback()
  for (let sequence = 0; sequence < 1_000; sequence++) {
    if (sequence % 100 === 0) feedback.take(1)
    assert.ok(feedback.arrived((65_000 + sequence) & 0xffff, 1, sequence))
  }
  assert.ok(feedback.arrived(65_100, 1, 1_000))
  assert.ok(feedback.arrived(65_000 + 1_000 - 65_536, 1, 1_000))
  const { bytes } = feedback
  const length = feedback.take(1)
  const report = new TransportReport()
  assert.ok(readTransportFeedback(new DataView(bytes.buffer), 0, length, report))
  assert.deepEqual([report.base, report.count], [65_900 - 65_536, 101])
})

test('packets that are missing before the first that arrived since the last feedback are reported', () => {
  const feedback = new TransportFeedback()
  feedback.arrived(100, 1, 1_000)
  feedback.take(1)
  feedback.arrived(103, 1, 1_050)
  const { bytes } = feedback
  const length = feedback.take(1)
  const report = new TransportReport()
  assert.ok(readTransportFeedback(new DataView(bytes.buffer), 0, length, report))
  assert.deepEqual([report.base, report.count], [101, 3])
  assert.deepEqual([...report.times.subarray(0, 2)], [Number.NaN, Number.NaN])
  assert.equal(report.reference * 64 + report.times[2]!, 1_050)
})
