// Fuzz: forged datagrams to the voice client. Opening never throws and accepts only sealed packets.
import assert from 'node:assert/strict'
import { openPacket, sealPacket } from '@parley/client'
import { decodeRtcp, decodeRtp, encodeReceiverReport, encodeRtp, PROTECTION_LAYOUTS, VoiceMode } from '@parley/protocol'
import { fuzz } from './harness.ts'

const KEY = new Uint8Array(32).fill(7)
const header = { payloadType: 120, sequence: 1, timestamp: 960, ssrc: 4001 }
const extension = { profile: 0xbede, elements: Uint8Array.of(0x10, 0xb2, 0x90, 0x04) }
const counts = { fractionLost: 0, packetsLost: 0, highestSequence: 9, jitter: 5, lastSenderReport: 0, delay: 0 }
const block = { ssrc: 4001, ...counts }
const packets = [
  { kind: 'rtp', plain: encodeRtp({ ...header, payload: Uint8Array.of(0xf8, 0xff, 0xfe) }) },
  { kind: 'rtp', plain: encodeRtp({ ...header, payload: new Uint8Array(80), csrcs: [7], extension, padding: 4 }) },
  { kind: 'rtcp', plain: encodeReceiverReport(1, [block]) },
] as const

for (const mode of Object.values(VoiceMode)) {
  const layout = PROTECTION_LAYOUTS[mode]
  const trailer = new Uint8Array(layout.trailerLength).fill(1)
  const known = new Set(packets.map(({ plain }) => text(plain, layout.isClearAuthenticated)))
  const corpus = packets.map(({ kind, plain }) => sealPacket(layout, kind, KEY, trailer, plain))
  fuzz(`opening ${mode}`, {
    covers: ['client/voice/media/packet.ts'],
    corpus,
    run(bytes) {
      for (const kind of ['rtp', 'rtcp'] as const) {
        const plain = openPacket(layout, kind, KEY, bytes)
        if (plain === undefined) continue
        assert.ok(known.has(text(plain, layout.isClearAuthenticated)))
        if (kind === 'rtp') decodeRtp(plain)
        else decodeRtcp(plain)
      }
    },
  })
}

/** The authenticated part: everything for AEAD modes; for the others the end, which every mode encrypts. */
function text(plain: Uint8Array, isClearAuthenticated: boolean): string {
  return Buffer.from(isClearAuthenticated ? plain : plain.subarray(plain.length - 3)).toString('hex')
}
