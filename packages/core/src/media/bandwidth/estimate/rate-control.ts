// Additive increase, multiplicative decrease of the estimate by the state of the queue (draft-ietf-rmcat-gcc-02 §5.5).
import { LIMITS } from '../../../limits.ts'
import { Usage } from './delay-trend.ts'

/** Part of the received rate that remains after overuse: the queue has to drain. */
const DECREASE = 0.85
/** Growth per second far from the capacity that was seen last, and near it, at most. */
const INCREASE = 0.08
const NEAR_INCREASE = 0.04
/** Near the capacity the estimate grows to this multiple of it; only packets that arrive faster, or a probe, show more. */
const BEYOND = 1.08
/** The estimate does not grow beyond what arrives by more than this factor and addend: more is not confirmed. */
const UNCONFIRMED = 1.5
const UNCONFIRMED_BITS = 10_000
/** Weight of a new measurement of the capacity, its least relative deviation, and how many deviations count as near. */
const CAPACITY_WEIGHT = 0.05
const LEAST_DEVIATION = 0.05
const NEAR = 3
/** The longest time that one step of growth accounts for. */
const LONGEST_STEP = 1_000
/** Bits of a packet; the draft grows by one per response time. */
const PACKET = 9_600
const DETECTION = 100

export class RateControl {
  estimate: number = LIMITS.startBitrate
  /** Mean of the rates that arrived while the link was overused, and their relative deviation. 0 if unknown. */
  #capacity = 0
  #deviation = LEAST_DEVIATION
  #updatedAt = -Infinity
  #decreasedAt = -Infinity
  /** After a decrease the estimate stays until the queue has drained. */
  #isHeld = false

  /**
   * `received` is undefined while too little has arrived. With `isConfirming` false, media does not use the estimate: what arrives
   * is no measure of the link.
   */
  update(usage: Usage, received: number | undefined, turnaround: number, isConfirming: boolean, now: number): void {
    const elapsed = Math.min(LONGEST_STEP, now - this.#updatedAt)
    this.#updatedAt = now
    if (usage === Usage.Over) return this.#decrease(received, turnaround, isConfirming, now)
    if (usage === Usage.Under) {
      this.#isHeld = true
      return
    }
    if (this.#isHeld) this.#isHeld = false
    else if (isConfirming && elapsed > 0) this.#increase(received, turnaround, elapsed)
  }

  /** A probe has measured that the link carries this, or that it carries no more. */
  probed(estimate: number, isFull: boolean): void {
    if (estimate > this.#capacity * (1 + NEAR * this.#deviation)) this.#capacity = 0
    if (isFull) this.#capacity = estimate
    this.estimate = clamp(estimate)
  }

  /** Loss, or missing feedback, limits the estimate. */
  limit(most: number): void {
    if (this.estimate > most) this.estimate = clamp(most)
  }

  /** At most once per turnaround, because feedback about the lower rate takes that long. */
  #decrease(received: number | undefined, turnaround: number, isConfirming: boolean, now: number): void {
    this.#isHeld = true
    if (now - this.#decreasedAt < turnaround + DETECTION) return
    this.#decreasedAt = now
    const carried = isConfirming ? (received ?? this.estimate) : this.estimate
    this.estimate = clamp(Math.min(this.estimate, DECREASE * carried))
    if (isConfirming && received !== undefined) this.#measure(received)
  }

  #increase(received: number | undefined, turnaround: number, elapsed: number): void {
    if (received !== undefined && received > this.#capacity * (1 + NEAR * this.#deviation)) this.#capacity = 0
    const confirmed = received === undefined ? Infinity : UNCONFIRMED * received + UNCONFIRMED_BITS
    const most = this.#capacity === 0 ? confirmed : Math.min(confirmed, this.#capacity * BEYOND)
    const perSecond = this.#capacity === 0 ? this.estimate * INCREASE : this.#nearIncrease(turnaround)
    const grown = this.estimate + (perSecond * elapsed) / 1_000
    this.estimate = clamp(Math.max(this.estimate, Math.min(grown, most)))
  }

  #nearIncrease(turnaround: number): number {
    return Math.min((PACKET * 1_000) / (turnaround + DETECTION), this.estimate * NEAR_INCREASE)
  }

  /** The rate that arrives while the queue is full is the capacity. */
  #measure(received: number): void {
    if (this.#capacity === 0 || received < this.#capacity * (1 - NEAR * this.#deviation)) {
      this.#capacity = received
      this.#deviation = LEAST_DEVIATION
      return
    }
    const distance = (received - this.#capacity) / this.#capacity
    this.#capacity += CAPACITY_WEIGHT * distance * this.#capacity
    const deviation = this.#deviation + CAPACITY_WEIGHT * (Math.abs(distance) - this.#deviation)
    this.#deviation = Math.max(LEAST_DEVIATION, deviation)
  }
}

const clamp = (estimate: number): number => Math.max(LIMITS.lowestBitrate, Math.min(LIMITS.highestBitrate, estimate))
