// Fuzz: RTCP feedback packets of receivers.
import assert from 'node:assert/strict'
import { FeedbackKind, feedbackKind, feedbackSsrc, nackBits, nackEntries, nackSequence } from '@parley/protocol'
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
