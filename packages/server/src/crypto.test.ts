// The core's cryptography against published vectors.
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { createP256, nodeCrypto } from './crypto.ts'

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

test('random values have the requested size and their alphabet', () => {
  assert.equal(nodeCrypto.randomBytes(32).length, 32)
  assert.match(nodeCrypto.randomToken(32), /^[A-Za-z0-9_-]{43}$/)
  assert.match(nodeCrypto.randomHex(16), /^[0-9a-f]{32}$/)
  assert.notEqual(nodeCrypto.randomHex(16), nodeCrypto.randomHex(16))
})

test('random bytes are a plain array with separate storage', () => {
  const bytes = nodeCrypto.randomBytes(8)
  assert.equal(Buffer.isBuffer(bytes), false)
  assert.equal(bytes.buffer.byteLength, 8)
})

const p256 = createP256()

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
const SPKI_PREFIX = bytes('3059301306072a8648ce3d020106082a8648ce3d030107034200')
const ascii = (text: string) => new Uint8Array(Buffer.from(text))

// RFC 6979 §A.2.5: P-256, SHA-256, message "sample"; r and s as ASN.1 DER.
const KEY = bytes(
  '0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
)
const SIGNATURE = bytes(
  '3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
)

test('SHA-256 gives the digest of FIPS 180-2, appendix B.1', () => {
  assert.equal(
    Buffer.from(p256.sha256(ascii('abc'))).toString('hex'),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
})

test('the signature of RFC 6979 §A.2.5 verifies, and no other message under it', () => {
  assert.ok(p256.verify(KEY, ascii('sample'), SIGNATURE))
  assert.ok(!p256.verify(KEY, ascii('Sample'), SIGNATURE))
})

test('an invalid key or signature does not verify and does not throw', () => {
  assert.ok(!p256.verify(new Uint8Array(65), ascii('sample'), SIGNATURE))
  for (const signature of [new Uint8Array(), new Uint8Array(70), SIGNATURE.subarray(0, 40)])
    assert.ok(!p256.verify(KEY, ascii('sample'), signature))
})

test('only an uncompressed point on the curve is a point', () => {
  assert.ok(p256.isPoint(KEY))
  const off = KEY.slice()
  off[64]! ^= 1
  const compressed = Uint8Array.of(3, ...KEY.subarray(1, 33))
  for (const wrong of [off, compressed, new Uint8Array(65), new Uint8Array(), Uint8Array.of(4)])
    assert.ok(!p256.isPoint(wrong))
})

test('isPoint agrees with OpenSSL', () => {
  const opensslAccepts = (point: Uint8Array) => {
    try {
      createPublicKey({ key: Buffer.concat([SPKI_PREFIX, point]), format: 'der', type: 'spki' })
      return true
    } catch {
      return false
    }
  }
  for (let round = 0; round < 20; round++) {
    const point = createP256().newSigner().publicKey
    assert.ok(p256.isPoint(point) && opensslAccepts(point))
    point[1 + (round % 64)]! ^= 1 << (round % 8)
    assert.equal(p256.isPoint(point), opensslAccepts(point))
  }
})

test('a coordinate must be below the prime', () => {
  // x = 5 is on the curve. x + p denotes the same point, but is not a valid encoding of it.
  const p = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
  const y = 0x459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbccn
  const point = (x: bigint) => bytes(`04${x.toString(16).padStart(64, '0')}${y.toString(16).padStart(64, '0')}`)
  assert.ok(p256.isPoint(point(5n)))
  assert.ok(!p256.isPoint(point(5n + p)))
})

test('a signature verifies under the key of its signer only', () => {
  const [one, other] = [p256.newSigner(), p256.newSigner()]
  const signature = one.sign(ascii('proposal'))
  assert.ok(p256.isPoint(one.publicKey))
  assert.ok(p256.verify(one.publicKey, ascii('proposal'), signature))
  assert.ok(!p256.verify(other.publicKey, ascii('proposal'), signature))
})
