// Bits per second out of a growing total of bytes.

export class EgressMeter {
  #bytes = 0
  #at: number | undefined

  /** The rate since the last call, in bits per second; 0 at the first. `now` is in milliseconds. */
  measure(bytes: number, now: number): number {
    const elapsed = this.#at === undefined ? 0 : now - this.#at
    const rate = elapsed > 0 ? (Math.max(0, bytes - this.#bytes) * 8_000) / elapsed : 0
    this.#bytes = bytes
    this.#at = now
    return rate
  }
}
