// Voice connections that have not identified yet: bounded per address and in all, because nothing is known of them.
import { VoiceClose } from '@parley/protocol'
import { LIMITS } from '../limits.ts'

interface Greeting {
  readonly remoteAddress: string
  close(code: number, reason: string): void
}

export class Greetings {
  /** Oldest first. */
  readonly #greetings = new Set<Greeting>()
  readonly #perAddress = new Map<string, number>()

  get size(): number {
    return this.#greetings.size
  }

  /** One too many for its address is turned away; one too many in all takes the place of the oldest. */
  add(greeting: Greeting): void {
    const count = this.#perAddress.get(greeting.remoteAddress) ?? 0
    if (count >= LIMITS.greetingsPerAddress) {
      greeting.close(VoiceClose.RateLimited, 'too many connections of this address have not identified')
      return
    }
    if (this.#greetings.size >= LIMITS.greetings) this.#closeOldest()
    this.#greetings.add(greeting)
    this.#perAddress.set(greeting.remoteAddress, count + 1)
  }

  /** It identified, or is gone. */
  remove(greeting: Greeting): void {
    if (!this.#greetings.delete(greeting)) return
    const count = (this.#perAddress.get(greeting.remoteAddress) ?? 0) - 1
    if (count > 0) this.#perAddress.set(greeting.remoteAddress, count)
    else this.#perAddress.delete(greeting.remoteAddress)
  }

  #closeOldest(): void {
    for (const oldest of this.#greetings) {
      this.remove(oldest)
      oldest.close(VoiceClose.RateLimited, 'too many connections have not identified')
      return
    }
  }
}
