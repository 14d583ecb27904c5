// What stands behind a packet in Discord's modes, and makes its nonce: a counter, or random bytes.
import { randomFillSync } from 'node:crypto'
import { type ProtectionLayout, SERVER_NONCE_LENGTH, SERVER_NONCES, writeServerNonce } from '@parley/protocol'

const RANDOM_BYTES = 6144

/** A peer's protection, as far as the trailer goes. */
export interface Counted {
  readonly layout: ProtectionLayout
  /** The next of the node's nonces. */
  counter: number
}

/** A counter must not wrap: once it is used up, nothing may be sealed with this key. */
export const hasNonce = ({ layout, counter }: Counted): boolean =>
  layout.trailerLength !== SERVER_NONCE_LENGTH || counter < SERVER_NONCES

export class Trailers {
  readonly #random = new Uint8Array(RANDOM_BYTES)
  #used = RANDOM_BYTES

  /** Writes the trailer of the next packet to `bytes` at `place`. Only where `hasNonce`. */
  write(protection: Counted, bytes: Uint8Array, place: number): void {
    const { trailerLength } = protection.layout
    if (trailerLength === SERVER_NONCE_LENGTH) writeServerNonce(bytes, place, protection.counter++)
    else if (trailerLength > 0) this.#writeRandom(bytes, place, trailerLength)
  }

  /** Random bytes are drawn for many packets at once: for one they would cost more than sealing it. */
  #writeRandom(bytes: Uint8Array, place: number, length: number): void {
    if (this.#used + length > this.#random.length) {
      randomFillSync(this.#random)
      this.#used = 0
    }
    for (let index = 0; index < length; index++) bytes[place + index] = this.#random[this.#used++]!
  }
}
