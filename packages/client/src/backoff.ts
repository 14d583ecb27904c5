// The delays between reconnect attempts: exponential, capped, with full jitter, counted per outage.
import { LIMITS } from './limits.ts'

/** Delay before attempt `attempt` (from 0); `random` in [0, 1) spreads the clients that lost the same node. */
export const reconnectDelay = (attempt: number, random: number, longest: number = LIMITS.reconnectDelayMax): number =>
  Math.min(longest, LIMITS.reconnectDelay * 2 ** Math.min(attempt, 16)) * random

/**
 * An outage lasts from the loss of a connection until the session is established again. Attempts are counted per outage. The
 * delay keeps growing if a session is lost again before it was stable, so that a node that accepts and drops its clients
 * is not flooded.
 */
export class Backoff {
  readonly #random: () => number
  readonly #longest: number
  #attempt = 0
  #exponent = 0
  #establishedAt: number | undefined

  /** `longest` caps the delay, in milliseconds. */
  constructor(random: () => number, longest: number = LIMITS.reconnectDelayMax) {
    if (!(longest > 0)) throw new RangeError(`expected a positive reconnect delay, found ${longest}`)
    this.#random = random
    this.#longest = longest
  }

  /** Attempts of the current outage so far; 0 while the session is established. */
  get attempts(): number {
    return this.#attempt
  }

  /** The session is established: the outage is over. */
  established(now: number): void {
    this.#attempt = 0
    this.#establishedAt ??= now
  }

  /** Whether the session has been established for long enough to count as stable. */
  isStable(now: number): boolean {
    return this.#establishedAt !== undefined && now - this.#establishedAt >= LIMITS.stableAfter
  }

  /** Counts an attempt and returns the delay before it. */
  next(now: number): number {
    if (this.isStable(now)) this.#exponent = 0
    this.#establishedAt = undefined
    this.#attempt++
    return reconnectDelay(this.#exponent++, this.#random(), this.#longest)
  }
}
