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

/**
 * A clock that stands still while the process does not run, so that what a client was given to reconnect, to answer or to send a
 * heartbeat is not used up by a stall. It never goes back.
 */
export class RunningClock {
  readonly #clock: () => number
  #last: number
  #skipped = 0
  #stalls = 0
  #readUntil = -Infinity

  /** `clock` returns monotonic milliseconds. */
  constructor(clock: () => number) {
    this.#clock = clock
    this.#last = clock()
  }

  /** Has to be called every `SERVER_LIMITS.pulse` at least: a gap of `SERVER_LIMITS.stall` between two calls is a stall. */
  now(): number {
    const real = this.#clock()
    const gap = real - this.#last
    this.#last = real
    if (gap < SERVER_LIMITS.stall) return real - this.#skipped
    this.#skipped += gap
    const now = real - this.#skipped
    if (this.#stalls++ < SERVER_LIMITS.maxStallPauses) this.#readUntil = now + SERVER_LIMITS.stallPause
    return now
  }

  /** Deadlines that had passed wait until then, so that input that arrived in the stall is read first. */
  get readUntil(): number {
    return this.#readUntil
  }

  /** Deadlines were applied: the next stall is not one of a row. */
  applied(): void {
    this.#stalls = 0
  }
}
