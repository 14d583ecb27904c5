// Sequence numbers and replay, against a model.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ReplayBuffer } from './replay-buffer.ts'

test('messages after a sequence number are returned in order', () => {
  const buffer = new ReplayBuffer<string>({ highest: 100, messages: 10, bytes: 100 })
  for (const message of ['a', 'b', 'c']) buffer.push(message, 1)
  assert.deepEqual(buffer.after(0), ['a', 'b', 'c'])
  assert.deepEqual(buffer.after(2), ['c'])
  assert.deepEqual(buffer.after(3), [])
  assert.equal(buffer.after(4), undefined)
})

test('the oldest messages are dropped above the message or byte limit', () => {
  const few = new ReplayBuffer<number>({ highest: 100, messages: 2, bytes: 100 })
  for (const message of [1, 2, 3]) few.push(message, 1)
  assert.equal(few.after(0), undefined)
  assert.deepEqual(few.after(1), [2, 3])
  const small = new ReplayBuffer<number>({ highest: 100, messages: 100, bytes: 10 })
  for (const message of [1, 2, 3]) small.push(message, 4)
  assert.equal(small.after(0), undefined)
  assert.deepEqual(small.after(1), [2, 3])
  small.push(4, 11)
  assert.deepEqual(small.after(4), [])
  assert.equal(small.after(3), undefined)
})

test('after any messages and acknowledgements the buffer holds the tail with its sequence numbers', () => {
  const limits = { highest: 7, messages: 5, bytes: 1_000 }
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 9 })), { maxLength: 80 }), actions => {
      const buffer = new ReplayBuffer<number>(limits)
      let sent = 0
      let kept = 0
      const seqOf = (count: number) => (count === 0 ? 0 : ((count - 1) % limits.highest) + 1)
      for (const action of actions) {
        if (action === -1) {
          assert.equal(buffer.next, seqOf(sent + 1))
          buffer.push(++sent, 1)
          kept = Math.min(kept + 1, limits.messages)
        } else {
          buffer.acknowledge(action)
          for (let missing = 0; action > 0 && missing <= kept; missing++)
            if (sent > missing && seqOf(sent - missing) === action) kept = missing
        }
        assert.equal(buffer.size, kept)
        for (let missing = 0; missing <= kept && sent > missing; missing++)
          assert.deepEqual(
            buffer.after(seqOf(sent - missing)),
            Array.from({ length: missing }, (_, i) => sent - missing + 1 + i),
          )
        assert.equal(buffer.last, seqOf(sent))
      }
    }),
  )
})
