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
