// What looks sealed is what a DAVE library has sealed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRtp } from '@parley/protocol'
import { addDatagram, makeBatch } from '../../testing/plain-io.ts'
import { looksSealed } from './sealed-frame.ts'

/** A frame of one byte as DAVE lays it out: that byte, a tag of eight, a nonce, no clear ranges, 12, the marker. */
const SEALED = [0x3c, 0x51, 0xa8, 0x02, 0x99, 0x10, 0x6d, 0x44, 0xe1, 0x00, 0x0c, 0xfa, 0xfa]

function looks(payload: number[], { payloadType = 120, marker = false } = {}) {
  const batch = makeBatch()
  const bytes = encodeRtp({
    payloadType,
    marker,
    sequence: 1,
    timestamp: 2,
    ssrc: 3,
    payload: Uint8Array.from(payload),
  })
  addDatagram(batch, bytes, [0, 0, 0, 0, 0])
  return looksSealed(batch, 0, 12)
}

test('a sealed frame looks sealed', () => {
  assert.ok(looks(SEALED))
})

test('silence, and frames that only begin like it, do not', () => {
  for (const payload of [
    [0xf8, 0xff, 0xfe],
    [],
    [0xfa, 0xfa],
    SEALED.slice(0, -1),
    [...SEALED.slice(0, -3), 11, 0xfa, 0xfa],
  ])
    assert.ok(!looks(payload))
})

test('more appended than there is does not, where the whole frame is in the packet', () => {
  const longer = [...SEALED.slice(0, -3), 200, 0xfa, 0xfa]
  assert.ok(!looks(longer))
  assert.ok(looks(longer, { payloadType: 103, marker: true }))
})

test('of video only the last packet of a frame can be told', () => {
  assert.ok(looks(SEALED, { payloadType: 103, marker: true }))
  assert.ok(!looks(SEALED, { payloadType: 103 }))
})
