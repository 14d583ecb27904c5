// The message rate limit of a connection.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtocolError } from './errors.ts'
import { LIMITS } from './limits.ts'
import { CountedRate, MessageRate, UnidentifiedMessages } from './message-rate.ts'

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

test('a counted rate says how many were left out since the last that was not', () => {
  const rate = new CountedRate(1, 2, 0)
  assert.deepEqual([rate.take(0), rate.take(0), rate.take(0), rate.take(0)], [0, 0, undefined, undefined])
  assert.deepEqual([rate.take(1_000), rate.take(2_000)], [2, 0])
})

test('unidentified messages are refused with the close code of their protocol', () => {
  const messages = new UnidentifiedMessages({ tooMany: 1, tooLarge: 2 })
  const codeOf = (text: string) => {
    try {
      messages.check(text)
    } catch (error) {
      return error instanceof ProtocolError ? error.code : error
    }
    return undefined
  }
  assert.deepEqual(['{}', ' '.repeat(LIMITS.greetingMessage + 1), '['.repeat(LIMITS.greetingDepth + 1)].map(codeOf), [
    undefined,
    2,
    2,
  ])
  for (let count = 3; count < LIMITS.greetingMessages; count++) assert.equal(codeOf('{}'), undefined)
  assert.equal(codeOf('{}'), 1)
})
