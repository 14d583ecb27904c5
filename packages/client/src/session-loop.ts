// The loop around a session: feeds inputs, applies outputs, and calls `tick` at the deadline.

import { LIMITS } from './limits.ts'

/** A protocol session as a state machine: inputs are methods of its own, outputs are queued, time is an argument. */
export interface Looped<Output> {
  /** Outputs since the last call. */
  takeOutputs(): readonly Output[]
  /** When to call `tick`; `Infinity` if never. */
  readonly deadline: number
  /** Handles whatever is due. `now` is milliseconds of a monotonic clock. */
  tick(now: number): void
}

/** The longest timeout of setTimeout in Node.js and browsers. */
const MAX_TIMEOUT = 2 ** 31 - 1

/** Runs one session on the clock and timers of the host. */
export class SessionLoop<Output> {
  readonly #session: Looped<Output>
  readonly #apply: (output: Output) => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #isPumping = false
  /** When the timer should fire. */
  #due = Infinity
  #notBefore = -Infinity
  #pauses = 0

  constructor(session: Looped<Output>, apply: (output: Output) => void) {
    this.#session = session
    this.#apply = apply
  }

  /** Calls an input method of the session with the current time, then `pump`, also if the input throws. */
  feed(input: (now: number) => void): void {
    try {
      input(performance.now())
    } finally {
      this.pump()
    }
  }

  /**
   * Applies the outputs of the session and sets the timer for its deadline. Calls from within `apply` are deferred. An output that cannot
   * be applied takes nothing from the others; its error is thrown at the end.
   */
  pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    const errors: unknown[] = []
    for (let outputs = this.#session.takeOutputs(); outputs.length > 0; outputs = this.#session.takeOutputs())
      for (const output of outputs) {
        try {
          this.#apply(output)
        } catch (error) {
          errors.push(error)
        }
      }
    this.#isPumping = false
    this.#armTimer()
    if (errors.length > 0) throw errors[0]
  }

  #armTimer(): void {
    clearTimeout(this.#timer)
    const { deadline } = this.#session
    if (Number.isNaN(deadline)) throw new Error('expected a deadline, found NaN')
    if (deadline === Infinity) return
    const now = performance.now()
    this.#due = Math.max(deadline, this.#notBefore, now)
    this.#timer = setTimeout(() => this.#wake(), Math.min(this.#due - now + 1, MAX_TIMEOUT))
  }

  /** After a stall the timer fires before the answers that arrived are read; they must not count as missing. */
  #wake(): void {
    const now = performance.now()
    if (now - this.#due >= LIMITS.stall && this.#pauses < LIMITS.stallPauses) {
      this.#pauses++
      this.#notBefore = now + LIMITS.stallPause
      return this.#armTimer()
    }
    this.#pauses = 0
    // A tick that throws may still be due.
    this.#notBefore = now + LIMITS.stallPause
    this.feed(at => {
      this.#session.tick(at)
      this.#notBefore = -Infinity
    })
  }
}
