// Bits per second out of a growing total of bytes.

export class EgressMeter {
  #bytes = 0
  #at: number | undefined

  #rate = 0

  /** Between the last two measurements; 0 before the second. */
  get bitsPerSecond(): number {
    return this.#rate
  }

  /** `bytes` is the total so far; `now` is in milliseconds. */
  measure(bytes: number, now: number): void {
    const elapsed = this.#at === undefined ? 0 : now - this.#at
    this.#rate = elapsed > 0 ? (Math.max(0, bytes - this.#bytes) * 8_000) / elapsed : 0
    this.#bytes = bytes
    this.#at = now
  }
}
