// Hot: hands packets to the other lanes of their channel, each of which seals them for its own receivers.
import type { Batch } from '../../lane/batch.ts'
import type { LaneId } from '../../lane/commands.ts'
import type { RingOutput } from '../../lane/packet-ring.ts'
import { Drop, type LaneStats } from '../lane-stats.ts'

/** The rings that packets leave a lane through, by the lane that they lead to. */
export class RingOutputs {
  readonly #outputs = new Map<LaneId, RingOutput>()
  readonly #laneStats: LaneStats

  constructor(laneStats: LaneStats) {
    this.#laneStats = laneStats
  }

  /** A ring that replaces another one leads to the lane in place of a lost one. */
  add(lane: LaneId, output: RingOutput): void {
    this.#outputs.set(lane, output)
  }

  /** One copy per lane, plain and in node numbering. Without room it is dropped: voice must not queue. Per packet: no allocation. */
  send(batch: Batch, slot: number, lanes: readonly LaneId[], now: number): void {
    for (let index = 0; index < lanes.length; index++) {
      if (this.#outputs.get(lanes[index]!)?.push(batch, slot, now) === true) this.#laneStats.crossedOut()
      else this.#laneStats.drop(Drop.ringFull)
    }
  }
}
