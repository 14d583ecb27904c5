// Loss and jitter of one stream, as receiver reports state them (RFC 3550 appendix A.1, A.3, A.8).
import { type ReportBlock, sequenceDistance } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'

const SEQUENCES = 65_536
/** Cumulative loss is a signed 24-bit field. */
const MAX_LOST = 0x7f_ffff

/** Counts only packets that have verified and were not received before. */
export class ReceiveStats {
  #first = 0
  /** Highest sequence, extended by the number of cycles. */
  #highest = 0
  #received = 0
  /** Packets expected before the sender last started its sequences over. */
  #expectedEarlier = 0
  #expectedBefore = 0
  #receivedBefore = 0
  /** In timestamp units. */
  #jitter = 0
  /** Arrival minus timestamp of the last packet, in timestamp units. */
  #transit = 0
  /** The next packet starts sequences and timestamps. */
  #isStarting = true
  /** Middle 32 bits of the NTP time of the last sender report; 0 before the first. */
  #senderReport = 0
  #senderReportAt = 0

  /** Counts a packet; `clockRate` is timestamps per millisecond. Per packet: no allocation. */
  received(sequence: number, timestamp: number, now: number, clockRate: number): void {
    const transit = ((now * clockRate) | 0) - timestamp
    this.#received++
    if (this.#isStarting) {
      this.#first = sequence
      this.#highest = sequence
      this.#isStarting = false
    } else {
      // One that was overtaken may have been sent again: when it arrived says nothing about the path.
      if (!this.#advance(sequence)) return
      const change = Math.abs((transit - this.#transit) | 0)
      this.#jitter += (change - this.#jitter) / 16
    }
    this.#transit = transit | 0
  }

  /** Counts a packet that was requested, from further back than the replay window. */
  returned(): void {
    this.#received++
  }

  /** The sender starts its sequences over, with the next packet. */
  restart(): void {
    if (this.#isStarting) return
    this.#expectedEarlier += this.#highest - this.#first + 1
    this.#isStarting = true
  }

  /** A sender report arrived; `middle` is the middle 32 bits of its NTP time. */
  senderReported(middle: number, now: number): void {
    this.#senderReport = middle | 0
    this.#senderReportAt = now
  }

  /** Packets so far. */
  get count(): number {
    return this.#received
  }

  /** Packets expected and not received; 0 if duplicates outnumber them. */
  get lost(): number {
    const expected =
      this.#received === 0 ? 0 : this.#expectedEarlier + (this.#isStarting ? 0 : this.#highest - this.#first + 1)
    return Math.max(0, expected - this.#received)
  }

  /** In timestamp units. */
  get jitter(): number {
    return this.#jitter
  }

  /** The timestamp that would arrive now, if packets take as long as the last one did; signed. */
  timestampAt(now: number, clockRate: number): number {
    return (((now * clockRate) | 0) - this.#transit) | 0
  }

  /** Whether packets arrived since the last report block. */
  get isReportable(): boolean {
    return this.#received > this.#receivedBefore
  }

  /** Returns the block for a receiver report, and starts the next interval. */
  takeBlock(ssrc: number, now: number): ReportBlock {
    const expected = this.#expectedEarlier + this.#highest - this.#first + 1
    const received = this.#received
    const expectedNow = expected - this.#expectedBefore
    const lostNow = expectedNow - (received - this.#receivedBefore)
    this.#expectedBefore = expected
    this.#receivedBefore = received
    return {
      ssrc,
      fractionLost: expectedNow <= 0 || lostNow <= 0 ? 0 : Math.min(255, Math.floor((lostNow * 256) / expectedNow)),
      packetsLost: Math.max(-MAX_LOST - 1, Math.min(MAX_LOST, expected - received)),
      highestSequence: this.#highest >>> 0,
      jitter: Math.floor(this.#jitter) >>> 0,
      lastSenderReport: this.#senderReport >>> 0,
      delay: this.#senderReport === 0 ? 0 : Math.floor((now - this.#senderReportAt) * 65.536) >>> 0,
    }
  }

  /**
   * Returns whether the packet is newer than all before. One from further back than the replay window passed it because more than half a
   * cycle was lost in between.
   */
  #advance(sequence: number): boolean {
    const highest = this.#highest
    const distance = sequenceDistance(sequence, highest & 0xffff)
    if (distance > 0) this.#highest = highest + distance
    else if (distance <= -LIMITS.replayWindow) this.#highest = highest + distance + SEQUENCES
    else if (highest + distance < this.#first) this.#first = highest + distance
    return this.#highest !== highest
  }
}
