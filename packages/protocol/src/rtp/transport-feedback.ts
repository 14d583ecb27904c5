// Reads transport-wide feedback of a receiver (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
//
//   0  V=2 P 15     1  205     2  u16 words − 1     4  u32 sender ssrc     8  u32 media ssrc
//  12  u16 base sequence     14  u16 status count     16  u24 reference time × 64 ms, u8 feedback count     20  status chunks
//   run length chunk:  0 ss n(13)      vector chunk:  10 s(14)  or  11 ss(7)      then, per received packet, u8 or i16 × 250 µs
import { PROTOCOL_LIMITS } from '../limits.ts'
import { RTCP_COUNT, RtcpType } from './rtcp.ts'

const TRANSPORT_SEQUENCES = 15
const BASE = 12
const COUNT = 14
const REFERENCE_TIME = 16
const CHUNKS = 20
const REFERENCE_UNIT = 64
const DELTA_UNIT = 0.25
const Status = { Missing: 0, Small: 1, Large: 2 } as const

/** Whether the packet of `length` bytes at `offset` is transport-wide feedback. Per packet: no allocation. */
export const isTransportFeedback = (view: DataView, offset: number, length: number): boolean =>
  length >= CHUNKS &&
  view.getUint8(offset + 1) === RtcpType.TransportFeedback &&
  (view.getUint8(offset) & RTCP_COUNT) === TRANSPORT_SEQUENCES

/** What one feedback says: the arrival of consecutive transport-wide sequences. Its storage is reused for each feedback. */
export class TransportReport {
  /** Sequence of the first packet. */
  base = 0
  /** Packets that the feedback covers. */
  count = 0
  /** Reference time of the receiver's clock in 64 ms, modulo 2^24. */
  reference = 0
  /** Arrival after the reference time in milliseconds, by sequence from `base`; NaN for a missing packet. */
  readonly times = new Float64Array(PROTOCOL_LIMITS.reportedPackets)
}

/** Milliseconds between the reference times of two feedbacks, across their wrap: positive if `after` is newer. */
export const referenceDistance = (after: number, before: number): number =>
  (((after - before) << 8) >> 8) * REFERENCE_UNIT

/**
 * Reads the feedback of `length` bytes at `offset`. Packets beyond PROTOCOL_LIMITS.reportedPackets are left out. Returns false if
 * chunks or deltas exceed the packet. Per packet: no allocation, no throw.
 */
export function readTransportFeedback(
  view: DataView,
  offset: number,
  length: number,
  report: TransportReport,
): boolean {
  if (!isTransportFeedback(view, offset, length)) return false
  report.base = view.getUint16(offset + BASE)
  report.reference = view.getUint32(offset + REFERENCE_TIME) >>> 8
  const announced = view.getUint16(offset + COUNT)
  report.count = Math.min(announced, report.times.length)
  const end = offset + length
  const deltas = readStatuses(view, offset + CHUNKS, end, announced, report.times)
  return deltas >= 0 && readDeltas(view, deltas, end, report)
}

/** Writes the status of each packet to `times`. Returns where the deltas start; −1 if the chunks exceed the packet. */
function readStatuses(view: DataView, start: number, end: number, count: number, times: Float64Array): number {
  let at = start
  for (let index = 0; index < count; at += 2) {
    if (at + 2 > end) return -1
    const chunk = view.getUint16(at)
    const statuses = statusesOf(chunk)
    const last = Math.min(count, index + statuses, times.length)
    for (let place = index; place < last; place++) times[place] = statusAt(chunk, place - index)
    index += statuses
  }
  return at
}

/** Statuses of a chunk. A run may be empty. */
function statusesOf(chunk: number): number {
  if ((chunk & 0x8000) === 0) return chunk & 0x1fff
  return (chunk & 0x4000) === 0 ? 14 : 7
}

function statusAt(chunk: number, index: number): number {
  if ((chunk & 0x8000) === 0) return (chunk >> 13) & 3
  return (chunk & 0x4000) === 0 ? (chunk >> (13 - index)) & 1 : (chunk >> (12 - 2 * index)) & 3
}

/** Replaces statuses by arrival times. Returns false if the deltas exceed the packet. */
function readDeltas(view: DataView, start: number, end: number, { times, count }: TransportReport): boolean {
  let at = start
  let time = 0
  for (let index = 0; index < count; index++) {
    const status = times[index]!
    if (status !== Status.Small && status !== Status.Large) {
      times[index] = Number.NaN
      continue
    }
    if (at + status > end) return false
    time += (status === Status.Small ? view.getUint8(at) : view.getInt16(at)) * DELTA_UNIT
    times[index] = time
    at += status
  }
  return true
}
