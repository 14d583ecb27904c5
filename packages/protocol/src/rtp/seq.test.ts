// Sequence number comparison and unwrapping.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isSequenceNewer, sequenceDistance, unwrapSequence } from './seq.ts'

test('a sequence number after the wrap is newer than one before it', () => {
  assert.equal(sequenceDistance(2, 0xffff), 3)
  assert.equal(sequenceDistance(0xffff, 2), -3)
  assert.ok(isSequenceNewer(0, 0xffff))
  assert.ok(!isSequenceNewer(5, 5))
  assert.ok(!isSequenceNewer(0x8000, 0))
})

test('unwrapping follows a reordered stream over any number of wraps', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), fc.integer({ min: -32_767, max: 32_767 }), (last, step) => {
      const index = last + step
      const sequence = ((index % 65_536) + 65_536) % 65_536
      assert.equal(unwrapSequence(sequence, last), index)
    }),
  )
})
