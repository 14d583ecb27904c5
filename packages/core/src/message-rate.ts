// Bounds on the messages of a connection: a rate, and before authentication a number, a length and a depth.
import { jsonDepth } from '@parley/protocol'
import { LIMITS } from './limits.ts'

/** `perSecond` messages on average, `burst` at once. */
export class MessageRate {
  readonly #perSecond: number
  readonly #burst: number
  #left: number
  #since: number

  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#left = burst
    this.#since = now
  }

  /** Counts one message, or `amount` of what is limited; false if it exceeds the rate. */
  take(now: number, amount = 1): boolean {
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#since) * this.#perSecond) / 1_000)
    this.#since = now
    if (this.#left < amount) return false
    this.#left -= amount
    return true
  }
}

/** The messages of a connection that has not authenticated: few, short and flat, because any host can send them. */
export class UnidentifiedMessages {
  #left: number = LIMITS.greetingMessages

  /** Counts one message; the reason if it must not be parsed. */
  refusal(text: string): 'too many messages before Identify' | 'too large before Identify' | undefined {
    if (--this.#left < 0) return 'too many messages before Identify'
    if (text.length > LIMITS.greetingMessage || jsonDepth(text) > LIMITS.greetingDepth)
      return 'too large before Identify'
    return undefined
  }
}
