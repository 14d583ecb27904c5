// Blocks of SSRCs for sessions, unique on a lane.
import type { Crypto } from '../crypto.ts'
import { LIMITS } from '../limits.ts'

const LOWEST = 1000
/** Several clients store SSRCs in signed 32 bits, so the last block ends below 2³¹. */
const HIGHEST = 2 ** 31 - 1 - LIMITS.ssrcsPerSession
const BLOCKS = Math.floor((HIGHEST - LOWEST) / LIMITS.ssrcsPerSession) + 1
/** 2 × 14 bits number all blocks. */
const HALF_BITS = 14
const HALF_MASK = (1 << HALF_BITS) - 1
const ROUNDS = 4

/**
 * Allocates every block once, in a random order, before any is used again: an SSRC must not be reused while a channel that saw it
 * exists, and no channel lasts for 268 million joins. The order is a permutation keyed with random bytes (a Feistel network over
 * the block numbers), so only the blocks in use are stored, and the next SSRC cannot be guessed from the last.
 */
export class SsrcAllocator {
  readonly #keys: Uint32Array
  readonly #used = new Set<number>()
  #next: number

  constructor(crypto: Crypto) {
    const random = crypto.randomBytes((ROUNDS + 1) * 4)
    const view = new DataView(random.buffer, random.byteOffset, random.byteLength)
    this.#keys = Uint32Array.from({ length: ROUNDS }, (_, round) => view.getUint32(round * 4))
    this.#next = view.getUint32(ROUNDS * 4) % BLOCKS
  }

  /** The number of blocks in use. */
  get size(): number {
    return this.#used.size
  }

  /** The first SSRC of a block of LIMITS.ssrcsPerSession consecutive ones. */
  allocate(): number {
    for (;;) {
      const base = LOWEST + this.#permute(this.#next) * LIMITS.ssrcsPerSession
      this.#next = (this.#next + 1) % BLOCKS
      if (this.#used.has(base)) continue
      this.#used.add(base)
      return base
    }
  }

  /** Releases a block. It is allocated again after all other blocks. */
  release(base: number): void {
    this.#used.delete(base)
  }

  /** Cycle walking: applies the network until the result is a block number. */
  #permute(block: number): number {
    let permuted = block
    do permuted = this.#network(permuted)
    while (permuted >= BLOCKS)
    return permuted
  }

  #network(block: number): number {
    let left = block >>> HALF_BITS
    let right = block & HALF_MASK
    for (const key of this.#keys) {
      const mixed = left ^ (mix(right ^ key) & HALF_MASK)
      left = right
      right = mixed
    }
    return (left << HALF_BITS) | right
  }
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35)
  return mixed ^ (mixed >>> 16)
}
