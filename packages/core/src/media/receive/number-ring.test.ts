// Marks on the last numbers, against a set of all that were marked.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NumberRing } from './number-ring.ts'

const SIZE = 1_024

test('a number keeps its mark until it is cleared, over the ends of words, of 16 bits and of 32 bits', () => {
  for (const first of [0, 31, 65_535, 2 ** 32 - 1, 2 ** 47]) {
    const ring = new NumberRing(SIZE)
    ring.mark(first)
    ring.mark(first + SIZE - 1)
    ring.clear(first + 1, SIZE - 2)
    assert.deepEqual([ring.has(first), ring.has(first + 1), ring.has(first + SIZE - 1)], [true, false, true])
    ring.clear(first, 1)
    assert.deepEqual([ring.has(first), ring.has(first + SIZE - 1)], [false, true])
  }
})

test('clearing clears the numbers that it names and no others', () => {
  const first = fc.nat(0xffff)
  const marks = fc.uniqueArray(fc.nat(SIZE - 1), { maxLength: 200, size: 'max' })
  const range = fc.record({ from: fc.nat(SIZE - 1), count: fc.nat(3 * SIZE) })
  fc.assert(
    fc.property(first, marks, range, (start, marked, { from, count }) => {
      const ring = new NumberRing(SIZE)
      for (const each of marked) ring.mark(start + each)
      ring.clear(start + from, count)
      const isCleared = (offset: number) => (offset - from + SIZE) % SIZE < count
      for (let offset = 0; offset < SIZE; offset++)
        assert.equal(ring.has(start + offset), marked.includes(offset) && !isCleared(offset), `${offset}`)
    }),
  )
})
