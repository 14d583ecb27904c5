// Voice connections that have not identified yet: bounded per address (per /64 in IPv6) and in total, because they are not authenticated.
import { VoiceClose } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { networkOf } from '../network-of.ts'

/** A connection that has not identified, as far as this table needs it. */
interface Greeting {
  readonly remoteAddress: string
  close(code: number, reason: string): void
}

/** `GatewayConnection` adds itself when it opens and removes itself when it identifies or closes. */
export class Greetings {
  /** Oldest first. */
  readonly #greetings = new Set<Greeting>()
  readonly #perNetwork = new Map<string, number>()

  get size(): number {
    return this.#greetings.size
  }

  /** Closes it if its address has too many; if there are too many in total, closes the oldest. */
  add(greeting: Greeting): void {
    const network = networkOf(greeting.remoteAddress)
    if (this.#of(network) >= LIMITS.greetingsPerAddress) {
      greeting.close(VoiceClose.RateLimited, 'too many unidentified connections from this address')
      return
    }
    if (this.#greetings.size >= LIMITS.greetings) this.#closeOldest()
    this.#greetings.add(greeting)
    // Counted only now: the oldest may have been of the same address.
    this.#perNetwork.set(network, this.#of(network) + 1)
  }

  /** It identified or closed. */
  remove(greeting: Greeting): void {
    if (!this.#greetings.delete(greeting)) return
    const network = networkOf(greeting.remoteAddress)
    const count = this.#of(network) - 1
    if (count > 0) this.#perNetwork.set(network, count)
    else this.#perNetwork.delete(network)
  }

  #of(network: string): number {
    return this.#perNetwork.get(network) ?? 0
  }

  #closeOldest(): void {
    for (const oldest of this.#greetings) {
      this.remove(oldest)
      oldest.close(VoiceClose.RateLimited, 'too many unidentified connections')
      return
    }
  }
}
