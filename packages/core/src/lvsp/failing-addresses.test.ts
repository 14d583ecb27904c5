// Counting failed authentication per address.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { FailingAddresses } from './failing-addresses.ts'

test('an address is delayed after five failures for the rest of the minute', () => {
  const failing = new FailingAddresses()
  for (let i = 0; i < 4; i++) failing.failed('a', i)
  assert.ok(!failing.isHeldBack('a', 10))
  failing.failed('a', 10)
  assert.ok(failing.isHeldBack('a', 59_999))
  assert.ok(!failing.isHeldBack('b', 20))
  assert.ok(!failing.isHeldBack('a', 60_000))
  assert.equal(failing.size, 0)
})

test('all addresses of an IPv6 /64 share their attempts', () => {
  const failing = new FailingAddresses()
  for (let i = 1; i <= 5; i++) failing.failed(`2001:db8::${i}`, i)
  assert.ok(failing.isHeldBack('2001:db8::99', 10))
  assert.ok(!failing.isHeldBack('2001:db8:0:1::1', 10))
  assert.equal(failing.size, 1)
})

test('the table is bounded for any number of addresses', () => {
  const failing = new FailingAddresses()
  for (let i = 0; i < LIMITS.lvspFailingAddresses + 500; i++) failing.failed(`address ${i}`, 0)
  assert.equal(failing.size, LIMITS.lvspFailingAddresses)
})
