// Hot: packets of remote peers, which their own lanes have opened and checked. They take the ordinary way out of this lane.
import { RTP_HEADER, RTP_SEQUENCE, RTP_SSRC, RTP_TIMESTAMP } from '@parley/protocol'
import { type Batch, createBatch, SLOT } from '../lane/batch.ts'
import type { LaneId } from '../lane/commands.ts'
import type { RingInput } from '../lane/packet-ring.ts'
import { Backlog } from './backlog.ts'
import type { Egress } from './egress.ts'
import { Drop, type LaneStats } from './lane-stats.ts'
import type { RouteTable } from './streams/route-table.ts'

/** The ring from one lane. */
interface Ring {
  readonly lane: LaneId
  readonly input: RingInput
  /** Whether this lane is too slow for what arrives in it. */
  readonly backlog: Backlog
}

export interface RingInputsParts {
  readonly routes: RouteTable
  readonly egress: Egress
  readonly laneStats: LaneStats
}

/** The rings from other lanes. A packet is checked as a datagram is: length, SSRC, and that its peer is on that lane. */
export class RingInputs {
  readonly #routes: RouteTable
  readonly #egress: Egress
  readonly #laneStats: LaneStats
  readonly #rings: Ring[] = []
  /** Undefined before the first ring. */
  #batch: Batch | undefined

  constructor({ routes, egress, laneStats }: RingInputsParts) {
    this.#routes = routes
    this.#egress = egress
    this.#laneStats = laneStats
  }

  /** Whether no packet waits. Per turn: no allocation. */
  get isEmpty(): boolean {
    for (let index = 0; index < this.#rings.length; index++) if (!this.#rings[index]!.input.isEmpty) return false
    return true
  }

  /** A ring that replaces another one comes from the lane in place of a lost one. */
  add(lane: LaneId, input: RingInput): void {
    const known = this.#rings.findIndex(ring => ring.lane === lane)
    this.#rings.splice(known < 0 ? this.#rings.length : known, 1, { lane, input, backlog: new Backlog() })
    this.#batch ??= createBatch()
  }

  /** Handles at most `limit` packets of each lane. Returns how many. */
  receive(limit: number, now: number): number {
    const batch = this.#batch
    if (batch === undefined) return 0
    let count = 0
    for (let index = 0; index < this.#rings.length; index++) {
      const ring = this.#rings[index]!
      ring.input.read(batch, limit, now)
      ring.backlog.read(batch, now)
      for (let slot = 0; slot < batch.count; slot++) this.#packet(batch, slot, ring, now)
      count += batch.count
    }
    return count
  }

  #packet(batch: Batch, slot: number, { lane, backlog }: Ring, now: number): void {
    this.#laneStats.crossedIn()
    if (batch.lengths[slot]! < RTP_HEADER) return this.#laneStats.drop(Drop.malformed)
    const at = slot * SLOT
    const stream = this.#routes.stream(batch.view.getInt32(at + RTP_SSRC))
    if (stream?.owner.lane !== lane) return this.#laneStats.drop(Drop.unknownSender)
    if (backlog.isTooOld(batch.waited[slot]!, stream.isAudio)) return this.#laneStats.drop(Drop.overload)
    const sequence = batch.view.getUint16(at + RTP_SEQUENCE)
    if (!stream.isAudio && stream.numbers.isLate(sequence, now)) stream.reception.returned(now)
    else stream.reception.crossed(sequence, batch.view.getInt32(at + RTP_TIMESTAMP), now, stream.clockRate)
    this.#egress.deliverCrossed(batch, slot, stream, now)
  }
}
