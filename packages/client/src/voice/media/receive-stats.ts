// Receive statistics of one source: loss and jitter (RFC 3550 appendix A), and a window that detects duplicates.
import { type ReportBlock, unwrapSequence } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'
import { OPUS_RATE } from '../../ogg/opus-packet.ts'

/** Statistics of one SSRC since its first packet. */
export interface SourceReport {
  ssrc: number
  /** Packets received, without duplicates. */
  packets: number
  /** Packets missing between the first and the newest. */
  lost: number
  /** Interarrival jitter in milliseconds (RFC 3550 §6.4.1). */
  jitter: number
}

/** A transit difference beyond this is a wrapped timestamp, not a delay. */
const WRAPPED = 60_000
/** Cumulative loss is a signed 24-bit field. */
const MAX_LOST = 0x7f_ffff

export class ReceiveStats {
  readonly #ssrc: number
  /** Extended sequence numbers of the first and the newest packet: unwrapped, so that they do not jump at 65,536. */
  #first = 0
  #newest = -1
  /** The last `LIMITS.replayWindow` packets as bits, see `#mark`. */
  #seen = 0n
  #packets = 0
  /** Milliseconds. */
  #jitter = 0
  /** Arrival time minus media time of the last packet, in milliseconds; only differences of it have a meaning. */
  #transit: number | undefined
  /** When the last report block was taken: packets expected and received so far. */
  #reported = { expected: 0, packets: 0 }

  constructor(ssrc: number) {
    this.#ssrc = ssrc
  }

  get report(): SourceReport {
    const packets = this.#packets
    return { ssrc: this.#ssrc, packets, lost: Math.max(0, this.#expected - packets), jitter: this.#jitter }
  }

  /** Whether packets arrived since the last report block. */
  get isActive(): boolean {
    return this.#packets !== this.#reported.packets
  }

  /** The block for a receiver report, and the start of the next interval (RFC 3550 §6.4.1). */
  takeBlock(): ReportBlock {
    const expected = this.#expected
    const packets = this.#packets
    const expectedNow = expected - this.#reported.expected
    const lostNow = expectedNow - (packets - this.#reported.packets)
    this.#reported = { expected, packets }
    return {
      ssrc: this.#ssrc,
      fractionLost: expectedNow <= 0 || lostNow <= 0 ? 0 : Math.min(255, Math.floor((lostNow * 256) / expectedNow)),
      packetsLost: Math.max(-MAX_LOST - 1, Math.min(MAX_LOST, expected - packets)),
      highestSequence: this.#newest >>> 0,
      jitter: Math.floor((this.#jitter * OPUS_RATE) / 1_000),
      lastSenderReport: 0,
      delay: 0,
    }
  }

  /** Packets from the first to the newest, received or not. */
  get #expected(): number {
    return this.#packets === 0 ? 0 : this.#newest - this.#first + 1
  }

  /** Counts an authenticated packet. Returns false if it is a duplicate, or too old to tell. */
  receive(sequence: number, timestamp: number, now: number): boolean {
    const index = this.#packets === 0 ? sequence : unwrapSequence(sequence, this.#newest)
    if (this.#packets === 0 || Math.abs(index - this.#newest) > LIMITS.maxDropout) this.#restart(sequence)
    else if (!this.#mark(index)) return false
    this.#packets++
    this.#measure(timestamp, now)
    return true
  }

  /** First packet, or a sender that started its numbers over: everything before counts no longer. */
  #restart(sequence: number): void {
    this.#first = sequence
    this.#newest = sequence
    this.#seen = 1n
    this.#packets = 0
    this.#reported = { expected: 0, packets: 0 }
    this.#transit = undefined
  }

  /** Bit n of `#seen` is the packet n before the newest. */
  #mark(index: number): boolean {
    const ahead = index - this.#newest
    if (ahead > 0) {
      this.#seen = BigInt.asUintN(
        LIMITS.replayWindow,
        (this.#seen << BigInt(Math.min(ahead, LIMITS.replayWindow))) | 1n,
      )
      this.#newest = index
      return true
    }
    const bit = 1n << BigInt(-ahead)
    if (-ahead >= LIMITS.replayWindow || (this.#seen & bit) !== 0n) return false
    this.#seen |= bit
    this.#first = Math.min(this.#first, index)
    return true
  }

  /** Jitter as a moving average with gain 1/16 (RFC 3550 §6.4.1). */
  #measure(timestamp: number, now: number): void {
    const transit = now - (timestamp * 1_000) / OPUS_RATE
    const change = this.#transit === undefined ? 0 : Math.abs(transit - this.#transit)
    if (change < WRAPPED) this.#jitter += (change - this.#jitter) / 16
    this.#transit = transit
  }
}
