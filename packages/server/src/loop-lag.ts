// How late the event loop is: a timer that looks at the clock when it fires.

/** How often it looks. A stall shorter than this may be missed; voice frames are 20 ms apart. */
const INTERVAL = 100

export class LoopLag {
  readonly #timer: NodeJS.Timeout
  #expected = performance.now() + INTERVAL
  #worst = 0

  constructor() {
    this.#timer = setInterval(() => this.#look(), INTERVAL)
    this.#timer.unref()
  }

  /** The longest lateness since the last call, in milliseconds. */
  take(): number {
    const worst = this.#worst
    this.#worst = 0
    return worst
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const now = performance.now()
    this.#worst = Math.max(this.#worst, now - this.#expected)
    this.#expected = now + INTERVAL
  }
}
