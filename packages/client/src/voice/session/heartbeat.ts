// The heartbeats of one connection: when the next is due, whether the last was acknowledged, the round trip.

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

  /** When the next heartbeat is due. */
  get deadline(): number {
    return this.#nextAt
  }
  /** Milliseconds until the latest acknowledgement; undefined before the first. */
  get roundTrip(): number | undefined {
    return this.#roundTrip
  }
  /** Whether a heartbeat is not acknowledged yet. At the deadline this means that the connection is dead. */
  get unanswered(): boolean {
    return this.#pending !== undefined
  }

  /** Starts a heartbeat and returns its nonce. */
  beat(now: number): number {
    this.#nonce++
    this.#nextAt = now + this.#interval
    this.#pending = { nonce: this.#nonce, sentAt: now }
    return this.#nonce
  }

  /** Acknowledgements of earlier heartbeats are ignored. */
  acknowledge(nonce: unknown, now: number): void {
    if (this.#pending === undefined || nonce !== this.#pending.nonce) return
    this.#roundTrip = now - this.#pending.sentAt
    this.#pending = undefined
  }
}
