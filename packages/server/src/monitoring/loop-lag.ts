// Lateness of the event loop, measured by a periodic timer.
import { SERVER_LIMITS } from '../limits.ts'

const INTERVAL = SERVER_LIMITS.loopLagInterval

/**
 * How long the main thread is blocked at worst: a voice gateway message waits as long. Part of health and of the
 * metrics.
 */
export class LoopLag {
  readonly #timer: NodeJS.Timeout
  #expected = performance.now() + INTERVAL
  #worst = 0
  readonly #sampled: () => void

  /** `sampled` is called after each sample: what is due once a second then needs no wake-up of its own. */
  constructor(sampled: () => void) {
    this.#sampled = sampled
    this.#timer = setInterval(() => this.#sample(), INTERVAL)
    this.#timer.unref()
  }

  /** The greatest lateness since the last call, in milliseconds. */
  take(): number {
    const worst = this.#worst
    this.#worst = 0
    return worst
  }

  /** Stops measuring. */
  close(): void {
    clearInterval(this.#timer)
  }

  #sample(): void {
    const now = performance.now()
    this.#worst = Math.max(this.#worst, now - this.#expected)
    this.#expected = now + INTERVAL
    this.#sampled()
  }
}
