// Whether a queue stands before the link: one that is full, or that does not empty between frames, does not grow, so that the trend of
// the delay does not show it.

/** The delay never fell below the lowest by less than this, in periods of this length, in milliseconds. */
const QUEUE = 60
const PERIODS = 4
const PERIOD = 200
/** The lowest delay rises by this part of the time, so that it follows clocks that drift. */
const DRIFT = 0.002
/** A delay that differs by more is of a receiver whose clock was set. */
const LONGEST_STEP = 3_000

/** Per packet: no allocation. Delays are differences of two clocks: only their differences mean something. */
export class StandingQueue {
  /** The lowest delay of each of the last periods, in a ring. */
  readonly #lows = new Float64Array(PERIODS).fill(-Infinity)
  #period = 0
  #periodEnd = -Infinity
  #lowest = Infinity
  #arrival = 0
  /** That of the last packet beyond the lowest. */
  excess = 0
  /** Milliseconds that a large packet takes on the link. */
  packetTime = 0

  add(sent: number, arrival: number): void {
    const delay = arrival - sent
    if (Math.abs(delay - this.#lowest) > LONGEST_STEP) this.#lowest = delay
    this.#lowest = Math.min(this.#lowest + DRIFT * Math.max(0, arrival - this.#arrival), delay)
    this.#arrival = arrival
    this.excess = delay - this.#lowest
    if (arrival < this.#periodEnd) {
      this.#lows[this.#period] = Math.min(this.#lows[this.#period]!, delay)
      return
    }
    this.#period = (this.#period + 1) % PERIODS
    this.#periodEnd = arrival + PERIOD
    this.#lows[this.#period] = delay
  }

  get stands(): boolean {
    return this.#least - this.#lowest > QUEUE + this.packetTime
  }

  /** What looks like a queue is the path: another route, or a queue that others fill. */
  accept(): void {
    this.#lowest = this.#least
  }

  get #least(): number {
    let least = Infinity
    for (const low of this.#lows) least = Math.min(least, low)
    return least
  }
}
