// Errors that do not keep others from their turn.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actOnEach } from './errors.ts'

test('each item has its turn, and the first error is thrown at the end', () => {
  const seen: number[] = []
  const act = (item: number) => {
    seen.push(item)
    if (item % 2 === 0) throw new Error(`at ${item}`)
  }
  assert.throws(() => actOnEach([1, 2, 3, 4, 5], act), /at 2/)
  assert.deepEqual(seen, [1, 2, 3, 4, 5])
})
