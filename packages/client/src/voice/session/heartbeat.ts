// The heartbeats of one connection: when the next is due, whether the last was answered, how long answers take.

export class Heartbeat {
  readonly #interval: number
  #nextAt: number
  #nonce = 0
  #pending: { nonce: number; sentAt: number } | undefined
  #roundTrip: number | undefined

  constructor(interval: number, now: number) {
    this.#interval = interval
    this.#nextAt = now + interval
  }

  get deadline(): number {
    return this.#nextAt
  }
  /** Of the last heartbeat that was answered; undefined before the first. */
  get roundTrip(): number | undefined {
    return this.#roundTrip
  }
  /** Whether a heartbeat still waits for its answer. At the deadline that means that the connection is dead. */
  get unanswered(): boolean {
    return this.#pending !== undefined
  }

  /** The nonce of a heartbeat that is sent now. */
  beat(now: number): number {
    this.#nonce++
    this.#nextAt = now + this.#interval
    this.#pending = { nonce: this.#nonce, sentAt: now }
    return this.#nonce
  }

  /** Answers to anything but the newest heartbeat are late and say nothing. */
  acknowledge(nonce: unknown, now: number): void {
    if (this.#pending === undefined || nonce !== this.#pending.nonce) return
    this.#roundTrip = now - this.#pending.sentAt
    this.#pending = undefined
  }
}
