// The points of the charts, from readings that may come late, early or after minutes: a browser slows the timers of a hidden tab.
import { between, type Measurement, type Reading } from './measurements.ts'

/** Milliseconds. Over less, a single packet is a large rate: the reading is ignored, and the next one covers its time too. */
const LEAST_INTERVAL = 500
/** Milliseconds. Over more, the page was not running: the charts have a gap, not an average of a time that they do not show. */
const LONGEST_INTERVAL = 5_000
/** Seconds that the charts show. */
const SPAN = 120

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
    // The browser's clock was set back: there is nothing to compare with.
    if (last === undefined || interval < 0) return
    const added = interval > LONGEST_INTERVAL ? gapAt(last.at / 1_000 + 1) : between(last, reading)
    const oldest = reading.at / 1_000 - SPAN
    this.#measurements = [...this.#measurements, added].filter(({ at }) => at >= oldest)
  }
}

const gapAt = (at: number): Measurement => ({
  at,
  sent: undefined,
  received: undefined,
  lost: undefined,
  jitter: undefined,
  roundTrip: undefined,
})
