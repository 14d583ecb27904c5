// Bits per second of one layer, by temporal layer.
import { BitRate } from './bit-rate.ts'

/** Temporal layers that are told apart; higher ones count as the last. */
export const TEMPORALS = 4

export class FrameRates {
  readonly #rates = Array.from({ length: TEMPORALS }, () => new BitRate())

  /** Per packet: no allocation. */
  add(temporal: number, bytes: number, now: number): void {
    this.#rates[Math.min(temporal, TEMPORALS - 1)]!.add(bytes, now)
  }

  /** Of the temporal layers up to this one. */
  upTo(temporal: number, now: number): number {
    let bits = 0
    for (let index = 0; index <= Math.min(temporal, TEMPORALS - 1); index++) bits += this.#rates[index]!.at(now)
    return bits
  }

  /** The highest temporal layer that arrives; 0 if nothing does. */
  highest(now: number): number {
    let highest = TEMPORALS - 1
    while (highest > 0 && this.#rates[highest]!.at(now) === 0) highest--
    return highest
  }
}
