// RTCP reports: the published bytes, round trips, compounds, and lengths that lie.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeRtcp, encodeReceiverReport, senderReportMiddle } from './rtcp.ts'

const hex = (bytes: Uint8Array) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
const unhex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], pair => Number.parseInt(pair, 16))
const SENDER_REPORT = '80c8000600003039e5c00000800000000001020300000064 00001f40'.replace(' ', '')
const RECEIVER_REPORT = '81c90007000000010000303900000000000012340000000500000000 00000000'.replace(' ', '')

const block = {
  ssrc: 12345,
  fractionLost: 0,
  packetsLost: 0,
  highestSequence: 0x1234,
  jitter: 5,
  lastSenderReport: 0,
  delay: 0,
}

test('a receiver report is written as published', () => {
  assert.equal(hex(encodeReceiverReport(1, [block])), RECEIVER_REPORT)
})

test('a sender report is read', () => {
  assert.deepEqual(decodeRtcp(unhex(SENDER_REPORT)), [
    {
      kind: 'senderReport',
      senderSsrc: 12345,
      ntpSeconds: 0xe5c0_0000,
      ntpFraction: 0x8000_0000,
      timestamp: 0x0001_0203,
      packets: 100,
      octets: 8000,
      blocks: [],
    },
  ])
  assert.equal(senderReportMiddle(new DataView(unhex(SENDER_REPORT).buffer), 0), 0x0000_8000)
})

test('a compound is read packet by packet', () => {
  const kinds = decodeRtcp(unhex(`${SENDER_REPORT}${RECEIVER_REPORT}81ce000200000001 00003039`.replaceAll(' ', '')))
  assert.deepEqual(
    kinds?.map(packet => packet.kind),
    ['senderReport', 'receiverReport', 'other'],
  )
})

test('receiver reports read back, negative loss included', () => {
  const u32 = fc.nat(0xffff_ffff)
  const blocks = fc.array(
    fc.record(
      {
        ssrc: u32,
        fractionLost: fc.nat(255),
        packetsLost: fc.integer({ min: -0x80_0000, max: 0x7f_ffff }),
        highestSequence: u32,
        jitter: u32,
        lastSenderReport: u32,
        delay: u32,
      },
      { noNullPrototype: true },
    ),
    { maxLength: 31 },
  )
  fc.assert(
    fc.property(blocks, written => {
      assert.deepEqual(decodeRtcp(encodeReceiverReport(1, written)), [
        { kind: 'receiverReport', senderSsrc: 1, blocks: written },
      ])
    }),
  )
})

test('a packet that reaches beyond its compound, or blocks beyond their packet, are malformed', () => {
  assert.equal(decodeRtcp(unhex(SENDER_REPORT).subarray(0, 24)), undefined)
  assert.equal(decodeRtcp(unhex(SENDER_REPORT.replace('80c8', '81c8'))), undefined)
  assert.equal(decodeRtcp(unhex(RECEIVER_REPORT.replace('81c9', '82c9'))), undefined)
  assert.equal(decodeRtcp(unhex('40c9000100000001')), undefined)
  assert.equal(decodeRtcp(unhex('80c90000')), undefined)
})
