// What may wait for an operation of a connection.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { type Work, WorkQueue } from './work.ts'

/** An operation that is never done. */
function* endless(): Generator<void, void, number> {
  for (;;) yield
}

const busyQueue = (budget: { used: number; max: number }) => {
  const queue = new WorkQueue<string>((): Work | undefined => undefined, budget)
  queue.begin(endless(), 0)
  return queue
}

test('a connection with little that waits is not closed for the messages of another one', () => {
  const budget = { used: 0, max: LIMITS.lvspWaitingBytes }
  const full = busyQueue(budget)
  assert.equal(full.push('info', LIMITS.lvspWaitingBytes, 0), true)
  const other = busyQueue(budget)
  assert.equal(other.push('heartbeat', 8, 0), true)
  assert.equal(other.push('info', LIMITS.lvspWaitingBytes / 64, 0), false)
  other.close()
  full.close()
  assert.equal(budget.used, 0)
})
