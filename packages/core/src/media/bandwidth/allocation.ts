// Divides a viewer's bandwidth among the sources that it watches.
//
//   1. screens, each as good as fits: text must be readable
//   2. every other source at its lowest layer, in order: the selected or largest first, then by who spoke last; where all of its
//      frames do not fit, fewer
//   3. the selected or largest, as good as fits
//   4. the others one step at a time, in the same order, until no step fits
//
// A source is paused only if its lowest layer does not fit in what those before it leave.

// What is chosen are steps: layers, or layers with fewer frames, where a source has temporal layers and the viewer can be sent fewer.

import { LIMITS } from '../../limits.ts'

/** No step, where a step is named by its index. */
export const NONE = -1

/** A source as one viewer watches it. */
export interface Demand {
  isScreen: boolean
  /** The viewer shows it larger than the others, or selected it. */
  isSelected: boolean
  /** Its sender is heard. */
  isHeard: boolean
  /** Since when it is, or when it was last: later comes first, so that the order stays while several speak. */
  spokeAt: number
  /** The step of the lowest available layer with all of its frames. */
  lowest: number
  /** The best step that the viewer wants and the sender has; −1 for none. */
  wanted: number
  /** The step that earlier allocations permit, wanted at most; −1 for none. */
  current: number
  /** Bits per second of each step, by index: of the last second, and the most of the last ten. */
  readonly bitrates: number[]
  readonly peaks: number[]
  /** What is sent where a step is permitted: the step itself, or one below it if the sender does not send its layer; −1 for nothing. */
  readonly sent: number[]
  /** The result: the best step that the bandwidth permits, wanted or not; −1 pauses the source. */
  permitted: number
}

/** Writes `permitted` of each demand, and puts the demands into the order of their importance. */
export function allocate(demands: Demand[], bandwidth: number): void {
  demands.sort(byImportance)
  let left = bandwidth
  for (const demand of demands) demand.permitted = NONE
  for (const demand of demands) left -= demand.isScreen ? raise(demand, left, demand.wanted) : step(demand, left)
  for (const demand of demands)
    if (!demand.isScreen) left -= raise(demand, left, Math.min(demand.lowest, demand.wanted))
  for (const demand of demands) if (demand.isSelected) left -= raise(demand, left, demand.wanted)
  for (let isRaised = true; isRaised; ) {
    isRaised = false
    for (const demand of demands) {
      const { permitted } = demand
      left -= step(demand, left)
      // A step may cost less than the one below it.
      isRaised ||= demand.permitted > permitted
    }
  }
  for (const demand of demands) allowMore(demand, left)
}

/**
 * Before anything is measured, sources are sent in their lowest layer at most, so that they do not fill the queue of a slow link before
 * a probe has measured it. One is sent whatever it takes: only with its packets the link can be measured.
 */
export function allocateStart(demands: Demand[]): void {
  let bandwidth: number = LIMITS.startMedia
  for (const demand of demands)
    bandwidth = Math.max(bandwidth, RESERVE * costOf(demand, Math.min(demand.lowest, demand.wanted)))
  allocate(demands, bandwidth)
  for (const demand of demands) demand.permitted = Math.min(demand.permitted, demand.lowest)
}

/** What a better step must leave unused of its recent peak. A step that is permitted already needs what it takes now. */
const RESERVE = 1.05

function byImportance(one: Demand, other: Demand): number {
  if (one.isScreen !== other.isScreen) return one.isScreen ? -1 : 1
  if (one.isSelected !== other.isSelected) return one.isSelected ? -1 : 1
  if (one.isHeard !== other.isHeard) return one.isHeard ? -1 : 1
  return one.spokeAt === other.spokeAt ? 0 : other.spokeAt - one.spokeAt
}

/** Raises the demand by one step that costs more, if that fits and is wanted. Returns the bits per second that it takes. */
function step(demand: Demand, left: number): number {
  let next = demand.permitted + 1
  if (next > demand.wanted) return 0
  while (next < demand.wanted && costOf(demand, next + 1) === costOf(demand, next)) next++
  const more = costOf(demand, next) - costOf(demand, demand.permitted)
  const needed = next > demand.current ? more * RESERVE : more
  if (needed > left) return 0
  demand.permitted = next
  return more
}

/** Raises the demand to the best step up to `best` that fits. One that is sent cheaper than a lower one does not hide it. */
function raise(demand: Demand, left: number, best: number): number {
  const start = costOf(demand, demand.permitted)
  for (let layer = best; layer > demand.permitted; layer--) {
    const more = costOf(demand, layer) - start
    if ((layer > demand.current ? more * RESERVE : more) > left) continue
    demand.permitted = layer
    return more
  }
  return 0
}

/** A step above the wanted one is permitted if it would fit, so that a viewer who wants more gets it at once. */
function allowMore(demand: Demand, left: number): void {
  if (demand.permitted < demand.wanted) return
  const start = costOf(demand, demand.permitted)
  for (let layer = demand.bitrates.length - 1; layer > demand.permitted; layer--)
    if ((costOf(demand, layer) - start) * RESERVE <= left) {
      demand.permitted = layer
      return
    }
}

/** What a source takes changes with its picture: more is sent only if the link would have carried it all the time. */
function costOf({ bitrates, peaks, sent, current }: Demand, step: number): number {
  const paid = step === NONE ? NONE : sent[step]!
  return paid === NONE ? 0 : (paid > current ? peaks : bitrates)[paid]!
}
