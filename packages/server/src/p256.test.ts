// P-256 as the core is given it, against published vectors.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { p256 } from './p256.ts'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
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

test('garbage as key or signature does not verify and does not throw', () => {
  assert.ok(!p256.verify(new Uint8Array(65), ascii('sample'), SIGNATURE))
  for (const signature of [new Uint8Array(), new Uint8Array(70), SIGNATURE.subarray(0, 40)])
    assert.ok(!p256.verify(KEY, ascii('sample'), signature))
})

test('a point is on the curve and uncompressed, or it is none', () => {
  assert.ok(p256.isPoint(KEY))
  const off = KEY.slice()
  off[64]! ^= 1
  const compressed = Uint8Array.of(3, ...KEY.subarray(1, 33))
  for (const wrong of [off, compressed, new Uint8Array(65), new Uint8Array(), Uint8Array.of(4)])
    assert.ok(!p256.isPoint(wrong))
})

test('a new signer signs what verifies under its own key alone', () => {
  const [one, other] = [p256.newSigner(), p256.newSigner()]
  const signature = one.sign(ascii('proposal'))
  assert.ok(p256.isPoint(one.publicKey))
  assert.ok(p256.verify(one.publicKey, ascii('proposal'), signature))
  assert.ok(!p256.verify(other.publicKey, ascii('proposal'), signature))
})
