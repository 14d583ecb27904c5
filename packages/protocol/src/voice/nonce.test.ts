// The nonces of the node do not overlap with those of clients.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SERVER_NONCES, serverNonceStart, writeServerNonce } from './nonce.ts'

const nonce = (counter: number) => {
  const bytes = new Uint8Array(4)
  writeServerNonce(bytes, 0, counter)
  return new DataView(bytes.buffer)
}
const counters = fc.nat(SERVER_NONCES - 1)

test('a nonce read big-endian or little-endian is at least 2^31', () => {
  fc.assert(
    fc.property(counters, counter => {
      assert.ok(nonce(counter).getUint32(0) >= 2 ** 31)
      assert.ok(nonce(counter).getUint32(0, true) >= 2 ** 31)
    }),
  )
})

test('each counter has a nonce of its own', () => {
  fc.assert(
    fc.property(counters, counter => {
      const view = nonce(counter)
      const [a, b, c, d] = [0, 1, 2, 3].map(index => view.getUint8(index)) as [number, number, number, number]
      assert.equal(((a & 0x7f) << 23) | (b << 15) | (c << 7) | (d & 0x7f), counter)
    }),
  )
})

test('a random start leaves at least three quarters of the nonces', () => {
  assert.equal(serverNonceStart(0xffff_ffff), SERVER_NONCES / 4 - 1)
  assert.equal(serverNonceStart(0), 0)
})
