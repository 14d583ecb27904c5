// The message rate limit of a connection.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageRate } from './message-rate.ts'

const takeAll = (rate: MessageRate, now: number) => {
  let count = 0
  while (rate.take(now)) count++
  return count
}

test('a burst is allowed, then only the average rate', () => {
  const rate = new MessageRate(10, 50, 0)
  assert.equal(takeAll(rate, 0), 50)
  assert.equal(takeAll(rate, 1_000), 10)
  assert.equal(takeAll(rate, 1_050), 0)
  assert.equal(takeAll(rate, 1_100), 1)
})

test('an idle connection accumulates at most one burst', () => {
  const rate = new MessageRate(10, 50, 0)
  takeAll(rate, 0)
  assert.equal(takeAll(rate, 1_000_000), 50)
})
