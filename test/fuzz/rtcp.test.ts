// Fuzz: RTCP compounds.
import assert from 'node:assert/strict'
import {
  decodeRtcp,
  encodeReceiverReport,
  RtcpType,
  rtcpPacketLength,
  rtcpPacketType,
  SENDER_REPORT_LENGTH,
  senderReportTime,
  senderReportTimestamp,
  writeSenderReport,
} from '@parley/protocol'
import { VECTORS } from '../contract/vectors.ts'
import { fuzz } from './harness.ts'

const plain = VECTORS.filter(vector => vector.name.startsWith('rtcp')).map(vector =>
  Uint8Array.from(Buffer.from(vector.plain, 'hex')),
)

fuzz('a compound packet is rejected or parsed whole, and its reports survive a round trip', {
  covers: ['protocol/rtp/rtcp.ts'],
  corpus: [...plain, Uint8Array.from(plain.flatMap(bytes => [...bytes])), Uint8Array.of(0x81, 206, 0, 2, ...Array(8))],
  run(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const first = rtcpPacketLength(view, 0, bytes.length)
    assert.ok(first === -1 || (first >= 4 && first % 4 === 0 && first <= bytes.length))
    if (first >= SENDER_REPORT_LENGTH && rtcpPacketType(view, 0) === RtcpType.SenderReport) checkTime(view)
    for (const packet of decodeRtcp(bytes) ?? []) {
      if (packet.kind !== 'receiverReport') continue
      const again = decodeRtcp(encodeReceiverReport(packet.senderSsrc, packet.blocks))
      assert.deepEqual(again, [packet])
    }
  },
})

/** Asserts that the times of a sender report survive a round trip. */
function checkTime(view: DataView): void {
  const time = senderReportTime(view, 0)
  const timestamp = senderReportTimestamp(view, 0)
  assert.ok(time >= 0 && time < 2 ** 32 * 1_000)
  const again = new DataView(new ArrayBuffer(SENDER_REPORT_LENGTH))
  writeSenderReport(again, 0, { ssrc: 1, time, timestamp, packets: 0, octets: 0 })
  assert.ok(Math.abs(senderReportTime(again, 0) - time) < 0.01)
  assert.equal(senderReportTimestamp(again, 0), timestamp)
}
