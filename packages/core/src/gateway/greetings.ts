// Voice connections that have not identified yet: bounded per address (per /64 in IPv6) and in total, because they are not authenticated.
import { VoiceClose } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { NetworkCounts } from '../network-of.ts'

/** A connection that has not identified, as far as this table needs it. */
interface Greeting {
  readonly remoteAddress: string
  close(code: number, reason: string): void
}

/** `GatewayConnection` adds itself when it opens and removes itself when it identifies or closes. */
export class Greetings {
  /** Oldest first. */
  readonly #greetings = new Set<Greeting>()
  readonly #perNetwork = new NetworkCounts()

  get size(): number {
    return this.#greetings.size
  }

  /** Closes it if its address has too many; if there are too many in total, closes the oldest. */
  add(greeting: Greeting): void {
    if (this.#perNetwork.of(greeting.remoteAddress) >= LIMITS.greetingsPerAddress) {
      greeting.close(VoiceClose.RateLimited, 'too many unidentified connections from this address')
      return
    }
    if (this.#greetings.size >= LIMITS.greetings) this.#closeOldest()
    this.#greetings.add(greeting)
    this.#perNetwork.add(greeting.remoteAddress)
  }

  /** It identified or closed. */
  remove(greeting: Greeting): void {
    if (this.#greetings.delete(greeting)) this.#perNetwork.remove(greeting.remoteAddress)
  }

  #closeOldest(): void {
    for (const oldest of this.#greetings) {
      this.remove(oldest)
      oldest.close(VoiceClose.RateLimited, 'too many unidentified connections')
      return
    }
  }
}
