// Fuzz: RTCP compounds.
import assert from 'node:assert/strict'
import { decodeRtcp, encodeReceiverReport, rtcpPacketLength } from '@parley/protocol'
import { VECTORS } from '../contract/vectors.ts'
import { fuzz } from './harness.ts'

const plain = VECTORS.filter(vector => vector.name.startsWith('rtcp')).map(vector =>
  Uint8Array.from(Buffer.from(vector.plain, 'hex')),
)

fuzz('a compound is read whole, its reports as they were written, or refused', {
  corpus: [...plain, Uint8Array.from(plain.flatMap(bytes => [...bytes])), Uint8Array.of(0x81, 206, 0, 2, ...Array(8))],
  run(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const first = rtcpPacketLength(view, 0, bytes.length)
    assert.ok(first === -1 || (first >= 4 && first % 4 === 0 && first <= bytes.length))
    for (const packet of decodeRtcp(bytes) ?? []) {
      if (packet.kind !== 'receiverReport') continue
      const again = decodeRtcp(encodeReceiverReport(packet.senderSsrc, packet.blocks))
      assert.deepEqual(again, [packet])
    }
  },
})
