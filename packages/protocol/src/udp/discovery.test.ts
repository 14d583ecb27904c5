// IP discovery against the published bytes, in both directions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeDiscoveryResponse,
  encodeDiscoveryRequest,
  readDiscoveryRequest,
  writeDiscoveryResponse,
} from './discovery.ts'

const hex = (bytes: Uint8Array) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
const REQUEST = `0001004600003039${'00'.repeat(66)}`
const RESPONSE = `00020046000030393230332e302e3131332e3737${'00'.repeat(52)}c3cb`
const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

test('a discovery request is encoded as published', () => {
  assert.equal(hex(encodeDiscoveryRequest(12345)), REQUEST)
})

test('a discovery request is decoded to its SSRC, whatever its address field holds', () => {
  const bytes = encodeDiscoveryRequest(12345).fill(0xff, 8)
  assert.equal(readDiscoveryRequest(view(bytes), 0, 74), 12345)
  assert.equal(readDiscoveryRequest(view(bytes), 0, 73), -1)
  // hikari-wave sends 78 bytes.
  const long = new Uint8Array(79)
  long.set(bytes)
  assert.equal(readDiscoveryRequest(view(long), 0, 78), 12345)
  assert.equal(readDiscoveryRequest(view(long), 0, 79), -1)
  bytes[3] = 71
  assert.equal(readDiscoveryRequest(view(bytes), 0, 74), -1)
})

test('a discovery response is encoded as published and overwrites the buffer', () => {
  const bytes = new Uint8Array(80).fill(0xee)
  writeDiscoveryResponse(bytes, 12345, '203.0.113.77', 50123)
  assert.equal(hex(bytes), RESPONSE + 'ee'.repeat(6))
  assert.deepEqual(decodeDiscoveryResponse(bytes.subarray(0, 74)), { ssrc: 12345, ip: '203.0.113.77', port: 50123 })
})

test('an address longer than its field is truncated and terminated', () => {
  const bytes = new Uint8Array(74)
  writeDiscoveryResponse(bytes, 1, 'f'.repeat(90), 0xffff)
  assert.equal(decodeDiscoveryResponse(bytes)?.ip, 'f'.repeat(63))
})

test('a discovery response without a zero, of another type or length is refused', () => {
  const bytes = new Uint8Array(74)
  writeDiscoveryResponse(bytes, 1, '127.0.0.1', 1)
  assert.equal(decodeDiscoveryResponse(encodeDiscoveryRequest(1)), undefined)
  assert.equal(decodeDiscoveryResponse(bytes.subarray(0, 73)), undefined)
  assert.equal(decodeDiscoveryResponse(bytes.fill(0x31, 8)), undefined)
})
