// Fuzz: RTP headers, extensions and padding, and trimming before forwarding.
import assert from 'node:assert/strict'
import { decodeRtp, encodeRtp, rtpHeaderLength, rtpPaddingLength } from '@parley/protocol'
import { trimPacket } from '../../packages/core/src/media/forward/trim-packet.ts'
import { addDatagram, makeBatch } from '../../packages/core/src/testing/plain-io.ts'
import { VECTORS } from '../contract/vectors.ts'
import { fuzz } from './harness.ts'

const padded = {
  payloadType: 120,
  sequence: 1,
  timestamp: 2,
  ssrc: 3,
  payload: new Uint8Array(20),
  csrcs: [4, 5],
  padding: 9,
}
const corpus = [...VECTORS.map(vector => Uint8Array.from(Buffer.from(vector.plain, 'hex'))), encodeRtp(padded)]

fuzz('an RTP header and its padding lie within the packet, or the packet is rejected', {
  covers: ['protocol/rtp/rtp.ts'],
  corpus,
  run(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const header = rtpHeaderLength(view, 0, bytes.length)
    assert.ok(header === -1 || (header >= 12 && header <= bytes.length))
    if (header < 0) return
    const padding = rtpPaddingLength(view, 0, bytes.length, header)
    assert.ok(padding === -1 || (padding >= 0 && header + padding <= bytes.length))
  },
})

const batch = makeBatch()

fuzz('trimming changes nothing but CSRCs and padding', {
  covers: ['core/media/forward/trim-packet.ts'],
  corpus,
  run(bytes) {
    const before = decodeRtp(bytes)
    batch.count = 0
    addDatagram(batch, bytes, [0, 0, 0, 0, 0])
    const header = trimPacket(batch, 0)
    if (before === undefined) return
    assert.ok(header >= 12)
    const after = batch.bytes.slice(0, batch.lengths[0])
    assert.deepEqual(decodeRtp(after), { ...before, csrcs: [] })
    assert.deepEqual(after, encodeRtp({ ...before, csrcs: [] }))
  },
})
