import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkOf } from './network-of.ts'

test('an IPv6 address maps to its /64 in every notation', () => {
  assert.equal(networkOf('192.0.2.1'), '192.0.2.1')
  assert.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  assert.equal(networkOf('2001:db8:1:2::9'), '2001:db8:1:2::/64')
  assert.equal(networkOf('2001:0DB8:0001:2::'), '2001:db8:1:2::/64')
  assert.equal(networkOf('::1'), '0:0:0:0::/64')
  assert.equal(networkOf('2001:db8::1'), '2001:db8:0:0::/64')
  assert.equal(networkOf('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(networkOf('1:2::3:4:5:192.0.2.1'), '1:2:0:3::/64')
})

test('text that is not an address maps to some string', () => {
  for (const text of ['', 'localhost', ':', ':::', 'x::y::z', '1:2:3:4:5:6:7:8:9'])
    assert.equal(typeof networkOf(text), 'string')
})
