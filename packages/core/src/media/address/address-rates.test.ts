// Rate limits per source address: within a second, across seconds, with blocking, and in a bounded table.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../../limits.ts'
import { AddressRates } from './address-rates.ts'

const source = (ip: number, port = 1) => Int32Array.of(0, 0, 0xffff, ip, port)
const times = (rates: AddressRates, words: Int32Array, count: number, now: number) =>
  Array.from({ length: count }, () => rates.count(words, 0, now)).filter(Boolean).length

test('an address is below its rate limit again in the next second', () => {
  const rates = new AddressRates({ perSecond: 3, blockFor: 0, ignoresPort: false })
  assert.equal(times(rates, source(1), 5, 100), 3)
  assert.equal(times(rates, source(1, 2), 5, 100), 3)
  assert.equal(times(rates, source(1), 5, 1099), 0)
  assert.equal(times(rates, source(1), 5, 1100), 3)
})

test('an address above its rate limit is blocked on every port for the configured time', () => {
  const rates = new AddressRates({ perSecond: 3, blockFor: 10_000, ignoresPort: true })
  assert.equal(times(rates, source(1), 3, 0), 3)
  assert.equal(rates.isBlocked(source(1), 0, 0), false)
  assert.equal(rates.count(source(1, 9), 0, 0), false)
  assert.equal(rates.isBlocked(source(1, 77), 0, 9_999), true)
  assert.equal(rates.count(source(1), 0, 5_000), false)
  assert.equal(rates.isBlocked(source(1), 0, 10_000), false)
  assert.equal(rates.isBlocked(source(2), 0, 0), false)
})

test('a flood of addresses evicts entries, blocked ones last', () => {
  const rates = new AddressRates({ perSecond: 1, blockFor: 10_000, ignoresPort: true })
  times(rates, source(0x0a00_0001), 2, 0)
  for (let index = 0; index < LIMITS.watchedSources; index++) rates.count(source(0x0b00_0000 + index), 0, 1)
  assert.ok(rates.isBlocked(source(0x0a00_0001), 0, 2))
})
