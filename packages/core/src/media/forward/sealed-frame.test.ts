// Detection of frames sealed by a DAVE library.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRtp } from '@parley/protocol'
import { addDatagram, makeBatch } from '../../testing/plain-io.ts'
import { looksSealed } from './sealed-frame.ts'

/** A sealed frame of one byte: that byte, 8 bytes of tag, a nonce, no unencrypted ranges, length 12, the marker. */
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

test('a sealed frame is detected', () => {
  assert.ok(looks(SEALED))
})

test('silence and truncated or inconsistent frames are not detected as sealed', () => {
  for (const payload of [
    [0xf8, 0xff, 0xfe],
    [],
    [0xfa, 0xfa],
    SEALED.slice(0, -1),
    [...SEALED.slice(0, -3), 11, 0xfa, 0xfa],
  ])
    assert.ok(!looks(payload))
})

test('a supplemental length beyond the frame is rejected if the packet holds the whole frame', () => {
  const longer = [...SEALED.slice(0, -3), 200, 0xfa, 0xfa]
  assert.ok(!looks(longer))
  assert.ok(looks(longer, { payloadType: 103, marker: true }))
})

test('only the last packet of a video frame is detected as sealed', () => {
  assert.ok(looks(SEALED, { payloadType: 103, marker: true }))
  assert.ok(!looks(SEALED, { payloadType: 103 }))
})
