// When a viewer's bandwidth is allocated again: at most ten times a second, and only after the estimate has changed by a tenth, the
// viewer's sources or wants have changed, or a raise is due.
import { LIMITS } from '../../limits.ts'

/** One per viewer. */
export class AllocationClock {
  #allocatedAt = -Infinity
  #estimate = 0
  /** Sources or wants changed. */
  isStale = true
  /** When the first raise is due. */
  raiseAt = Infinity

  /** When an allocation is due at this estimate. Bitrates of layers change too, so that one is due every second at the latest. */
  dueAt(estimate: number): number {
    const next = this.#allocatedAt + LIMITS.allocationInterval
    if (this.isStale || this.#differs(estimate)) return next
    return Math.max(next, Math.min(this.raiseAt, this.#allocatedAt + LIMITS.allocationRefresh))
  }

  allocated(estimate: number, now: number): void {
    this.#allocatedAt = now
    this.#estimate = estimate
    this.isStale = false
    this.raiseAt = Infinity
  }

  #differs(estimate: number): boolean {
    if (estimate === this.#estimate) return false
    return Math.abs(estimate - this.#estimate) > LIMITS.allocationStep * Math.min(estimate, this.#estimate)
  }
}
