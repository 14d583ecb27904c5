// After the process did not run for a while (SIGSTOP, a paused VM, a blocked event loop), timers fire before the input that
// arrived in that time is read. Deadlines wait until it is.
import { SERVER_LIMITS } from './limits.ts'

export class StallGuard {
  readonly #pause: number
  #pauses = 0

  /** `pause`: how long input is read after a stall, in milliseconds. */
  constructor(pause: number) {
    this.#pause = pause
  }

  /**
   * Milliseconds that a tick due at `due` has to wait at `now`, so that sockets are read first; 0 if it may run. A timer that
   * is late again after the pause shows that there was more to read than fits into one.
   */
  pause(due: number, now: number): number {
    if (now - due >= SERVER_LIMITS.stall && this.#pauses < SERVER_LIMITS.maxStallPauses) {
      this.#pauses++
      return this.#pause
    }
    this.#pauses = 0
    return 0
  }
}
