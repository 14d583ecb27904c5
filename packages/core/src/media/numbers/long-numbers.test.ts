// Numbers of streams that last longer than a cycle of 16-bit sequences: late packets and NACKs are still answered.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VideoPayload } from '@parley/protocol'
import { LayerNumbers, type NumberedStream } from './layer-numbers.ts'
import { OutgoingNumbers } from './outgoing-numbers.ts'

const PLAIN = { isKeyframe: false, descriptor: undefined } as unknown as VideoPayload
const stream = (ssrc: number): NumberedStream => ({
  ssrc,
  clockRate: 90,
  received: undefined,
  numbers: { timestampOffset: 0 },
})

test('late packets of a layer, and NACKs for it, are answered in every part of two cycles after a switch', () => {
  const numbers = new LayerNumbers()
  const [low, high] = [stream(1), stream(2)]
  numbers.place(low, 500, 0, PLAIN, 0)
  let last = numbers.place(high, 60_000, 0, PLAIN, 33)
  for (let sent = 1; sent < 140_000; sent += 2) {
    const late = (60_000 + sent) & 0xffff
    const ahead = (late + 1) & 0xffff
    const outAhead = numbers.place(high, ahead, sent * 90, PLAIN, 33 + sent)
    const outLate = numbers.place(high, late, sent * 90, PLAIN, 33 + sent)
    assert.deepEqual([outLate, outAhead], [(last + 1) & 0xffff, (last + 2) & 0xffff], `after ${sent} packets`)
    const age = numbers.find(outLate)
    assert.deepEqual([numbers.ssrcOf(age), numbers.toStream(age, outLate)], [2, late], `the NACK after ${sent} packets`)
    last = outAhead
  }
})

test('late packets are numbered in every part of two cycles after a packet was left out', () => {
  const numbers = new OutgoingNumbers(48, true)
  numbers.place(100, 0, 0)
  numbers.leaveOut(101)
  for (let sent = 2; sent < 140_000; sent += 2) {
    const late = (100 + sent) & 0xffff
    assert.equal(numbers.place((late + 1) & 0xffff, sent * 960, sent * 20), true)
    assert.equal(numbers.place(late, sent * 960, sent * 20), true, `after ${sent} packets`)
    assert.equal(numbers.toOutgoing(late), (late - 1) & 0xffff)
  }
})

test('a layer whose sequences jump by less than half a cycle keeps its numbers, however long it was sent before', () => {
  const numbers = new LayerNumbers()
  const [low, high] = [stream(1), stream(2)]
  numbers.place(low, 0, 0, PLAIN, 0)
  const first = numbers.place(high, 0, 0, PLAIN, 33)
  for (let sequence = 1; sequence < 16_000; sequence++) numbers.place(high, sequence, sequence * 90, PLAIN, 33)
  assert.equal(numbers.place(high, 46_000, 46_000 * 90, PLAIN, 66), first + 46_000)
  assert.equal(numbers.ageOf(high, 46_000), 0)
  assert.equal(numbers.place(high, 45_999, 46_000 * 90, PLAIN, 66), first + 45_999)
})

test('a packet from before a switch is not numbered by an earlier turn of the layer, a cycle ago', () => {
  const numbers = new LayerNumbers()
  const [low, high] = [stream(1), stream(2)]
  for (let sequence = 0; sequence < 1_000; sequence++) numbers.place(high, sequence, 0, PLAIN, sequence)
  for (let sequence = 0; sequence < 1_000; sequence++) numbers.place(low, sequence, 0, PLAIN, 1_000 + sequence * 100)
  numbers.place(high, 501, 0, PLAIN, 101_000)
  assert.equal(numbers.place(high, 500, 0, PLAIN, 101_000), -1)
})

test('a layer that a viewer missed for a cycle continues behind what it was sent', () => {
  const numbers = new LayerNumbers()
  const high = stream(2)
  const sent = [100, 101].map(sequence => numbers.place(high, sequence, 0, PLAIN, 0))
  assert.deepEqual(
    [90, 91].map(sequence => numbers.place(high, sequence, 0, PLAIN, 60_000)),
    sent.map(number => number + 2),
  )
})

test('a stream that reached no receiver for a cycle continues behind what was sent', () => {
  const numbers = new OutgoingNumbers(48, true)
  numbers.place(100, 0, 0)
  numbers.leaveOut(101)
  const placed = [90, 91].map(sequence => [numbers.place(sequence, 960, 1_400_000), numbers.toOutgoing(sequence)])
  assert.deepEqual(placed, [
    [true, 101],
    [true, 102],
  ])
})

test('late packets are numbered after a stream reached no receiver for up to half a cycle', () => {
  const numbers = new OutgoingNumbers(48, true)
  numbers.place(100, 0, 0)
  numbers.leaveOut(101)
  for (let sequence = 102; sequence < 15_000; sequence++) numbers.place(sequence, sequence * 960, sequence * 20)
  assert.equal(numbers.place(40_000, 40_000 * 960, 800_000), true)
  assert.equal(numbers.place(39_999, 39_999 * 960, 800_000), true)
})

test('a late packet does not take the number of an inserted one, also where as many were left out since', () => {
  const numbers = new OutgoingNumbers(48, true)
  numbers.place(10, 0, 0)
  numbers.insert(5)
  assert.equal(numbers.place(13, 2_880, 60), true)
  for (let sequence = 14; sequence < 19; sequence++) numbers.leaveOut(sequence)
  assert.equal(numbers.toOutgoing(19), 19)
  assert.equal(numbers.place(11, 960, 80), false)
})
