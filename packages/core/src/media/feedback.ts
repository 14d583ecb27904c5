// What a lane takes from its clients' RTCP. None of it is passed on as it is.
import {
  RTCP_SENDER_SSRC,
  RtcpType,
  rtcpPacketLength,
  rtcpPacketType,
  SENDER_REPORT_LENGTH,
  senderReportMiddle,
} from '@parley/protocol'
import type { Browsers } from './browsers.ts'
import { Drop, type LaneTally } from './lane-tally.ts'
import { type Batch, SLOT } from './packet-io.ts'
import type { Peer } from './peers.ts'
import type { ReceiveStats } from './receive-stats.ts'
import type { RouteTable } from './route-table.ts'

export class Feedback {
  readonly #routes: RouteTable
  readonly #stats: ReceiveStats
  readonly #browsers: Browsers
  readonly #tally: LaneTally

  constructor(routes: RouteTable, stats: ReceiveStats, browsers: Browsers, tally: LaneTally) {
    this.#routes = routes
    this.#stats = stats
    this.#browsers = browsers
    this.#tally = tally
  }

  /** Takes the times of sender reports from the plain compound in `slot`. Per packet: no allocation. */
  read({ view, lengths }: Batch, slot: number, owner: Peer, now: number): void {
    const end = slot * SLOT + lengths[slot]!
    for (let offset = slot * SLOT; offset < end; ) {
      const length = rtcpPacketLength(view, offset, end - offset)
      if (length < 0) return this.#tally.drop(Drop.malformed)
      if (rtcpPacketType(view, offset) === RtcpType.SenderReport && length >= SENDER_REPORT_LENGTH) {
        const row = this.#rowOf(owner, view.getInt32(offset + RTCP_SENDER_SSRC))
        if (row >= 0 && this.#routes.owners[row] === owner.id)
          this.#stats.senderReported(row, senderReportMiddle(view, offset), now)
      }
      offset += length
    }
  }

  /** The row of what a peer calls one of its SSRCs. */
  #rowOf(owner: Peer, ssrc: number): number {
    const browser = owner.isBrowser ? this.#browsers.get(owner.id) : undefined
    if (browser === undefined) return this.#routes.row(ssrc)
    const known = browser.toNode.get(ssrc)
    return known === undefined ? -1 : this.#routes.row(known)
  }
}
