// A viewer behind an emulated link whose sources have layers: estimator, allocation and hysteresis together, as a lane runs them.
import { LIMITS } from '../../limits.ts'
import { allocate, type Demand } from '../../media/bandwidth/allocation.ts'
import { AllocationClock } from '../../media/bandwidth/allocation-clock.ts'
import { Hysteresis } from '../../media/bandwidth/hysteresis.ts'
import type { LinkOptions } from './link-emulator.ts'
import { ViewerLink } from './viewer-link.ts'
import { VirtualTime } from './virtual-time.ts'

export interface AllocatedViewerOptions {
  seed: number
  link: LinkOptions
  feedbackLoss?: number | undefined
  /** Bits per second of the layers of each source; the first is the selected one. */
  sources: readonly (readonly number[])[]
}

/**
 * Without a lane, streams or packets of a codec: what is left is how a limit of the network becomes a choice of layers.
 * The viewer is sent the sum of the chosen layers. Run it with `time.run(end)`.
 */
export class AllocatedViewer {
  readonly viewer: ViewerLink
  readonly time: VirtualTime
  readonly #demands: Demand[]
  readonly #limits = new Map<Demand, Hysteresis>()
  readonly #clock = new AllocationClock()

  constructor({ seed, link, feedbackLoss, sources }: AllocatedViewerOptions) {
    this.#demands = sources.map((bitrates, index) => ({
      isScreen: false,
      isSelected: index === 0,
      spokeAt: -index,
      lowest: 0,
      wanted: bitrates.length - 1,
      current: -1,
      bitrates: [...bitrates],
      permitted: -1,
    }))
    for (const demand of this.#demands) this.#limits.set(demand, new Hysteresis())
    this.viewer = new ViewerLink({ seed, link, feedbackLoss, bitrate: (estimate, now) => this.#bitrate(estimate, now) })
    this.viewer.estimator.desired = LIMITS.desiredReserve * sources.reduce((sum, bitrates) => sum + bitrates.at(-1)!, 0)
    this.time = new VirtualTime(1_000, [this.viewer])
  }

  /** Bits per second of what the viewer is sent. */
  get bitrate(): number {
    return this.#demands.reduce((sum, { bitrates, current }) => sum + (bitrates[current] ?? 0), 0)
  }

  /** Layers that the viewer is sent, in the order of importance. */
  get layers(): number[] {
    return this.#demands.map(({ current }) => current)
  }

  /** Called for each frame. Allocates when the estimate changed enough or a raise is due, as a lane does. */
  #bitrate(estimate: number, now: number): number {
    if (now >= this.#clock.dueAt(estimate)) this.#allocate(estimate, now)
    return this.bitrate
  }

  /**
   * The allocation permits, the hysteresis delays: a layer that would fit now is sent once it has fitted for a while.
   */
  #allocate(estimate: number, now: number): void {
    allocate(this.#demands, estimate)
    this.#clock.allocated(estimate, now)
    for (const demand of this.#demands) {
      const hysteresis = this.#limits.get(demand)!
      hysteresis.allow(demand.permitted, now)
      demand.current = Math.min(demand.wanted, hysteresis.limit)
      this.#clock.raiseAt = Math.min(this.#clock.raiseAt, hysteresis.deadline)
    }
  }
}
