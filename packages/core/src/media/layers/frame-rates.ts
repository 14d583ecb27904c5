// Bits per second of one layer, by temporal layer: over the last second, and the most of the last ten.
import { BitRate, BUCKET } from './bit-rate.ts'

/** Temporal layers that are told apart; higher ones count as the last. */
export const TEMPORALS = 4

/** The peak is that of so many periods of so many ms; periods are a power of two. */
const PERIODS = 8
const PERIOD = 1_250

export class FrameRates {
  readonly #rates = Array.from({ length: TEMPORALS }, () => new BitRate())
  /** The most of each period, by temporal layer and period. */
  readonly #peaks = new Float64Array(TEMPORALS * PERIODS)
  /** Number of the newest period: time divided by PERIOD. */
  #newest = -Infinity
  #sampledAt = -Infinity

  /** Per packet: no allocation. */
  add(temporal: number, bytes: number, now: number): void {
    this.#rates[Math.min(temporal, TEMPORALS - 1)]!.add(bytes, now)
    if (now - this.#sampledAt >= BUCKET) this.#sample(now)
  }

  /** Of the temporal layers up to this one. */
  upTo(temporal: number, now: number): number {
    let bits = 0
    for (let index = 0; index <= Math.min(temporal, TEMPORALS - 1); index++) bits += this.#rates[index]!.at(now)
    return bits
  }

  /** The most of the last ten seconds, each over a second. What a stream that has just started takes is no measure of that. */
  peakUpTo(temporal: number, now: number): number {
    this.#advance(now)
    const from = Math.min(temporal, TEMPORALS - 1) * PERIODS
    let peak = this.upTo(temporal, now)
    for (let place = from; place < from + PERIODS; place++) peak = Math.max(peak, this.#peaks[place]!)
    return peak
  }

  /** The highest temporal layer that arrives; 0 if nothing does. */
  highest(now: number): number {
    let highest = TEMPORALS - 1
    while (highest > 0 && this.#rates[highest]!.at(now) === 0) highest--
    return highest
  }

  #sample(now: number): void {
    this.#sampledAt = now
    this.#advance(now)
    if (!this.#rates[0]!.isWhole(now)) return
    const place = this.#newest & (PERIODS - 1)
    let bits = 0
    for (let temporal = 0; temporal < TEMPORALS; temporal++) {
      bits += this.#rates[temporal]!.at(now)
      const index = temporal * PERIODS + place
      this.#peaks[index] = Math.max(this.#peaks[index]!, bits)
    }
  }

  /** Empties the periods that have become too old. */
  #advance(now: number): void {
    const period = Math.floor(now / PERIOD)
    const passed = Math.min(PERIODS, period - this.#newest)
    for (let step = 0; step < passed; step++)
      for (let temporal = 0; temporal < TEMPORALS; temporal++)
        this.#peaks[temporal * PERIODS + ((period - step) & (PERIODS - 1))] = 0
    this.#newest = Math.max(this.#newest, period)
  }
}
