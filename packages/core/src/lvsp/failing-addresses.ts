// Addresses that presented wrong secrets of late: their next HELLO is held back.
import { LIMITS } from '../limits.ts'
import { networkOf } from '../network-of.ts'

const WINDOW = 60_000

interface Failures {
  since: number
  count: number
}

/** Counts per address, in IPv6 per /64, in windows of a minute; of too many the longest known is forgotten. */
export class FailingAddresses {
  readonly #failures = new Map<string, Failures>()

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

  /** Whether the address has used up its failures of this minute. */
  isHeldBack(address: string, now: number): boolean {
    return (this.#recent(networkOf(address), now)?.count ?? 0) >= LIMITS.lvspFailuresPerMinute
  }

  get size(): number {
    return this.#failures.size
  }

  #recent(network: string, now: number): Failures | undefined {
    const known = this.#failures.get(network)
    if (known === undefined || now - known.since < WINDOW) return known
    this.#failures.delete(network)
    return undefined
  }
}
