// How long packets take through a lane: a histogram with fixed bounds, which the host of a lane fills.

/** Upper bounds in milliseconds. Above the last one is one more bucket. */
export const LATENCY_BOUNDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250] as const

/** Totals since the lane started. */
export interface LatencyCounts {
  /** Samples per bucket, not cumulative; the last is above all bounds. */
  readonly counts: readonly number[]
  /** Milliseconds. */
  readonly sum: number
}

/** Per sample: no allocation. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(LATENCY_BOUNDS.length + 1)
  #sum = 0

  observe(milliseconds: number): void {
    let bucket = 0
    while (bucket < LATENCY_BOUNDS.length && milliseconds > LATENCY_BOUNDS[bucket]!) bucket++
    this.#counts[bucket]!++
    this.#sum += milliseconds
  }

  get counts(): LatencyCounts {
    return { counts: [...this.#counts], sum: this.#sum }
  }
}

/** What only the host of a lane can measure: fields of `LaneCounters`. */
export interface LaneMeasurement {
  /** Since the last measurement. */
  busy: number
  latency: LatencyCounts
}

/** Of a lane whose host measures nothing. */
export const nothingMeasured = (): LaneMeasurement => ({ busy: 0, latency: new LatencyHistogram().counts })
