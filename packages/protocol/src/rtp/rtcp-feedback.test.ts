import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  FeedbackKind,
  feedbackKind,
  feedbackSsrc,
  MAX_TRANSPORT_FEEDBACK_LENGTH,
  nackBits,
  nackEntries,
  nackSequence,
  TRANSPORT_FEEDBACK_PACKETS,
  writeNack,
  writePictureLoss,
  writeTransportFeedback,
} from './rtcp-feedback.ts'

const unhex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const SSRCS = { sender: 1, media: 0x3039 }

test('PLI, FIR and NACK are distinguished, with the SSRC that they concern', () => {
  const packets: [string, FeedbackKind, number][] = [
    ['81ce0002 00000001 00003039', FeedbackKind.Keyframe, 0x3039],
    ['84ce0004 00000001 00000000 00003039 07000000', FeedbackKind.Keyframe, 0x3039],
    ['81cd0003 00000001 00003039 12340005', FeedbackKind.Nack, 0x3039],
  ]
  for (const [text, kind, ssrc] of packets) {
    const bytes = unhex(`aa${text}`)
    assert.equal(feedbackKind(viewOf(bytes), 1, bytes.length - 1), kind)
    assert.equal(feedbackSsrc(viewOf(bytes), 1), ssrc)
  }
  for (const text of [
    '8fce0002 00000001 00003039',
    '84ce0002 00000001 00003039',
    '81ce0001 00000001',
    '8fcd0002 00000001 00003039',
  ])
    assert.equal(feedbackKind(viewOf(unhex(text)), 0, text.replace(/\s/g, '').length / 2), FeedbackKind.Other)
})

test('a PLI is encoded as in RFC 4585 §6.3.1', () => {
  const bytes = new Uint8Array(12)
  assert.equal(writePictureLoss(viewOf(bytes), 0, 1, 0x3039), 12)
  assert.equal(hex(bytes), '81ce00020000000100003039')
})

test('a NACK combines near sequence numbers, also across the wrap, and is read back', () => {
  const asked = Int32Array.of(100, 101, 116, 117, 300, 65_535, 0, 15, 16)
  const bytes = new Uint8Array(60)
  const length = writeNack(viewOf(bytes), 0, SSRCS, asked, asked.length)
  const view = viewOf(bytes)
  assert.equal(hex(bytes.subarray(0, 16)), '81cd0007000000010000303900648001')
  assert.equal(view.getUint16(2), length / 4 - 1)
  const read: number[] = []
  for (let entry = 0; entry < nackEntries(length); entry++) {
    const first = nackSequence(view, 0, entry)
    read.push(first)
    for (let bit = 0; bit < 16; bit++) if ((nackBits(view, 0, entry) >> bit) & 1) read.push((first + bit + 1) & 0xffff)
  }
  assert.deepEqual(read, [...asked])
})

/** Reads two-bit vectors and deltas by the draft, on its own. */
function readTransport(bytes: Uint8Array) {
  const view = viewOf(bytes)
  const count = view.getUint16(14)
  const reference = (view.getInt32(16) >> 8) * 64
  const statuses: number[] = []
  let at = 20
  for (; statuses.length < count; at += 2) {
    const chunk = view.getUint16(at)
    assert.equal(chunk >> 14, 3)
    for (let index = 0; index < 7; index++) statuses.push((chunk >> (12 - 2 * index)) & 3)
  }
  let time = reference
  const times = statuses.slice(0, count).map(status => {
    if (status === 0) return undefined
    time += (status === 1 ? view.getUint8(at) : view.getInt16(at)) / 4
    at += status
    return time
  })
  const padding = (bytes[0]! & 0x20) !== 0 ? bytes[bytes.length - 1]! : 0
  assert.equal(at + padding, bytes.length)
  assert.equal(bytes.length, (view.getUint16(2) + 1) * 4)
  return { base: view.getUint16(12), number: bytes[19], times }
}

test('transport feedback reports arrival times in 250 µs units, and missing packets', () => {
  const times = Float64Array.of(1_000, 1_000.5, Number.NaN, 1_090, 1_089.75, Number.NaN, Number.NaN, Number.NaN, 2_000)
  const bytes = new Uint8Array(MAX_TRANSPORT_FEEDBACK_LENGTH)
  const length = writeTransportFeedback(viewOf(bytes), SSRCS, { base: 65_534, times, count: 9 }, 260)
  const read = readTransport(bytes.subarray(0, length))
  assert.equal(read.base, 65_534)
  assert.equal(read.number, 4)
  assert.deepEqual(
    read.times,
    [...times].map(time => (Number.isNaN(time) ? undefined : time)),
  )
})

test('the longest transport feedback fits its buffer', () => {
  const times = Float64Array.from({ length: TRANSPORT_FEEDBACK_PACKETS }, (_, index) => 1e6 + index * 100)
  const bytes = new Uint8Array(MAX_TRANSPORT_FEEDBACK_LENGTH)
  const arrivals = { base: 0, times, count: TRANSPORT_FEEDBACK_PACKETS }
  const length = writeTransportFeedback(viewOf(bytes), SSRCS, arrivals, 0)
  assert.deepEqual(readTransport(bytes.subarray(0, length)).times, [...times])
})
