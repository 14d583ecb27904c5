// Conversion of addresses between text and words; output is canonical.
import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { isSameAddress, isSameIp, readAddress, writeAddress } from './socket-address.ts'

const wordsOf = (ip: string, port = 5) => {
  const words = new Int32Array(5)
  assert.ok(writeAddress(words, 0, ip, port), ip)
  return words
}
const canonical = (ip: string) => readAddress(wordsOf(ip), 0).ip

test('addresses are formatted as in RFC 5952, IPv4-mapped ones as IPv4', () => {
  const forms = [
    ['203.0.113.77', '203.0.113.77'],
    ['::ffff:203.0.113.77', '203.0.113.77'],
    ['::FFFF:cb00:714d', '203.0.113.77'],
    ['::', '::'],
    ['::1', '::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['1::', '1::'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ] as const
  for (const [text, expected] of forms) assert.equal(canonical(text), expected)
})

test('text that is not an address is rejected', () => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '1.2.3.x',
    ':',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '::12345',
    '::1.2.3.4:5',
    'example.org',
    '1:2:3:4:5:6:7::8',
  ])
    assert.equal(writeAddress(new Int32Array(5), 0, text, 1), false, text)
})

test('text is parsed as an address if and only if Node.js does so', () => {
  const texts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{0,20}$/))
  fc.assert(
    fc.property(texts, text => {
      const isLeadingZero = /(^|[.:])0[0-9]+(\.|$)/.test(text)
      if (!isLeadingZero) assert.equal(writeAddress(new Int32Array(5), 0, text, 1), isIP(text) !== 0)
    }),
  )
})

test('an address survives a round trip', () => {
  const words = fc.array(fc.integer(), { minLength: 4, maxLength: 4 })
  fc.assert(
    fc.property(words, fc.nat(0xffff), (ip, port) => {
      const written = Int32Array.of(...ip, port)
      const { ip: text } = readAddress(written, 0)
      assert.deepEqual(wordsOf(text, port), written)
    }),
  )
})

test('addresses are compared with or without their port', () => {
  assert.ok(isSameAddress(wordsOf('::1', 7), 0, wordsOf('::1', 7), 0))
  assert.ok(!isSameAddress(wordsOf('::1', 7), 0, wordsOf('::1', 8), 0))
  assert.ok(isSameIp(wordsOf('::1', 7), 0, wordsOf('::1', 8), 0))
  assert.ok(!isSameIp(wordsOf('::1', 7), 0, wordsOf('::2', 7), 0))
})
