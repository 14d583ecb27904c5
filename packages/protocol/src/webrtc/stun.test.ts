// STUN against the test vectors of RFC 5769 §2.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { crc32 } from './crc32.ts'
import { encodeStunRequest, encodeStunResponse, isStunGenuine, readStunRequest, type StunMac } from './stun.ts'

const unhex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'))
const mac: StunMac = (key, bytes, length) => createHmac('sha1', key).update(bytes.subarray(0, length)).digest()

const KEY = ascii('VOkJxbRl1RmTxUk/WvJxBt')
/** RFC 5769 §2.1, whose padding is spaces. */
const REQUEST = unhex(`
  00 01 00 58 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
  80 22 00 10 53 54 55 4e 20 74 65 73 74 20 63 6c 69 65 6e 74
  00 24 00 04 6e 00 01 ff 80 29 00 08 93 2f f9 b1 51 26 3b 36
  00 06 00 09 65 76 74 6a 3a 68 36 76 59 20 20 20
  00 08 00 14 9a ea a7 0c bf d8 cb 56 78 1e f2 b5 b2 d3 f2 49 c1 b5 71 a2
  80 28 00 04 e5 7a 3b cf`)

test('the published request is decoded and authenticates', () => {
  const request = readStunRequest(REQUEST)
  assert.deepEqual(request, { username: 'evtj:h6vY', useCandidate: false, integrityAt: 76 })
  assert.ok(isStunGenuine(REQUEST, request!, KEY, mac))
  assert.ok(!isStunGenuine(REQUEST, request!, ascii('another'), mac))
})

test('the response holds the published addresses, XORed as published, and authenticates', () => {
  const four = encodeStunResponse(REQUEST, Uint8Array.of(192, 0, 2, 1), 32853, KEY, mac)
  assert.equal(hex(four.subarray(0, 32)), '0101002c2112a442b7e7a701bc34d686fa87dfae002000080001a147e112a643')
  const six = encodeStunResponse(REQUEST, unhex('20010db8123456780011223344556677'), 32853, KEY, mac)
  assert.equal(hex(six.subarray(20, 44)), '002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9')
  for (const response of [four, six]) {
    const signedTo = response.length - 32
    const signed = response.slice(0, signedTo)
    new DataView(signed.buffer).setUint16(2, signedTo + 24 - 20)
    assert.equal(hex(response.subarray(signedTo + 4, signedTo + 24)), hex(mac(KEY, signed, signedTo)))
    const crc = new DataView(response.buffer).getUint32(response.length - 4)
    assert.equal(crc, (crc32(response, 0, response.length - 8) ^ 0x5354554e) >>> 0)
  }
})

test('a connectivity check is read back, with and without USE-CANDIDATE', () => {
  for (const useCandidate of [true, false]) {
    const bytes = encodeStunRequest({ transaction: new Uint8Array(12), username: 'abc:defgh', useCandidate }, KEY, mac)
    const request = readStunRequest(bytes)
    assert.equal(request?.username, 'abc:defgh')
    assert.equal(request?.useCandidate, useCandidate)
    assert.ok(isStunGenuine(bytes, request!, KEY, mac))
  }
})

test('no truncated request and no request with a changed bit authenticates', () => {
  for (let length = 0; length < REQUEST.length; length++)
    assert.equal(readStunRequest(REQUEST.slice(0, length)), undefined)
  for (let bit = 0; bit < REQUEST.length * 8; bit++) {
    const changed = REQUEST.slice()
    changed[bit >> 3]! ^= 1 << (bit & 7)
    // The fingerprint is not keyed: an attacker that changes the message can compute a new one.
    assert.equal(readStunRequest(changed), undefined)
    new DataView(changed.buffer).setUint32(104, (crc32(changed, 0, 100) ^ 0x5354554e) >>> 0)
    const request = readStunRequest(changed)
    if (bit < 800) assert.ok(request === undefined || !isStunGenuine(changed, request, KEY, mac), `bit ${bit}`)
  }
})

test('a request with an attribute behind MESSAGE-INTEGRITY is refused', () => {
  const bytes = new Uint8Array(REQUEST.length + 4)
  bytes.set(REQUEST.subarray(0, 100))
  const view = new DataView(bytes.buffer)
  view.setUint16(2, bytes.length - 20)
  view.setUint16(100, 0x0025)
  view.setUint32(104, 0x80280004)
  view.setUint32(108, (crc32(bytes, 0, 104) ^ 0x5354554e) >>> 0)
  assert.equal(readStunRequest(bytes), undefined)
})

test('the CRC-32 of "123456789" is cbf43926', () => {
  assert.equal(crc32(ascii('x123456789'), 1, 9), 0xcbf43926)
})
