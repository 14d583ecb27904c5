import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeTransportFeedback } from './rtcp-feedback.ts'
import { readTransportFeedback, referenceDistance, TransportReport } from './transport-feedback.ts'

const unhex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function read(text: string) {
  const report = new TransportReport()
  const bytes = unhex(text)
  const isRead = readTransportFeedback(viewOf(bytes), 0, bytes.length, report)
  return isRead ? { ...report, times: [...report.times.subarray(0, report.count)] } : undefined
}

test('run length chunks are read', () => {
  // Three packets with small deltas, then two missing ones.
  const report = read('afcd0006 00000001 00003039 fffe0005 00000207 20030002 04080c03 00000004')
  assert.equal(report?.base, 0xfffe)
  assert.equal(report?.reference, 2)
  assert.deepEqual(report?.times, [1, 3, 6, Number.NaN, Number.NaN])
})

test('vector chunks of one and two bits are read', () => {
  // Bits 10100000000000, then the symbols small, large, missing, small.
  const report = read('afcd0007 00000001 00003039 00000012 00000001 a800 d840 0404 04fffc04 0002')
  const missing = new Array(11).fill(Number.NaN)
  assert.deepEqual(report?.times, [1, Number.NaN, 2, ...missing, 3, 2, Number.NaN, 3])
})

test('what the node writes is read back, with negative and large deltas', () => {
  const times = new Float64Array(40).fill(Number.NaN)
  times[0] = 1_000
  times[1] = 1_250.25
  times[7] = 990
  times[39] = 4_000.5
  const bytes = new Uint8Array(256)
  const view = viewOf(bytes)
  const length = writeTransportFeedback(view, { sender: 1, media: 2 }, { base: 65_530, times, count: 40 }, 3)
  const report = new TransportReport()
  assert.ok(readTransportFeedback(view, 0, length, report))
  const start = report.reference * 64
  assert.deepEqual([report.base, report.count], [65_530, 40])
  for (let index = 0; index < 40; index++)
    if (Number.isNaN(times[index]!)) assert.ok(Number.isNaN(report.times[index]!))
    else assert.equal(start + report.times[index]!, times[index])
})

test('feedback whose chunks or deltas exceed the packet is rejected', () => {
  assert.equal(read('8fcd0004 00000001 00003039 00000001 00000001'), undefined)
  assert.equal(read('8fcd0005 00000001 00003039 00000009 00000001 20090404'), undefined)
  assert.equal(read('81cd0005 00000001 00003039 00000001 00000001 20010400'), undefined)
  assert.equal(read('8fcd0003 00000001 00003039 00000001'), undefined)
})

test('packets beyond the bound are left out', () => {
  // A run of 8,191 missing packets.
  const report = read('8fcd0005 00000001 00003039 00001fff 00000001 1fff0000')
  assert.equal(report?.count, 1_024)
})

test('reference times are compared across their wrap', () => {
  assert.equal(referenceDistance(1, 0xff_ffff), 128)
  assert.equal(referenceDistance(0xff_ffff, 1), -128)
})
