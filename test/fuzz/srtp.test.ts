// Fuzz: SRTP and SRTCP packets and their header extensions.
import assert from 'node:assert/strict'
import {
  encodeRtp,
  extensionLength,
  extensionPlace,
  findExtension,
  rtpHeaderLength,
  SRTP_LAYOUTS,
  SrtpProfile,
  srtpMaterialLength,
} from '@parley/protocol'
import { Srtp } from '../../packages/server/src/lane/crypto/srtp.ts'
import { fuzz } from './harness.ts'

const extension = { profile: 0xbede, elements: Uint8Array.of(0x10, 0xb2, 0x90, 4) }
const two = { profile: 0x1000, elements: Uint8Array.of(1, 1, 0xb2, 0, 9, 0, 0, 0) }
const packet = { payloadType: 111, sequence: 9, timestamp: 5, ssrc: 77, payload: new Uint8Array(20).fill(8) }
const PLAIN = [
  encodeRtp(packet),
  encodeRtp({ ...packet, extension, csrcs: [1] }),
  encodeRtp({ ...packet, extension: two }),
]
const REPORT = Uint8Array.from([0x81, 201, 0, 7, 0, 0, 0, 77, ...new Uint8Array(24)])
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const sealed = (seal: (bytes: Uint8Array, view: DataView) => number, plain: Uint8Array) => {
  const bytes = new Uint8Array(plain.length + 20)
  bytes.set(plain)
  return bytes.slice(0, seal(bytes, viewOf(bytes)))
}

for (const profile of Object.values(SrtpProfile)) {
  const layout = SRTP_LAYOUTS[profile]
  const { keyLength, saltLength } = layout
  /** Client and server keys are equal, so that one instance opens what another seals. */
  const material = new Uint8Array(srtpMaterialLength(layout)).fill(1, 0, 2 * keyLength).fill(2, 2 * keyLength)
  assert.equal(material.length, 2 * (keyLength + saltLength))
  const open = () => new Srtp(profile, material)
  const corpus = [
    ...PLAIN.map(plain => sealed((bytes, view) => open().sealRtp(bytes, view, 0, plain.length), plain)),
    sealed((bytes, view) => open().sealRtcp(bytes, view, 0, REPORT.length), REPORT),
  ]
  const known = new Set(corpus.map(bytes => Buffer.from(bytes).toString('hex')))
  const rtp = open()
  const rtcp = open()
  fuzz(`${profile}: only sealed packets open`, {
    covers: ['server/lane/crypto/srtp.ts', 'protocol/rtp/srtp.ts'],
    corpus,
    run(bytes) {
      const isKnown = known.has(Buffer.from(bytes).toString('hex'))
      const original = bytes.slice()
      const plain = rtp.openRtp(bytes, viewOf(bytes), 0, bytes.length)
      assert.ok(plain < 0 || isKnown)
      const report = rtcp.openRtcp(original, viewOf(original), 0, original.length)
      assert.ok(report < 0 || isKnown)
    },
  })
}

fuzz('an extension element lies within the header', {
  covers: ['protocol/rtp/rtp-extension.ts'],
  corpus: PLAIN,
  run(bytes) {
    const view = viewOf(bytes)
    const header = rtpHeaderLength(view, 0, bytes.length)
    if (header < 0) return
    for (const id of [1, 4, 9, 14, 200]) {
      const found = findExtension(view, 0, header, id)
      if (found < 0) continue
      assert.ok(extensionPlace(found) >= 16 && extensionPlace(found) + extensionLength(found) <= header)
    }
  },
})
