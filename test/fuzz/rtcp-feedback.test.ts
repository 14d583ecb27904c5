// Fuzz: RTCP feedback packets of receivers.
import assert from 'node:assert/strict'
import {
  blockFractionLost,
  blockHighestSequence,
  blockSsrc,
  FeedbackKind,
  feedbackKind,
  feedbackSsrc,
  nackBits,
  nackEntries,
  nackSequence,
  REPORT_BLOCK_LENGTH,
  readRemb,
  readTransportFeedback,
  reportBlocksOffset,
  rtcpCount,
  TransportReport,
} from '@parley/protocol'
import { fuzz } from './harness.ts'

const unhex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))

fuzz('feedback is parsed within its packet or rejected', {
  covers: ['protocol/rtp/rtcp-feedback.ts'],
  corpus: [
    unhex('81ce00020000000100003039'),
    unhex('84ce00040000000100000000000030390700000'.padEnd(40, '0')),
    unhex('81cd0004000000010000303912340005ffff0001'),
  ],
  run(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const kind = feedbackKind(view, 0, bytes.length)
    if (kind === FeedbackKind.Other) return
    assert.ok(feedbackSsrc(view, 0) >= 0)
    if (kind !== FeedbackKind.Nack) return
    for (let entry = 0; entry < nackEntries(bytes.length); entry++)
      assert.ok(nackSequence(view, 0, entry) <= 0xffff && nackBits(view, 0, entry) <= 0xffff)
  },
})

const report = new TransportReport()

fuzz('transport-wide feedback is read within its packet or rejected', {
  covers: ['protocol/rtp/transport-feedback.ts'],
  corpus: [
    unhex('afcd00060000000100003039fffe0005000002072003000204080c0300000004'),
    unhex('afcd000700000001000030390000001200000001a800d8400404fffc04000000'),
    unhex('8fcd0005000000010000303900001fff000000011fff0000'),
  ],
  run(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (!readTransportFeedback(view, 0, bytes.length, report)) return
    assert.ok(report.count <= report.times.length && report.base <= 0xffff)
    for (let index = 0; index < report.count; index++)
      assert.ok(Number.isNaN(report.times[index]!) || Math.abs(report.times[index]!) < 2 ** 24)
  },
})

fuzz('estimates and report blocks of receivers are read within their packet or rejected', {
  covers: ['protocol/rtp/remb.ts'],
  corpus: [
    unhex('8fce0005000000010000000052454d42010a03d000003039'),
    unhex(`81c9000700000001${'0000303910000003000000ff'.padEnd(48, '0')}`),
    unhex(`81c8000c00000001${'00'.repeat(20)}${'0000303910000003000000ff'.padEnd(48, '0')}`),
  ],
  run(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    assert.ok(readRemb(view, 0, bytes.length) >= -1)
    if (bytes.length < 8) return
    const blocks = reportBlocksOffset(view, 0, bytes.length)
    if (blocks < 0) return
    for (let index = 0; index < rtcpCount(view, 0); index++) {
      const at = blocks + index * REPORT_BLOCK_LENGTH
      assert.ok(blockSsrc(view, at) + blockFractionLost(view, at) + blockHighestSequence(view, at) >= 0)
    }
  },
})
