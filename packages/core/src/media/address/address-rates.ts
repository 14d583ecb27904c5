// How often a source does something: a bounded table of counters per second, for answers and for packets that fail.

import { LIMITS } from '../../limits.ts'
import { hashAddress } from './address-table.ts'

const WAYS = 4
const KEY_WORDS = 5

export interface SourceRateRules {
  /** How often a source may do it in a second. */
  perSecond: number
  /** How long it is blocked once it did it more often; 0: only until the second is over. */
  blockFor: number
  /** Whether all ports of an IP are one source. */
  ignoresPort: boolean
}

/**
 * Memory is fixed: a source hashes to a set of four entries, and the one that was quiet longest gives way. Whoever floods from
 * very many sources can make the table forget, but not grow. Per packet: no allocation.
 */
export class AddressRates {
  readonly #rules: SourceRateRules
  readonly #keys = new Int32Array(LIMITS.watchedSources * KEY_WORDS)
  readonly #counts = new Int32Array(LIMITS.watchedSources)
  readonly #since = new Float64Array(LIMITS.watchedSources).fill(-Infinity)
  readonly #blockedUntil = new Float64Array(LIMITS.watchedSources).fill(-Infinity)

  constructor(rules: SourceRateRules) {
    this.#rules = rules
  }

  /** Counts one more from the address at `offset` of `words`. Returns whether it is within the rate. */
  count(words: Int32Array, offset: number, now: number): boolean {
    let entry = this.#find(words, offset)
    if (entry < 0) entry = this.#claim(words, offset)
    if (now - this.#since[entry]! >= 1000) {
      this.#since[entry] = now
      this.#counts[entry] = 0
    }
    if (++this.#counts[entry]! <= this.#rules.perSecond) return now >= this.#blockedUntil[entry]!
    this.#blockedUntil[entry] = now + this.#rules.blockFor
    return false
  }

  /** Whether the address is blocked, without counting. */
  isBlocked(words: Int32Array, offset: number, now: number): boolean {
    const entry = this.#find(words, offset)
    return entry >= 0 && now < this.#blockedUntil[entry]!
  }

  #find(words: Int32Array, offset: number): number {
    const first = this.#setOf(words, offset)
    for (let entry = first; entry < first + WAYS; entry++) if (this.#isKey(entry, words, offset)) return entry
    return -1
  }

  #setOf(words: Int32Array, offset: number): number {
    const sets = LIMITS.watchedSources / WAYS
    return (hashAddress(words, offset, this.#keyWords) & (sets - 1)) * WAYS
  }

  get #keyWords(): number {
    return this.#rules.ignoresPort ? KEY_WORDS - 1 : KEY_WORDS
  }

  #isKey(entry: number, words: Int32Array, offset: number): boolean {
    for (let word = 0; word < this.#keyWords; word++)
      if (this.#keys[entry * KEY_WORDS + word] !== words[offset + word]) return false
    return true
  }

  /** Takes the entry of the set whose block, or else whose second, began longest ago. */
  #claim(words: Int32Array, offset: number): number {
    const first = this.#setOf(words, offset)
    let oldest = first
    for (let entry = first + 1; entry < first + WAYS; entry++)
      if (this.#usedUntil(entry) < this.#usedUntil(oldest)) oldest = entry
    for (let word = 0; word < this.#keyWords; word++) this.#keys[oldest * KEY_WORDS + word] = words[offset + word]!
    this.#counts[oldest] = 0
    this.#since[oldest] = -Infinity
    this.#blockedUntil[oldest] = -Infinity
    return oldest
  }

  #usedUntil(entry: number): number {
    return Math.max(this.#since[entry]!, this.#blockedUntil[entry]!)
  }
}
