// What one viewer may be sent of one source: what the source's layers cost, and the limit that an allocation has set.
//
// An allocation chooses among steps, four for each layer: with the frames of temporal layer 0 only, up to 1, up to 2, and all. Steps that
// a layer does not have cost what the next one costs, so that none of them is chosen.
import { LIMITS } from '../../limits.ts'
import type { Demand } from '../bandwidth/allocation.ts'
import { Hysteresis } from '../bandwidth/hysteresis.ts'
import { TEMPORALS } from '../layers/frame-rates.ts'
import { ALL_FRAMES, type LayerChoice, NO_LAYER } from '../layers/layer-choice.ts'

/** The step of a layer with all of its frames. */
const wholeStep = (layer: number): number => layer * TEMPORALS + TEMPORALS - 1

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
      lowest: wholeStep(0),
      wanted: NO_LAYER,
      current: NO_LAYER,
      bitrates: choice.source.layers.flatMap(() => new Array<number>(TEMPORALS).fill(0)),
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
    const { bitrates } = demand
    const { wanted, current, temporal, source } = choice
    demand.spokeAt = spokeAt
    demand.wanted = wanted === NO_LAYER ? NO_LAYER : wholeStep(wanted)
    demand.current = current === NO_LAYER ? NO_LAYER : current * TEMPORALS + Math.min(temporal, TEMPORALS - 1)
    for (let layer = 0; layer < source.layers.length; layer++) {
      const isFlowing = source.layers[layer]!.bitrate(now) > 0
      const whole = bitrates[wholeStep(layer)]!
      const below = bitrates[wholeStep(layer - 1)] ?? 0
      if (isFlowing) this.#measure(layer, now)
      else bitrates.fill(whole === 0 ? below * LIMITS.layerStep : whole, layer * TEMPORALS, (layer + 1) * TEMPORALS)
    }
  }

  /** Applies the result of an allocation. `isAtOnce` also for more than before. */
  apply(isAtOnce: boolean, now: number): void {
    const { choice, demand, hysteresis } = this
    if (isAtOnce) hysteresis.set(demand.permitted)
    else hysteresis.allow(demand.permitted, now)
    const step = hysteresis.limit
    if (step === NO_LAYER || step === Infinity) return choice.setLimit(step, ALL_FRAMES, now)
    const layer = Math.floor(step / TEMPORALS)
    const temporal = Math.max(step % TEMPORALS, this.#lowestTemporal(layer, now))
    const isWhole = temporal >= choice.source.layers[layer]!.highestTemporal(now)
    choice.setLimit(layer, isWhole ? ALL_FRAMES : temporal, now)
  }

  #measure(layer: number, now: number): void {
    const { bitrates } = this.demand
    const view = this.choice.source.layers[layer]!
    const lowest = this.#lowestTemporal(layer, now)
    for (let temporal = 0; temporal < TEMPORALS; temporal++)
      bitrates[layer * TEMPORALS + temporal] = view.bitrateUpTo(Math.max(temporal, lowest), now)
  }

  /**
   * The fewest frames that are sent of a layer. A camera in a better layer loses every second frame at most: below that, the whole
   * frame rate of the next lower layer serves better. The text of a screen stays readable at any.
   */
  #lowestTemporal(layer: number, now: number): number {
    const { isThinnable, source } = this.choice
    const highest = source.layers[layer]!.highestTemporal(now)
    if (!isThinnable) return highest
    return layer === 0 || source.kind === 'screen' ? 0 : Math.max(0, highest - 1)
  }
}
