// The nonces of one peer under one key, where a mode sends 4 bytes of them: what replay protection rests on when a sender starts its
// RTP sequences over under the same SSRC and key.
import { LIMITS } from '../../limits.ts'

/** Packets in a row whose nonces must increase in a byte order before it is trusted. */
const EVIDENCE = 3

/** One reading of the 4 bytes. */
class Counter {
  /** The furthest nonce that verified, and that of RTCP. Signed 32 bits, compared modulo 2^32. */
  #newest = 0
  #newestRtcp = 0
  #steps = 0

  get isTrusted(): boolean {
    return this.#steps >= EVIDENCE
  }

  /** Whether the nonce is a little ahead, as the next one of a client that counts in this order. */
  isNext(nonce: number): boolean {
    const step = (nonce - this.#newest) | 0
    return step > 0 && step <= LIMITS.nonceStep
  }

  isAhead(nonce: number): boolean {
    return ((nonce - this.#newest) | 0) > 0
  }

  isAheadOfRtcp(nonce: number): boolean {
    return ((nonce - this.#newestRtcp) | 0) > 0
  }

  verified(nonce: number, isRtcp: boolean, isFirst: boolean): void {
    const step = (nonce - this.#newest) | 0
    if (isFirst) this.#newestRtcp = (nonce - 1) | 0
    if (isRtcp && this.isAheadOfRtcp(nonce)) this.#newestRtcp = nonce
    if (isFirst || step > 0) this.#newest = nonce
    // A packet that was overtaken is no evidence for or against the order.
    if (isFirst || step > LIMITS.nonceStep || step < -LIMITS.nonceStep) this.#steps = 0
    else if (step > 0 && this.#steps < EVIDENCE) this.#steps++
  }
}

/**
 * A sender must not use a nonce twice under one key, and every known client counts: some big-endian, some little-endian, some from a
 * random start (docs/voice-gateway.md). The byte order is the one in which nonces increase in small steps; in the other one
 * they jump by millions. A nonce ahead of all before was never received, so that the packet is not a replay. Until the order is
 * trusted, only a small step in one of them counts; a nonce that was used before is a small step ahead in neither.
 */
export class NonceWindow {
  readonly #big = new Counter()
  readonly #little = new Counter()
  #isEmpty = true

  /** Whether no packet with this nonce can have been received before. `nonce` is read big-endian. Per packet: no allocation. */
  isNew(nonce: number): boolean {
    if (this.#big.isTrusted) return this.#big.isAhead(nonce)
    if (this.#little.isTrusted) return this.#little.isAhead(reversed(nonce))
    return !this.#isEmpty && (this.#big.isNext(nonce) || this.#little.isNext(reversed(nonce)))
  }

  /** Whether an RTCP packet with this nonce was received before, or was overtaken by a later one. False while no order is known. */
  isReplayedRtcp(nonce: number): boolean {
    if (this.#big.isTrusted) return !this.#big.isAheadOfRtcp(nonce)
    return this.#little.isTrusted && !this.#little.isAheadOfRtcp(reversed(nonce))
  }

  /** A packet with this nonce has verified. Per packet: no allocation. */
  verified(nonce: number, isRtcp: boolean): void {
    this.#big.verified(nonce, isRtcp, this.#isEmpty)
    this.#little.verified(reversed(nonce), isRtcp, this.#isEmpty)
    this.#isEmpty = false
  }
}

/** The same bytes in the other order; signed. */
const reversed = (word: number): number =>
  (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
