// What arrived of one source: loss and jitter as RFC 3550 counts them, and a window against replays.
import { unwrapSequence } from '@parley/protocol'
import { OPUS_RATE } from '../../ogg/opus-packet.ts'

/** Of one ssrc, since its first packet. */
export interface SourceReport {
  ssrc: number
  packets: number
  /** Of the packets between first and newest, those that have not come. */
  lost: number
  /** Variation of the time between packets, in milliseconds, smoothed (RFC 3550 §6.4.1). */
  jitter: number
}

/** Packets behind the newest one whose number is remembered. */
const WINDOW = 64
/** A source that jumps this far has started again (RFC 3550 appendix A.1). */
const RESTART = 3_000

export class ReceiveStats {
  readonly #ssrc: number
  #first = 0
  #newest = -1
  #seen = 0n
  #packets = 0
  #jitter = 0
  #transit: number | undefined

  constructor(ssrc: number) {
    this.#ssrc = ssrc
  }

  get report(): SourceReport {
    const expected = this.#packets === 0 ? 0 : this.#newest - this.#first + 1
    const { ssrc, packets } = { ssrc: this.#ssrc, packets: this.#packets }
    return { ssrc, packets, lost: Math.max(0, expected - packets), jitter: this.#jitter }
  }

  /** Counts a packet that has verified; false if it came before, or is older than can be told. */
  receive(sequence: number, timestamp: number, now: number): boolean {
    const index = this.#packets === 0 ? sequence : unwrapSequence(sequence, this.#newest)
    if (this.#packets === 0 || Math.abs(index - this.#newest) > RESTART) this.#restart(sequence)
    else if (!this.#mark(index)) return false
    this.#packets++
    this.#measure(timestamp, now)
    return true
  }

  #restart(sequence: number): void {
    this.#first = sequence
    this.#newest = sequence
    this.#seen = 1n
    this.#packets = 0
    this.#transit = undefined
  }

  /** Bit n of `#seen` stands for the packet n before the newest. */
  #mark(index: number): boolean {
    const ahead = index - this.#newest
    if (ahead > 0) {
      this.#seen = BigInt.asUintN(WINDOW, (this.#seen << BigInt(Math.min(ahead, WINDOW))) | 1n)
      this.#newest = index
      return true
    }
    const bit = 1n << BigInt(-ahead)
    if (-ahead >= WINDOW || (this.#seen & bit) !== 0n) return false
    this.#seen |= bit
    this.#first = Math.min(this.#first, index)
    return true
  }

  #measure(timestamp: number, now: number): void {
    const transit = now - (timestamp * 1_000) / OPUS_RATE
    // A difference of hours is a timestamp that went around, not a delay.
    const change = this.#transit === undefined ? 0 : Math.abs(transit - this.#transit)
    if (change < 60_000) this.#jitter += (change - this.#jitter) / 16
    this.#transit = transit
  }
}
