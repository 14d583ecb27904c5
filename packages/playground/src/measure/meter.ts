// The points of the charts. Readings may be late, early or minutes apart, because browsers throttle the timers of hidden tabs.
import { between, type Measurement, type Reading } from './measurements.ts'

/** Minimum milliseconds between readings. Over less time one packet is a large rate, so the next reading covers that time too. */
const LEAST_INTERVAL = 500
/** Maximum milliseconds between readings. Over more time the page was suspended, so the charts get a gap. */
const LONGEST_INTERVAL = 5_000
/** Seconds that the charts show. */
const SPAN = 120

/** One per session: counters of another session cannot be compared. */
export class Meter {
  #last: Reading | undefined
  #measurements: readonly Measurement[] = []

  get measurements(): readonly Measurement[] {
    return this.#measurements
  }

  add(reading: Reading): void {
    const last = this.#last
    const interval = reading.at - (last?.at ?? -Infinity)
    if (interval >= 0 && interval < LEAST_INTERVAL) return
    this.#last = reading
    // After the browser's clock was set back, the readings cannot be compared.
    if (last === undefined || interval < 0) return
    const added = interval > LONGEST_INTERVAL ? gapAt(last.at / 1_000 + 1) : between(last, reading)
    const oldest = reading.at / 1_000 - SPAN
    this.#measurements = [...this.#measurements, added].filter(({ at }) => at >= oldest)
  }
}

/** A point without values: the chart shows a gap. */
const gapAt = (at: number): Measurement => ({
  at,
  sent: undefined,
  received: undefined,
  lost: undefined,
  jitter: undefined,
  roundTrip: undefined,
})
