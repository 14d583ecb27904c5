// Additive increase, multiplicative decrease of the estimate by the state of the queue (draft-ietf-rmcat-gcc-02 §5.5).
import { LIMITS } from '../../../limits.ts'
import { Usage } from './delay-trend.ts'

/** Part of the received rate that remains after overuse: the queue has to drain. */
const DECREASE = 0.85
/** Growth per second far from the capacity that was seen last, and near it, at most. */
const INCREASE = 0.08
const NEAR_INCREASE = 0.04
/** The same while nothing is sent. */
const IDLE_INCREASE = 0.1
/** Near the capacity the estimate grows to this multiple of it; only packets that arrive faster, or a probe, show more. */
const BEYOND = 1.08
/** The estimate does not grow beyond what arrives by more than this factor and addend: more is not confirmed. */
const UNCONFIRMED = 1.1
const UNCONFIRMED_BITS = 10_000
/** Weight of a new measurement of the capacity, its least relative deviation, and how many deviations count as near. */
const CAPACITY_WEIGHT = 0.05
const LEAST_DEVIATION = 0.05
const NEAR = 3
/** The longest time that one step of growth accounts for. */
const LONGEST_STEP = 1_000
/** For so many ms after a probe, its result stands above the noise of what arrives: down to this part of it, unless far less arrives. */
const PROBE_LIFE = 3_000
const KNOWN = 0.8
const DOUBTED = 0.5
/** Bits of a packet; the draft grows by one per response time. */
const PACKET = 9_600
const DETECTION = 100
/** While a long queue grows, a link that carries less than this part of the estimate lowers it at once. */
const FAR = 0.9
/** Milliseconds that a decrease takes to empty a queue. */
const DRAINING = 700

/** See `RateControl.update`. */
export interface Conditions {
  isConfirming: boolean
  isSevere: boolean
  isBlind: boolean
  now: number
}

export class RateControl {
  estimate: number = LIMITS.startBitrate
  /** Mean of the rates that arrived while the link was overused, and their relative deviation. 0 if unknown. */
  #capacity = 0
  #deviation = LEAST_DEVIATION
  #updatedAt = -Infinity
  #decreasedAt = -Infinity
  /** After a decrease the estimate stays until the queue has drained. */
  #isHeld = false
  /** What the last probe has measured, and when. */
  #probed = 0
  #probedAt = -Infinity

  /**
   * `received` is undefined while too little has arrived. With `isConfirming` false, media does not use the estimate: what arrives
   * is no measure of the link. With `isBlind`, the viewer could use more and no probe can look for it: the estimate grows until layers that
   * were tried show otherwise.
   */
  update(
    usage: Usage,
    received: number | undefined,
    turnaround: number,
    { isConfirming, isSevere, isBlind, now }: Conditions,
  ): void {
    const elapsed = Math.min(LONGEST_STEP, now - this.#updatedAt)
    this.#updatedAt = now
    if (usage === Usage.Over) {
      const isFar = isSevere && received !== undefined && received < FAR * this.estimate
      return this.#decrease(received, isFar ? 0 : turnaround + DETECTION, isConfirming, now)
    }
    if (usage === Usage.Under) {
      this.#isHeld = true
      return
    }
    if (this.#isHeld) this.#isHeld = false
    else if ((isConfirming || isBlind) && elapsed > 0) this.#increase(received, turnaround, elapsed, isBlind)
  }

  /** A probe has measured that the link carries this, or that it carries no more. */
  probed(estimate: number, isFull: boolean, now: number): void {
    this.#probed = estimate
    this.#probedAt = now
    if (estimate > this.#capacity * (1 + NEAR * this.#deviation)) this.#capacity = 0
    if (isFull) this.#capacity = estimate
    this.estimate = clamp(estimate)
  }

  /** The queue limits. A recent probe knows the link better than the noise of its queue does. */
  #lower(most: number, now: number): void {
    const isKnown = now - this.#probedAt < PROBE_LIFE && most > DOUBTED * this.#probed
    this.limit(isKnown ? Math.max(most, KNOWN * this.#probed) : most)
  }

  /** A queue that stands has to empty, but for one that a decrease is emptying. */
  drain(received: number | undefined, now: number): void {
    if (now - this.#decreasedAt < DRAINING) return
    this.#lower(DECREASE * Math.min(this.estimate, received ?? Infinity), now)
  }

  /** Nothing is sent, and no probe can be: the estimate grows to `most`, until layers that are tried show what the link carries. */
  grow(elapsed: number, most: number): void {
    const grown = this.estimate * (1 + IDLE_INCREASE) ** (Math.min(LONGEST_STEP, elapsed) / 1_000)
    this.estimate = clamp(Math.max(this.estimate, Math.min(grown, most)))
  }

  /** Loss, or missing feedback, limits the estimate. */
  limit(most: number): void {
    if (this.estimate > most) this.estimate = clamp(most)
  }

  /**
   * At most once per turnaround, because feedback about the lower rate takes that long; but while a long queue grows, what arrives is
   * the rate of the link, whatever is sent.
   */
  #decrease(received: number | undefined, interval: number, isConfirming: boolean, now: number): void {
    this.#isHeld = true
    if (now - this.#decreasedAt < interval) return
    this.#decreasedAt = now
    const carried = isConfirming ? (received ?? this.estimate) : this.estimate
    this.#lower(Math.min(this.estimate, DECREASE * carried), now)
    if (isConfirming && received !== undefined) this.#measure(received)
  }

  #increase(received: number | undefined, turnaround: number, elapsed: number, isBlind: boolean): void {
    if (received !== undefined && received > this.#capacity * (1 + NEAR * this.#deviation)) this.#capacity = 0
    const confirmed = received === undefined ? Infinity : UNCONFIRMED * received + UNCONFIRMED_BITS
    const known = this.#capacity === 0 ? confirmed : Math.min(confirmed, this.#capacity * BEYOND)
    const most = isBlind ? Infinity : known
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
