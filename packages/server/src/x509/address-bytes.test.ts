// Addresses as certificates and the reverse DNS write them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressBytes, reverseName } from './address-bytes.ts'

test('an address has its bytes, however its zeros are written', () => {
  assert.equal(addressBytes('192.0.2.7').toString('hex'), 'c0000207')
  assert.equal(addressBytes('::').toString('hex'), '0'.repeat(32))
  assert.equal(addressBytes('::1').toString('hex'), `${'0'.repeat(31)}1`)
  assert.equal(addressBytes('2001:db8::a:0:7').toString('hex'), '20010db8000000000000000a00000007')
  assert.equal(addressBytes('2001:db8:1:2:3:4:5:6').toString('hex'), '20010db8000100020003000400050006')
  assert.equal(addressBytes('::ffff:192.0.2.7').toString('hex'), '00000000000000000000ffffc0000207')
})

test('the name of an address in the reverse DNS is that of RFC 1035 and RFC 3596', () => {
  assert.equal(reverseName('192.0.2.7'), '7.2.0.192.in-addr.arpa')
  assert.equal(
    reverseName('2001:db8::567:89ab'),
    'b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
  )
})
