// A lane's totals, as numbers that the packet path can add to.
import type { LaneCounters } from '../lane/commands.ts'
import { DROP_CAUSES, type DropCause } from '../lane/drop-causes.ts'
import type { LaneMeasurement } from '../lane/latency.ts'
import type { ViewCounts } from '../lane/layer-report.ts'
import type { PacketIo } from '../lane/packet-io.ts'

/** Index of each cause in `LaneStats.drops`: its place in DROP_CAUSES. */
export const Drop = {
  unclassified: 0,
  oversize: 1,
  unknownSender: 2,
  unprotected: 3,
  authentication: 4,
  replayed: 5,
  malformed: 6,
  foreignSsrc: 7,
  noRoute: 8,
  ignoredAddress: 9,
  addressInUse: 10,
  rateLimited: 11,
  sendFailed: 12,
  noAddress: 13,
  overload: 14,
  sealed: 15,
  unsealed: 16,
  paced: 17,
  ringFull: 18,
  overBitrate: 19,
} as const satisfies Record<DropCause, number>

/** Index of each total in `LaneStats.#totals`. */
const Total = {
  datagramsIn: 0,
  bytesIn: 1,
  packetsIn: 2,
  discoveries: 3,
  pings: 4,
  keepalives: 5,
  checks: 6,
  crossedIn: 7,
  crossedOut: 8,
} as const
type Total = (typeof Total)[keyof typeof Total]

/** Every datagram is counted once in `datagramsIn` and, if it goes no further, once in a drop cause. */
export class LaneStats {
  readonly #totals = new Float64Array(Object.keys(Total).length)
  readonly #drops = new Float64Array(DROP_CAUSES.length)

  /** A datagram arrived, whatever it is. */
  datagram(bytes: number): void {
    this.#add(Total.datagramsIn, 1)
    this.#add(Total.bytesIn, bytes)
  }
  /** An RTP or RTCP packet verified. */
  packet(): void {
    this.#add(Total.packetsIn, 1)
  }
  /** An IP discovery request was answered. */
  discovery(): void {
    this.#add(Total.discoveries, 1)
  }
  /** A ping of the official client was answered. */
  ping(): void {
    this.#add(Total.pings, 1)
  }
  /** A genuine ICE check was answered. */
  check(): void {
    this.#add(Total.checks, 1)
  }
  /** A keepalive arrived, answered or not. */
  keepalive(): void {
    this.#add(Total.keepalives, 1)
  }
  /** A packet arrived from another lane. */
  crossedIn(): void {
    this.#add(Total.crossedIn, 1)
  }
  /** A packet was handed to another lane. */
  crossedOut(): void {
    this.#add(Total.crossedOut, 1)
  }
  /** `cause` is one of `Drop`. A packet for several receivers counts once per receiver that does not get it. */
  drop(cause: number, count = 1): void {
    this.#drops[cause]! += count
  }

  counters(sent: PacketIo['sent'], measured: LaneMeasurement, views: ViewCounts): LaneCounters {
    const drops = Object.fromEntries(DROP_CAUSES.map(cause => [cause, this.#drops[Drop[cause]]!]))
    const totals = Object.fromEntries(Object.entries(Total).map(([name, index]) => [name, this.#totals[index]!]))
    return {
      ...(totals as Record<keyof typeof Total, number>),
      packetsOut: sent.packets,
      bytesOut: sent.bytes,
      ...measured,
      views,
      drops: { ...(drops as Record<DropCause, number>), sendFailed: sent.failed },
    }
  }

  #add(total: Total, count: number): void {
    this.#totals[total]! += count
  }
}
