// Whether the queue of the link grows, shrinks or stays: a line through the delays of the last groups, compared with a threshold
// that adapts to the link (draft-ietf-rmcat-gcc-02 §5.4; the line instead of a Kalman filter, as its implementations do).

export const Usage = { Normal: 0, Over: 1, Under: 2 } as const
export type Usage = (typeof Usage)[keyof typeof Usage]

/** Groups on the line. */
const WINDOW = 20
/** Share of the old value in the smoothed delay. */
const SMOOTHING = 0.9
/** The slope is multiplied by these: groups so far, at most this many, and the gain. */
const MOST_GROUPS = 60
const GAIN = 4
/** The threshold in ms: initial, lowest, highest; how fast it follows up and down per ms; and outliers, which it does not follow. */
const THRESHOLD = 12.5
const LOWEST_THRESHOLD = 6
const HIGHEST_THRESHOLD = 600
const UP = 0.0087
const DOWN = 0.039
const OUTLIER = 15
/** The trend must exceed the threshold for this many ms before the link counts as overused. */
const OVERUSE_TIME = 10
const LONGEST_UPDATE = 100
/** A pause of so many ms starts the line over. */
const LONGEST_GAP = 1_000
/** An overused link has a queue: the delay exceeds its lowest value by this many ms. Below it, frames of unequal size look the same. */
const LEAST_QUEUE = 15
/** A delay this far above the lowest, that grows for so many groups, is overuse without a look at the line: the rate fell steeply. */
const SEVERE_QUEUE = 60
/** The packets of a frame wait for each other: on a slow link that alone is a delay of so many packets. */
const FRAME_PACKETS = 2
const SEVERE_GROUPS = 2
/** The lowest delay rises by this part of the time, so that it follows clocks that drift and paths that change. */
const DRIFT = 0.002

/** Per group: no allocation. */
export class DelayTrend {
  readonly #arrivals = new Float64Array(WINDOW)
  readonly #delays = new Float64Array(WINDOW)
  #groups = 0
  #firstArrival = 0
  #delay = 0
  #smoothed = 0
  #lowest = 0
  #lowestSmoothed = 0
  #growing = 0
  #threshold = THRESHOLD
  #updatedAt = -Infinity
  #overuse = -1
  #overusedGroups = 0
  #previous = 0
  usage: Usage = Usage.Normal
  /** Milliseconds that a large packet takes at the estimate. */
  packetTime = 0
  /** Growth of the delay per time: 1 − bandwidth / sent rate while a queue grows. */
  slope = 0

  /** The queue is long and grows: the link carries far less than what is sent. */
  get isSevere(): boolean {
    return this.#growing >= SEVERE_GROUPS && this.#delay - this.#lowest > SEVERE_QUEUE + FRAME_PACKETS * this.packetTime
  }

  /** A group is complete. Times are those of PacketGroups. */
  add(sentDelta: number, arrivalDelta: number, arrival: number): void {
    if (sentDelta > LONGEST_GAP) this.#startOver(arrivalDelta - sentDelta)
    if (this.#groups === 0) this.#firstArrival = arrival
    const place = this.#groups++ % WINDOW
    this.#delay += arrivalDelta - sentDelta
    this.#growing = arrivalDelta > sentDelta ? this.#growing + 1 : 0
    this.#smoothed = SMOOTHING * this.#smoothed + (1 - SMOOTHING) * this.#delay
    this.#lowest = Math.min(this.#lowest + DRIFT * arrivalDelta, this.#delay)
    this.#lowestSmoothed = Math.min(this.#lowestSmoothed + DRIFT * arrivalDelta, this.#smoothed)
    this.#arrivals[place] = arrival - this.#firstArrival
    this.#delays[place] = this.#smoothed
    this.slope = this.#groups < WINDOW ? 0 : this.#fit()
    this.#detect(Math.min(this.#groups, MOST_GROUPS) * this.slope * GAIN, sentDelta, arrival)
  }

  /** Of the measurements before a pause only the lowest delay says something about the queue after it. */
  #startOver(difference: number): void {
    this.#groups = 0
    this.slope = 0
    this.#smoothed = this.#delay + difference
  }

  /** Least squares. */
  #fit(): number {
    let arrivals = 0
    let delays = 0
    for (let index = 0; index < WINDOW; index++) {
      arrivals += this.#arrivals[index]!
      delays += this.#delays[index]!
    }
    let numerator = 0
    let denominator = 0
    for (let index = 0; index < WINDOW; index++) {
      const distance = this.#arrivals[index]! - arrivals / WINDOW
      numerator += distance * (this.#delays[index]! - delays / WINDOW)
      denominator += distance * distance
    }
    return denominator === 0 ? 0 : numerator / denominator
  }

  #detect(trend: number, sentDelta: number, arrival: number): void {
    if (trend > this.#threshold) this.#exceeds(trend, sentDelta)
    else {
      this.#overuse = -1
      this.#overusedGroups = 0
      this.usage = trend < -this.#threshold ? Usage.Under : Usage.Normal
    }
    if (this.isSevere) this.usage = Usage.Over
    this.#previous = trend
    this.#adapt(Math.abs(trend), arrival)
  }

  /** Over the threshold: an overuse once that lasts, and as long as it does not shrink. */
  #exceeds(trend: number, sentDelta: number): void {
    this.#overuse = this.#overuse < 0 ? sentDelta / 2 : this.#overuse + sentDelta
    this.#overusedGroups++
    if (this.#overuse <= OVERUSE_TIME || this.#overusedGroups < 2 || trend < this.#previous) return
    // The smoothed delay still grows when a burst has left the queue.
    if (Math.min(this.#smoothed - this.#lowestSmoothed, this.#delay - this.#lowest) < LEAST_QUEUE) return
    this.#overuse = 0
    this.#overusedGroups = 0
    this.usage = Usage.Over
  }

  #adapt(trend: number, arrival: number): void {
    const elapsed = Math.min(LONGEST_UPDATE, arrival - this.#updatedAt)
    this.#updatedAt = arrival
    if (trend > this.#threshold + OUTLIER || elapsed <= 0) return
    const speed = trend < this.#threshold ? DOWN : UP
    const threshold = this.#threshold + speed * (trend - this.#threshold) * elapsed
    this.#threshold = Math.max(LOWEST_THRESHOLD, Math.min(HIGHEST_THRESHOLD, threshold))
  }
}
