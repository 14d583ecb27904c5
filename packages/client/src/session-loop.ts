// The loop around a session: feeds inputs, applies outputs, and calls `tick` at the deadline.

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

  constructor(session: Looped<Output>, apply: (output: Output) => void) {
    this.#session = session
    this.#apply = apply
  }

  /** Calls an input method of the session with the current time, then `pump`. */
  feed(input: (now: number) => void): void {
    input(performance.now())
    this.pump()
  }

  /** Applies the outputs of the session and sets the timer for its deadline. Calls from within `apply` are deferred. */
  pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      for (let outputs = this.#session.takeOutputs(); outputs.length > 0; outputs = this.#session.takeOutputs())
        for (const output of outputs) this.#apply(output)
    } finally {
      this.#isPumping = false
    }
    this.#armTimer()
  }

  #armTimer(): void {
    clearTimeout(this.#timer)
    const wait = this.#session.deadline - performance.now()
    if (wait === Infinity) return
    const wake = () => this.feed(now => this.#session.tick(now))
    this.#timer = setTimeout(wake, Math.min(Math.max(wait, 0) + 1, MAX_TIMEOUT))
  }
}
