// Wrong admin tokens by address: after a few, an address is refused for the rest of a window.
import { networkOf } from '@parley/core'
import { SERVER_LIMITS } from '../limits.ts'

/** Wrong tokens of one network. */
interface Window {
  count: number
  /** When the count starts over. */
  until: number
}

/** Bounded in addresses: the oldest is forgotten. */
export class WrongTokens {
  /** By network, oldest first. */
  readonly #windows = new Map<string, Window>()

  /** Whether the address has had too many in this window. */
  isRefused(address: string, now: number): boolean {
    const window = this.#windows.get(networkOf(address))
    return window !== undefined && now < window.until && window.count >= SERVER_LIMITS.maxWrongTokens
  }

  /** A request of the address had no token, or a wrong one. */
  count(address: string, now: number): void {
    const network = networkOf(address)
    const window = this.#windows.get(network)
    if (window !== undefined && now < window.until) {
      window.count++
      return
    }
    this.#windows.delete(network)
    if (this.#windows.size >= SERVER_LIMITS.maxWrongTokenAddresses) this.#forgetOldest()
    this.#windows.set(network, { count: 1, until: now + SERVER_LIMITS.wrongTokenWindow })
  }

  #forgetOldest(): void {
    const [oldest] = this.#windows.keys()
    if (oldest !== undefined) this.#windows.delete(oldest)
  }
}
