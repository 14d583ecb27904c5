// Fuzz: which packets are taken for sealed by DAVE, and which for silence, against a reference on copies.
import assert from 'node:assert/strict'
import { encodeRtp, OPUS_PAYLOAD_TYPE, rtpHeaderLength } from '@parley/protocol'
import { isSilence, looksSealed } from '../../packages/core/src/media/forward/sealed-frame.ts'
import { addDatagram, makeBatch } from '../../packages/core/src/testing/plain-io.ts'
import { fuzz } from './harness.ts'

const SEALED = Uint8Array.of(...Buffer.from('opus frame'), 1, 2, 3, 4, 5, 6, 7, 8, 1, 12, 0xfa, 0xfa)
const packet = (payload: Uint8Array, payloadType: number, isMarked: boolean) =>
  encodeRtp({ payloadType, marker: isMarked, sequence: 1, timestamp: 2, ssrc: 3, payload })
const batch = makeBatch()

function reference(payload: Uint8Array, isAudio: boolean, isMarked: boolean): boolean {
  const [appended = 0, ...marker] = payload.slice(-3)
  if (payload.length < 12 || appended < 12 || marker.some(byte => byte !== 0xfa)) return false
  return isAudio ? appended <= payload.length : isMarked
}

fuzz('a packet is taken for sealed exactly if its payload ends like a sealed frame', {
  covers: ['core/media/forward/sealed-frame.ts'],
  corpus: [
    packet(SEALED, OPUS_PAYLOAD_TYPE, false),
    packet(SEALED, 101, true),
    packet(SEALED, 101, false),
    packet(Uint8Array.of(0xf8, 0xff, 0xfe), OPUS_PAYLOAD_TYPE, false),
  ],
  run(bytes) {
    batch.count = 0
    addDatagram(batch, bytes, [0, 0, 0, 0, 0])
    const header = rtpHeaderLength(batch.view, 0, bytes.length)
    if (header <= 0 || header > bytes.length) return
    const payload = bytes.slice(header)
    const [, second = 0] = bytes
    const isAudio = (second & 0x7f) === OPUS_PAYLOAD_TYPE
    assert.equal(looksSealed(batch, 0, header), reference(payload, isAudio, second >= 0x80))
    assert.equal(isSilence(batch, 0, header), Buffer.from(payload).equals(Uint8Array.of(0xf8, 0xff, 0xfe)))
  },
})
