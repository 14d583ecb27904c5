// Hot: how much media may be forwarded at a moment: a token bucket that is filled at the permitted bit rate.
import { LIMITS } from '../../limits.ts'

/** Indexes: bits per millisecond; bits that are left; when that was computed. */
const RATE = 0
const LEVEL = 1
const AT = 2

/** Per packet: no allocation. */
export class BitBudget {
  /** An array, because V8 may allocate where a number with a fraction is stored in a field. */
  readonly #state = new Float64Array(3)

  constructor(bitsPerSecond: number, now: number) {
    this.#state[AT] = now
    this.setRate(bitsPerSecond)
    this.#state[LEVEL] = this.#state[RATE]! * LIMITS.bitrateBurst
  }

  /** What is left stays: a repeated limit is no way to send more. What was spent in advance is at most what this rate permits. */
  setRate(bitsPerSecond: number): void {
    const state = this.#state
    state[RATE] = bitsPerSecond / 1_000
    state[LEVEL] = Math.max(state[LEVEL]!, -state[RATE] * LIMITS.audioAdvance)
  }

  /** Whether a packet may be forwarded. Audio may spend in advance, and video waits until that is earned: voices stay last. */
  hasRoom(isAudio: boolean, now: number): boolean {
    const state = this.#state
    const rate = state[RATE]!
    const level = Math.min(rate * LIMITS.bitrateBurst, state[LEVEL]! + (now - state[AT]!) * rate)
    state[LEVEL] = level
    state[AT] = now
    return level > (isAudio ? -rate * LIMITS.audioAdvance : 0)
  }

  /** A packet of so many bits is forwarded. */
  spend(bits: number): void {
    this.#state[LEVEL]! -= bits
  }
}
