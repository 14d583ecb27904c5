// The crypto that the core is given, against published vectors.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeCrypto } from './crypto.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('HMAC-SHA256 gives the digest of RFC 4231 §4.3', () => {
  assert.equal(
    hex(nodeCrypto.hmacSha256('Jefe', 'what do ya want for nothing?')),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  )
})

test('HMAC-SHA256 gives the LVSP token of the reference exchange', () => {
  assert.equal(
    hex(nodeCrypto.hmacSha256('lvsp-shared-secret', 'q7Zp2LmX0a')),
    '316dd84792531299128220aefa4394c84db211a64fd16dfd02bf7d1790625eeb',
  )
})

test('equal values are equal, as text, as bytes and mixed', () => {
  assert.ok(nodeCrypto.equal('', ''))
  assert.ok(nodeCrypto.equal('grüße', 'grüße'))
  assert.ok(nodeCrypto.equal(new Uint8Array([1, 2]), new Uint8Array([1, 2])))
  assert.ok(nodeCrypto.equal('ab', new Uint8Array([0x61, 0x62])))
})

test('values of unequal content or length are unequal, in both orders, and do not throw', () => {
  const values = ['', 'a', 'b', 'ab', 'a\0', 'ä', 'abc'.repeat(1000)]
  for (const a of values) for (const b of values) assert.equal(nodeCrypto.equal(a, b), a === b, `${a} ${b}`)
  assert.ok(!nodeCrypto.equal(new Uint8Array([1]), new Uint8Array([1, 0])))
  assert.ok(!nodeCrypto.equal(new Uint8Array([1, 0]), new Uint8Array([1])))
})

test('random values have the size asked for and their alphabet', () => {
  assert.equal(nodeCrypto.randomBytes(32).length, 32)
  assert.match(nodeCrypto.randomToken(32), /^[A-Za-z0-9_-]{43}$/)
  assert.match(nodeCrypto.randomHex(16), /^[0-9a-f]{32}$/)
  assert.notEqual(nodeCrypto.randomHex(16), nodeCrypto.randomHex(16))
})

test('random bytes are a plain array with storage of their own', () => {
  const bytes = nodeCrypto.randomBytes(8)
  assert.equal(Buffer.isBuffer(bytes), false)
  assert.equal(bytes.buffer.byteLength, 8)
})
