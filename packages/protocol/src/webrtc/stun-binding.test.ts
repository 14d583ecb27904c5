// The client's side of STUN against the answers of RFC 5769 §2.2 and §2.3.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeStunBinding, readStunMapped } from './stun-binding.ts'

const unhex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
const TRANSACTION = unhex('b7e7a701bc34d686fa87dfae')
const SOFTWARE = '80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20'
const TAIL = '80 28 00 04 c0 7d 4c 96'
const IPV4 = unhex(`
  01 01 00 3c 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae ${SOFTWARE}
  00 20 00 08 00 01 a1 47 e1 12 a6 43
  00 08 00 14 2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9 2a f9 ba 53 f0 6b e7 d7 ${TAIL}`)
const IPV6 = unhex(`
  01 01 00 48 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae ${SOFTWARE}
  00 20 00 14 00 02 a1 47 01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9
  00 08 00 14 a3 82 95 4e 4b e6 7b f1 17 84 c9 7c 82 92 c2 75 bf e3 ed 41 ${TAIL}`)

test('the published answers hold the published addresses', () => {
  assert.deepEqual(readStunMapped(IPV4, TRANSACTION), { address: unhex('c0000201'), port: 32853 })
  assert.deepEqual(readStunMapped(IPV6, TRANSACTION), {
    address: unhex('20010db8123456780011223344556677'),
    port: 32853,
  })
})

test('an answer to another transaction, a request and a shortened answer hold no address', () => {
  assert.equal(readStunMapped(IPV4, unhex('b7e7a701bc34d686fa87dfaf')), undefined)
  assert.equal(readStunMapped(encodeStunBinding(TRANSACTION), TRANSACTION), undefined)
  for (let length = 0; length < IPV4.length; length++)
    assert.equal(readStunMapped(IPV4.subarray(0, length), TRANSACTION), undefined)
})

test('a request has the published header', () => {
  assert.equal(Buffer.from(encodeStunBinding(TRANSACTION)).toString('hex'), '000100002112a442b7e7a701bc34d686fa87dfae')
})
