// Rates per sender address: a bounded table of counters, for answers and for packets that fail to verify.
import { IDENTITY_WORDS } from '../../lane/batch.ts'
import { LIMITS } from '../../limits.ts'
import { hashAddress } from './address-table.ts'

/** Entries of a set. */
const WAYS = 4
/** Words of a key: the IP, and the port. */
const KEY_WORDS = IDENTITY_WORDS

export interface AddressRateRules {
  /** Events per second that one address may cause. */
  perSecond: number
  /** How long an address above that is blocked, in ms; 0: until its second is over. */
  blockFor: number
  /** Whether all ports of an IP count as one address. */
  ignoresPort: boolean
}

/**
 * Memory is fixed: an address hashes to a set of four entries, of which the least recently used is replaced. A flood from many
 * addresses can evict entries, but not make the table grow. Per packet: no allocation.
 */
export class AddressRates {
  readonly #rules: AddressRateRules
  readonly #keys = new Int32Array(LIMITS.watchedSources * KEY_WORDS)
  readonly #counts = new Int32Array(LIMITS.watchedSources)
  readonly #since = new Float64Array(LIMITS.watchedSources).fill(-Infinity)
  readonly #blockedUntil = new Float64Array(LIMITS.watchedSources).fill(-Infinity)

  constructor(rules: AddressRateRules) {
    this.#rules = rules
  }

  /** Counts an event of the address at `offset` of `words`. Returns whether it is within the rate. */
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

  /** Replaces the entry of the set whose block or second ended first. */
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
