// Fuzz: ICE connectivity checks.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { encodeStunRequest, isStunGenuine, readStunRequest, type StunMac } from '@parley/protocol'
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
