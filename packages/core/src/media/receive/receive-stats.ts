// What receiver reports say about each SSRC: loss and jitter by the rules of RFC 3550 (appendix A.1, A.3, A.8).
import { type ReportBlock, sequenceDistance } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'

const CIRCLE = 65_536
/** Lost packets are told in 24 bits, signed. */
const MOST_LOST = 0x7f_ffff

/** One record per row. Only packets that have verified and were not seen before are told. */
export class ReceiveStats {
  #first = new Float64Array(0)
  #newest = new Float64Array(0)
  #received = new Float64Array(0)
  #expectedBefore = new Float64Array(0)
  #receivedBefore = new Float64Array(0)
  #jitter = new Float64Array(0)
  #transit = new Int32Array(0)
  #senderReport = new Int32Array(0)
  #senderReportAt = new Float64Array(0)

  /** Makes room for `rows` rows. */
  resize(rows: number): void {
    this.#first = grown(this.#first, rows)
    this.#newest = grown(this.#newest, rows)
    this.#received = grown(this.#received, rows)
    this.#expectedBefore = grown(this.#expectedBefore, rows)
    this.#receivedBefore = grown(this.#receivedBefore, rows)
    this.#jitter = grown(this.#jitter, rows)
    this.#senderReportAt = grown(this.#senderReportAt, rows)
    const transit = new Int32Array(rows)
    transit.set(this.#transit)
    this.#transit = transit
    const senderReport = new Int32Array(rows)
    senderReport.set(this.#senderReport)
    this.#senderReport = senderReport
  }

  reset(row: number): void {
    this.#received[row] = 0
    this.#receivedBefore[row] = 0
    this.#expectedBefore[row] = 0
    this.#jitter[row] = 0
    this.#senderReport[row] = 0
  }

  /** A packet arrived; `clockRate` is the timestamp's, per millisecond. Per packet: no allocation. */
  received(row: number, sequence: number, timestamp: number, now: number, clockRate: number): void {
    const transit = ((now * clockRate) | 0) - timestamp
    if (this.#received[row] === 0) {
      this.#first[row] = sequence
      this.#newest[row] = sequence
    } else {
      this.#advance(row, sequence)
      const change = Math.abs((transit - this.#transit[row]!) | 0)
      this.#jitter[row]! += (change - this.#jitter[row]!) / 16
    }
    this.#transit[row] = transit | 0
    this.#received[row]!++
  }

  /** The middle of the NTP time of a sender report that arrived now. */
  senderReported(row: number, middle: number, now: number): void {
    this.#senderReport[row] = middle | 0
    this.#senderReportAt[row] = now
  }

  /** Packets so far. */
  count(row: number): number {
    return this.#received[row]!
  }

  /** The timestamp that would arrive now, if packets take as long as the last one did; signed. */
  timestampAt(row: number, now: number, clockRate: number): number {
    return (((now * clockRate) | 0) - this.#transit[row]!) | 0
  }

  /** Whether packets arrived since the last block was made. */
  isReportable(row: number): boolean {
    return this.#received[row]! > this.#receivedBefore[row]!
  }

  /** The block for a receiver report, and the start of the next interval. */
  takeBlock(row: number, ssrc: number, now: number): ReportBlock {
    const expected = this.#newest[row]! - this.#first[row]! + 1
    const received = this.#received[row]!
    const expectedNow = expected - this.#expectedBefore[row]!
    const lostNow = expectedNow - (received - this.#receivedBefore[row]!)
    this.#expectedBefore[row] = expected
    this.#receivedBefore[row] = received
    return {
      ssrc,
      fractionLost: expectedNow <= 0 || lostNow <= 0 ? 0 : Math.min(255, Math.floor((lostNow * 256) / expectedNow)),
      packetsLost: Math.max(-MOST_LOST - 1, Math.min(MOST_LOST, expected - received)),
      highestSequence: this.#newest[row]! >>> 0,
      jitter: Math.floor(this.#jitter[row]!) >>> 0,
      lastSenderReport: this.#senderReport[row]! >>> 0,
      delay: this.#senderReport[row] === 0 ? 0 : Math.floor((now - this.#senderReportAt[row]!) * 65.536) >>> 0,
    }
  }

  /** A packet further back than the replay window was let through because more than half a circle lies between. */
  #advance(row: number, sequence: number): void {
    const newest = this.#newest[row]!
    const distance = sequenceDistance(sequence, newest & 0xffff)
    if (distance > 0) this.#newest[row] = newest + distance
    else if (distance <= -LIMITS.replayWindow) this.#newest[row] = newest + distance + CIRCLE
    else if (newest + distance < this.#first[row]!) this.#first[row] = newest + distance
  }
}

function grown(array: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(length)
  larger.set(array)
  return larger
}
