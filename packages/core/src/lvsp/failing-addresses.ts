// Addresses that recently presented wrong tokens: their next HELLO is delayed.
import { LIMITS } from '../limits.ts'
import { networkOf } from '../network-of.ts'

/** Wrong tokens of one network, and when the first of its window arrived. */
interface Failures {
  since: number
  count: number
}

/** Counts per address (per /64 in IPv6) in windows of a minute. At the limit the oldest address is removed. */
export class FailingAddresses {
  readonly #failures = new Map<string, Failures>()

  /** A wrong token arrived from this address. */
  failed(address: string, now: number): void {
    const network = networkOf(address)
    const known = this.#recent(network, now) ?? { since: now, count: 0 }
    known.count++
    this.#failures.set(network, known)
    if (this.#failures.size <= LIMITS.lvspFailingAddresses) return
    for (const oldest of this.#failures.keys()) {
      this.#failures.delete(oldest)
      break
    }
  }

  /** Whether the address has reached the limit of this minute. */
  isHeldBack(address: string, now: number): boolean {
    return (this.#recent(networkOf(address), now)?.count ?? 0) >= LIMITS.lvspFailuresPerWindow
  }

  get size(): number {
    return this.#failures.size
  }

  /** The failures of the current window; an entry whose window is over is removed. */
  #recent(network: string, now: number): Failures | undefined {
    const known = this.#failures.get(network)
    if (known === undefined || now - known.since < LIMITS.lvspFailureWindow) return known
    this.#failures.delete(network)
    return undefined
  }
}
