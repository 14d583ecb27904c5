// Receive statistics of one source: loss and jitter (RFC 3550 appendix A), and a window that detects duplicates.
import { unwrapSequence } from '@parley/protocol'
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
    const packets = this.#packets
    return { ssrc: this.#ssrc, packets, lost: Math.max(0, expected - packets), jitter: this.#jitter }
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

  #restart(sequence: number): void {
    this.#first = sequence
    this.#newest = sequence
    this.#seen = 1n
    this.#packets = 0
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

  #measure(timestamp: number, now: number): void {
    const transit = now - (timestamp * 1_000) / OPUS_RATE
    const change = this.#transit === undefined ? 0 : Math.abs(transit - this.#transit)
    if (change < WRAPPED) this.#jitter += (change - this.#jitter) / 16
    this.#transit = transit
  }
}
