// Bounds on the messages of a connection: a rate, and before authentication a number, a length and a depth.
import { jsonDepth } from '@parley/protocol'
import { ProtocolError } from './errors.ts'
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

/** A rate that counts what exceeds it, for notes that any message can cause: the next note says how many were left out. */
export class CountedRate {
  readonly #rate: MessageRate
  #exceeded = 0

  constructor(perSecond: number, burst: number, now: number) {
    this.#rate = new MessageRate(perSecond, burst, now)
  }

  /** Counts one. Returns how many exceeded the rate since the last that did not; undefined if this one does. */
  take(now: number): number | undefined {
    if (!this.#rate.take(now)) {
      this.#exceeded++
      return undefined
    }
    const exceeded = this.#exceeded
    this.#exceeded = 0
    return exceeded
  }
}

/** Close codes of a protocol for a connection that sends too much before it authenticates. */
export interface UnidentifiedCloseCodes {
  readonly tooMany: number
  readonly tooLarge: number
}

/** The messages of a connection that has not authenticated: few, short and flat, because any host can send them. */
export class UnidentifiedMessages {
  readonly #codes: UnidentifiedCloseCodes
  #left: number = LIMITS.greetingMessages

  constructor(codes: UnidentifiedCloseCodes) {
    this.#codes = codes
  }

  /** Counts one message. Throws a ProtocolError if it must not be parsed. */
  check(text: string): void {
    if (--this.#left < 0) throw new ProtocolError(this.#codes.tooMany, 'too many messages before Identify')
    if (text.length > LIMITS.greetingMessage || jsonDepth(text) > LIMITS.greetingDepth)
      throw new ProtocolError(this.#codes.tooLarge, 'too large before Identify')
  }
}
