// What one viewer may be sent of one source: what the source's layers cost, and the limit that an allocation has set.
//
// An allocation chooses among steps, four for each layer: with the frames of temporal layer 0 only, up to 1, up to 2, and all. Steps that
// a layer does not have cost what the next one costs, so that none of them is chosen.
import { LIMITS } from '../../limits.ts'
import type { Demand } from '../bandwidth/allocation.ts'
import { Hysteresis } from '../bandwidth/hysteresis.ts'
import { TEMPORALS } from '../layers/frame-rates.ts'
import { ALL_FRAMES, type LayerChoice, lowestAvailable, NO_LAYER } from '../layers/layer-choice.ts'

/** A layer of which no frame of its upper temporal layers arrived for so long has fewer of them now. */
const TEMPORALS_LAST = 2_000

/** The step of a layer with all of its frames. */
const wholeStep = (layer: number): number => layer * TEMPORALS + TEMPORALS - 1

/** The layer that a viewer is sent who wants this one, without a limit. If its sender sends none, it returns with the lowest. */
function sentUpTo(isSent: readonly boolean[], wanted: number): number {
  const best = isSent.lastIndexOf(true, wanted)
  return best === -1 ? Math.max(0, isSent.indexOf(true)) : best
}

/** The audio of a sender, as far as it tells who spoke last. */
export interface SenderAudio {
  readonly arrivedAt: number
  readonly heardSince: number
  isHeard(now: number): boolean
}

export interface Applied {
  /** In bits per second. */
  readonly estimate: number
  /** A probe has just shown that the link carries the estimate. */
  readonly isConfirmed: boolean
  /** Also more than before takes effect at once. */
  readonly isAtOnce: boolean
}

export class Share {
  readonly choice: LayerChoice
  readonly demand: Demand
  readonly hysteresis = new Hysteresis()
  /** The allocation that saw the choice last. */
  round = 0
  /** Of each layer, the highest temporal layer, and when it last arrived. */
  readonly #temporals: { highest: number; at: number }[]

  constructor(choice: LayerChoice) {
    this.choice = choice
    this.#temporals = choice.source.layers.map(() => ({ highest: 0, at: -Infinity }))
    this.demand = {
      isScreen: choice.source.kind === 'screen',
      isSelected: false,
      isHeard: false,
      spokeAt: -Infinity,
      lowest: wholeStep(0),
      wanted: NO_LAYER,
      current: NO_LAYER,
      bitrates: choice.source.layers.flatMap(() => new Array<number>(TEMPORALS).fill(0)),
      peaks: choice.source.layers.flatMap(() => new Array<number>(TEMPORALS).fill(0)),
      sent: choice.source.layers.flatMap(() => new Array<number>(TEMPORALS).fill(NO_LAYER)),
      permitted: NO_LAYER,
    }
  }

  /** Bits per second that the best wanted layer may take. */
  get wantedBitrate(): number {
    const { peaks, sent, wanted } = this.demand
    return peaks[sent[wanted] ?? NO_LAYER] ?? 0
  }

  /**
   * Brings the demand up to date. A layer that does not flow costs what it cost last, or a multiple of the one below it, if its sender
   * would start it for the viewer. One that its sender does not send costs nothing until it returns.
   */
  refresh(audio: SenderAudio | undefined, now: number): void {
    const { choice, demand } = this
    const { bitrates, peaks } = demand
    const { wanted, source } = choice
    demand.isHeard = audio?.isHeard(now) === true
    demand.spokeAt = (demand.isHeard ? audio?.heardSince : audio?.arrivedAt) ?? -Infinity
    demand.lowest = wholeStep(lowestAvailable(source.layers))
    const isSent = source.layers.map(layer => layer.isAvailable || layer.bitrate(now) > 0)
    demand.wanted = wanted === NO_LAYER ? NO_LAYER : wholeStep(sentUpTo(isSent, wanted))
    demand.current = this.hysteresis.limit === Infinity ? NO_LAYER : Math.min(demand.wanted, this.hysteresis.limit)
    for (let layer = 0; layer < source.layers.length; layer++) {
      if (source.layers[layer]!.bitrate(now) > 0) this.#measure(layer, now)
      else if (bitrates[wholeStep(layer)] === 0)
        for (const rates of [bitrates, peaks]) {
          const below = rates[wholeStep(layer - 1)] ?? 0
          rates.fill(below * LIMITS.layerStep, layer * TEMPORALS, (layer + 1) * TEMPORALS)
        }
    }
    // Above the wanted step, costs tell whether the viewer may have a layer at once when it returns.
    for (let step = 0; step < demand.sent.length; step++) {
      const layer = Math.floor(step / TEMPORALS)
      demand.sent[step] =
        isSent[layer]! || step > demand.wanted ? step : (demand.sent[wholeStep(layer - 1)] ?? NO_LAYER)
    }
  }

  /** Applies the result of an allocation. */
  apply(how: Applied, now: number): void {
    const { choice, demand, hysteresis } = this
    // Above what is wanted, a change changes nothing that is sent: it is no raise that could fail.
    const isSpare = Math.min(demand.permitted, hysteresis.limit) >= demand.wanted
    if (how.isAtOnce || isSpare) hysteresis.set(demand.permitted)
    else hysteresis.allow(demand.permitted, how.estimate, how.isConfirmed, now, demand.lowest)
    const step = hysteresis.limit
    if (step === NO_LAYER || step === Infinity) return choice.setLimit(step, ALL_FRAMES, now)
    const layer = Math.floor(step / TEMPORALS)
    const temporal = Math.max(step % TEMPORALS, this.#lowestTemporal(layer))
    const isWhole = temporal >= this.#temporals[layer]!.highest
    choice.setLimit(layer, isWhole ? ALL_FRAMES : temporal, now)
  }

  #measure(layer: number, now: number): void {
    const { bitrates, peaks } = this.demand
    const view = this.choice.source.layers[layer]!
    const known = this.#temporals[layer]!
    const highest = view.highestTemporal(now)
    if (highest >= known.highest || now - known.at >= TEMPORALS_LAST) {
      known.highest = highest
      known.at = now
    }
    const lowest = this.#lowestTemporal(layer)
    for (let temporal = 0; temporal < TEMPORALS; temporal++) {
      bitrates[layer * TEMPORALS + temporal] = view.bitrateUpTo(Math.max(temporal, lowest), now)
      peaks[layer * TEMPORALS + temporal] = view.peakUpTo(Math.max(temporal, lowest), now)
    }
  }

  /**
   * The fewest frames that are sent of a layer. A camera in a better layer loses every second frame at most: below that, the whole
   * frame rate of the next lower layer serves better. The text of a screen stays readable at any.
   */
  #lowestTemporal(layer: number): number {
    const { isThinnable, source } = this.choice
    const { highest } = this.#temporals[layer]!
    if (!isThinnable) return highest
    return layer === 0 || source.kind === 'screen' ? 0 : Math.max(0, highest - 1)
  }
}
