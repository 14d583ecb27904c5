// RTCP reports: published bytes, round trips, compounds, and wrong lengths.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeRtcp,
  encodeReceiverReport,
  senderReportMiddle,
  senderReportTime,
  senderReportTimestamp,
  writeDescriptionChunk,
  writeDescriptionHeader,
  writeSenderReport,
} from './rtcp.ts'

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

test('a receiver report is encoded as published', () => {
  assert.equal(hex(encodeReceiverReport(1, [block])), RECEIVER_REPORT)
})

test('a sender report is decoded', () => {
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

test('a compound is decoded packet by packet', () => {
  const kinds = decodeRtcp(unhex(`${SENDER_REPORT}${RECEIVER_REPORT}81ce000200000001 00003039`.replaceAll(' ', '')))
  assert.deepEqual(
    kinds?.map(packet => packet.kind),
    ['senderReport', 'receiverReport', 'other'],
  )
})

test('the published sender report is encoded, and its time is read', () => {
  const bytes = new Uint8Array(30)
  const view = new DataView(bytes.buffer)
  const time = 0xe5c0_0000 * 1_000 + 500
  writeSenderReport(view, 2, { ssrc: 12345, time, timestamp: 0x0001_0203, packets: 100, octets: 8000 })
  assert.equal(hex(bytes.subarray(2)), SENDER_REPORT)
  assert.equal(senderReportTime(view, 2), time)
  assert.equal(senderReportTimestamp(view, 2), 0x0001_0203)
})

test('a source description holds one zero-terminated chunk per source', () => {
  const bytes = new Uint8Array(36).fill(0xee)
  const view = new DataView(bytes.buffer)
  writeDescriptionChunk(view, 4, 0x3039, 0x89ab_cdef)
  writeDescriptionChunk(view, 20, 0x303a, 0x89ab_cdef)
  assert.equal(writeDescriptionHeader(view, 0, 2), 36)
  const name = hex(Uint8Array.from(Array.from('89abcdef', letter => letter.charCodeAt(0))))
  assert.equal(hex(bytes), `82ca0008000030390108${name}00000000303a0108${name}0000`)
})

test('receiver reports are read back, negative loss included', () => {
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

test('a packet longer than its compound, or blocks longer than their packet, are malformed', () => {
  assert.equal(decodeRtcp(unhex(SENDER_REPORT).subarray(0, 24)), undefined)
  assert.equal(decodeRtcp(unhex(SENDER_REPORT.replace('80c8', '81c8'))), undefined)
  assert.equal(decodeRtcp(unhex(RECEIVER_REPORT.replace('81c9', '82c9'))), undefined)
  assert.equal(decodeRtcp(unhex('40c9000100000001')), undefined)
  assert.equal(decodeRtcp(unhex('80c90000')), undefined)
})
