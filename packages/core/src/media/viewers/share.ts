// What one viewer may be sent of one source: what the source's layers cost, and the limit that an allocation has set.
import { LIMITS } from '../../limits.ts'
import type { Demand } from '../bandwidth/allocation.ts'
import { Hysteresis } from '../bandwidth/hysteresis.ts'
import { type LayerChoice, NO_LAYER } from '../layers/layer-choice.ts'

export class Share {
  readonly choice: LayerChoice
  readonly demand: Demand
  readonly hysteresis = new Hysteresis()
  /** The allocation that saw the choice last. */
  round = 0

  constructor(choice: LayerChoice) {
    this.choice = choice
    this.demand = {
      isScreen: choice.source.kind === 'screen',
      isSelected: false,
      spokeAt: -Infinity,
      wanted: NO_LAYER,
      current: NO_LAYER,
      bitrates: choice.source.layers.map(() => 0),
      permitted: NO_LAYER,
    }
  }

  /** Bits per second that the best wanted layer takes. */
  get wantedBitrate(): number {
    return this.demand.bitrates[this.demand.wanted] ?? 0
  }

  /** Brings the demand up to date. A layer that does not flow costs what it cost last, or a multiple of the one below it. */
  refresh(spokeAt: number, now: number): void {
    const { choice, demand } = this
    const { layers } = choice.source
    demand.spokeAt = spokeAt
    demand.wanted = choice.wanted
    demand.current = choice.current
    for (let index = 0; index < layers.length; index++) {
      const measured = layers[index]!.bitrate(now)
      const below = demand.bitrates[index - 1] ?? 0
      if (measured > 0) demand.bitrates[index] = measured
      else if (demand.bitrates[index] === 0) demand.bitrates[index] = below * LIMITS.layerStep
    }
  }

  /** Applies the result of an allocation. `isAtOnce` also for more than before. */
  apply(isAtOnce: boolean, now: number): void {
    const { choice, demand, hysteresis } = this
    if (isAtOnce) hysteresis.set(demand.permitted)
    else hysteresis.allow(demand.permitted, now)
    choice.setLimit(hysteresis.limit, now)
  }
}
