// Fuzz: ICE connectivity checks, and answers to a request for the public address.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import {
  encodeStunRequest,
  encodeStunResponse,
  isStunGenuine,
  readStunMapped,
  readStunRequest,
  type StunMac,
} from '@parley/protocol'
import { fuzz } from './harness.ts'

const mac: StunMac = (key, bytes, length) => createHmac('sha1', key).update(bytes.subarray(0, length)).digest()
const KEY = new Uint8Array(24).fill(65)
const check = (username: string, useCandidate: boolean) =>
  encodeStunRequest({ transaction: new Uint8Array(12).fill(3), username, useCandidate }, KEY, mac)

fuzz('a datagram is rejected or parsed as a check that ends where its attributes do', {
  covers: ['protocol/webrtc/stun.ts'],
  corpus: [check('abcd:efgh', true), check('a:b', false), new Uint8Array(28)],
  run(bytes) {
    const request = readStunRequest(bytes)
    if (request === undefined) return
    assert.ok(request.integrityAt >= 20 && request.integrityAt + 24 <= bytes.length - 8)
    assert.ok(request.username.length <= 513)
    isStunGenuine(bytes, request, KEY, mac)
  },
})

const answerTo = (request: Uint8Array, address: Uint8Array) => encodeStunResponse(request, address, 4_711, KEY, mac)
const transaction = new Uint8Array(12).fill(3)

fuzz('an answer to a binding request has an address of 4 or 16 bytes, or none', {
  covers: ['protocol/webrtc/stun-binding.ts'],
  corpus: [answerTo(check('a:b', false), new Uint8Array(4)), answerTo(check('a:b', true), new Uint8Array(16).fill(9))],
  run(bytes) {
    const mapped = readStunMapped(bytes, transaction)
    if (mapped === undefined) return
    assert.ok(mapped.address.length === 4 || mapped.address.length === 16)
    assert.ok(mapped.port >= 0 && mapped.port <= 0xffff)
  },
})
