// The loop around a session: feeds it, applies what comes out, and wakes it at its deadline.

/** A protocol as a machine: inputs are its own methods, outputs are queued, time is an argument. */
export interface Looped<Output> {
  takeOutputs(): readonly Output[]
  /** When it wants `tick`; `Infinity` if never. */
  readonly deadline: number
  tick(now: number): void
}

/** The longest timeout that Node.js and browsers take. */
const LONGEST_TIMER = 2 ** 31 - 1

export class SessionLoop<Output> {
  readonly #session: Looped<Output>
  readonly #apply: (output: Output) => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #isPumping = false

  constructor(session: Looped<Output>, apply: (output: Output) => void) {
    this.#session = session
    this.#apply = apply
  }

  feed(input: (now: number) => void): void {
    input(performance.now())
    this.pump()
  }

  /** Applies what came out of the session, then waits for its deadline. What listeners do meanwhile is queued behind. */
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
    this.#timer = setTimeout(wake, Math.min(Math.max(wait, 0) + 1, LONGEST_TIMER))
  }
}
