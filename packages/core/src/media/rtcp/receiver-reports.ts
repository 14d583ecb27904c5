// Receiver reports: how a sender's packets arrive, every five seconds while it sends (RFC 3550 §6.4.2).
import {
  MAX_REPORT_BLOCKS,
  REPORT_BLOCK_LENGTH,
  RTCP_HEADER,
  writeReceiverReportHeader,
  writeReportBlock,
} from '@parley/protocol'
import type { PacketIo } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import type { Peer } from '../address/peers.ts'
import type { RouteTable } from '../streams/route-table.ts'

/** The SSRC of the lane in its own RTCP. */
export const LANE_SSRC = 1

/** One compound per peer and interval, with a block for each of its streams that sent something. */
export class ReceiverReports {
  readonly #io: PacketIo
  readonly #routes: RouteTable
  /** Peers that have sent since their last report. All wait equally long, so the first is due first. */
  readonly #waiting = new Set<Peer>()
  readonly #bytes = new Uint8Array(RTCP_HEADER + MAX_REPORT_BLOCKS * REPORT_BLOCK_LENGTH)
  readonly #view = new DataView(this.#bytes.buffer)
  deadline = Infinity

  constructor(io: PacketIo, routes: RouteTable) {
    this.#io = io
    this.#routes = routes
  }

  /** Peers that wait for a report. */
  get size(): number {
    return this.#waiting.size
  }

  /** A packet of the peer arrived. Per packet: allocates only for the first in an interval. */
  received(peer: Peer, now: number): void {
    if (peer.reportAt !== Infinity) return
    peer.reportAt = now + LIMITS.receiverReportInterval
    this.#waiting.add(peer)
    if (this.deadline === Infinity) this.deadline = peer.reportAt
  }

  /** The peer is removed from the lane. */
  remove(peer: Peer): void {
    if (this.#waiting.delete(peer)) this.#rearm()
  }

  /** Sends the reports that are due. */
  tick(now: number): void {
    for (const peer of this.#waiting) {
      if (peer.reportAt > now) break
      this.#waiting.delete(peer)
      peer.reportAt = Infinity
      this.#send(peer, now)
    }
    this.#rearm()
  }

  /** The deadline is that of the first peer that waits. */
  #rearm(): void {
    const [first] = this.#waiting
    this.deadline = first?.reportAt ?? Infinity
  }

  /** To a WebRTC client the blocks name the SSRCs that it chose. Nothing is sent to a peer without an address. */
  #send(peer: Peer, now: number): void {
    let blocks = 0
    for (const { received, clientSsrc, ssrc } of this.#routes.streamsOf(peer)) {
      if (received?.stats.isReportable !== true) continue
      if (blocks === MAX_REPORT_BLOCKS) break
      const block = received.stats.takeBlock(clientSsrc ?? ssrc, now)
      writeReportBlock(this.#view, RTCP_HEADER + blocks++ * REPORT_BLOCK_LENGTH, block)
    }
    if (blocks === 0 || !peer.isBound) return
    this.#io.sendRtcp(peer.id, this.#bytes, writeReceiverReportHeader(this.#view, 0, LANE_SSRC, blocks))
  }
}
