// What a lane takes from its clients' RTCP. None of it is passed on as it is.
import {
  FeedbackKind,
  feedbackKind,
  feedbackSsrc,
  RTCP_SENDER_SSRC,
  RtcpType,
  rtcpPacketLength,
  rtcpPacketType,
  SENDER_REPORT_LENGTH,
  senderReportMiddle,
  senderReportTime,
  senderReportTimestamp,
} from '@parley/protocol'
import { type Batch, SLOT } from '../lane/packet-io.ts'
import type { Peer } from './address/peers.ts'
import type { RouteTable } from './forward/route-table.ts'
import { Drop, type LaneStats } from './lane-stats.ts'
import type { KeyframeRequests } from './loss/keyframe-requests.ts'
import type { NackGenerator } from './loss/nack-generator.ts'
import type { NackResponder } from './loss/nack-responder.ts'
import type { ClockMap } from './receive/clock-map.ts'
import type { ReceiveStats } from './receive/receive-stats.ts'
import type { WebrtcPeers } from './webrtc/webrtc-peers.ts'

export interface RtcpInputParts {
  readonly routes: RouteTable
  readonly stats: ReceiveStats
  readonly clocks: ClockMap
  readonly webrtcPeers: WebrtcPeers
  readonly nackResponder: NackResponder
  readonly keyframes: KeyframeRequests
  readonly nackGenerator: NackGenerator
  readonly laneStats: LaneStats
}

export class RtcpInput {
  readonly #routes: RouteTable
  readonly #stats: ReceiveStats
  readonly #clocks: ClockMap
  readonly #webrtcPeers: WebrtcPeers
  readonly #nackResponder: NackResponder
  readonly #laneStats: LaneStats
  readonly #keyframes: KeyframeRequests
  readonly #nackGenerator: NackGenerator

  constructor({
    routes,
    stats,
    clocks,
    webrtcPeers,
    nackResponder,
    keyframes,
    nackGenerator,
    laneStats,
  }: RtcpInputParts) {
    this.#routes = routes
    this.#stats = stats
    this.#clocks = clocks
    this.#webrtcPeers = webrtcPeers
    this.#nackResponder = nackResponder
    this.#keyframes = keyframes
    this.#nackGenerator = nackGenerator
    this.#laneStats = laneStats
  }

  /** The video with this SSRC has ended. */
  forget(ssrc: number): void {
    this.#keyframes.forget(ssrc)
    this.#nackGenerator.forget(ssrc)
    this.#nackResponder.forget(ssrc)
  }

  /** Does what the plain compound in `slot` asks. Per packet: no allocation. */
  read(batch: Batch, slot: number, owner: Peer, now: number): void {
    const { view } = batch
    const end = slot * SLOT + batch.lengths[slot]!
    for (let offset = slot * SLOT; offset < end; ) {
      const length = rtcpPacketLength(view, offset, end - offset)
      if (length < 0) return this.#laneStats.drop(Drop.malformed)
      if (rtcpPacketType(view, offset) === RtcpType.SenderReport && length >= SENDER_REPORT_LENGTH)
        this.#senderReport(view, offset, owner, now)
      else this.#feedback(view, offset, length, owner, now)
      offset += length
    }
  }

  #senderReport(view: DataView, offset: number, owner: Peer, now: number): void {
    const row = this.#rowOf(owner, view.getInt32(offset + RTCP_SENDER_SSRC))
    if (row < 0 || this.#routes.owners[row] !== owner.id) return
    this.#stats.senderReported(row, senderReportMiddle(view, offset), now)
    this.#clocks.reported(row, owner, senderReportTime(view, offset), senderReportTimestamp(view, offset), now)
  }

  /** Only who is sent a source may ask something of it. */
  #feedback(view: DataView, offset: number, length: number, owner: Peer, now: number): void {
    const kind = feedbackKind(view, offset, length)
    if (kind === FeedbackKind.Other) return
    const ssrc = feedbackSsrc(view, offset)
    const row = this.#routes.row(ssrc)
    const list = row < 0 ? undefined : this.#routes.targets[row]
    if (list === undefined || this.#routes.audio[row] === 1 || !list.has(owner.id)) return
    if (kind === FeedbackKind.Keyframe) return void this.#keyframes.ask(ssrc, now)
    const mapping = this.#routes.mappingOf(owner.id)
    const missing = this.#nackResponder.answer(view, offset, length, owner, mapping, ssrc, now)
    if (missing > 0) this.#nackGenerator.missedBy(ssrc, this.#nackResponder.missing, missing, now)
  }

  /** The row of what a peer calls one of its SSRCs. */
  #rowOf(owner: Peer, ssrc: number): number {
    const webrtcPeer = owner.isWebrtc ? this.#webrtcPeers.get(owner.id) : undefined
    if (webrtcPeer === undefined) return this.#routes.row(ssrc)
    const known = webrtcPeer.toNode.get(ssrc)
    return known === undefined ? -1 : this.#routes.row(known)
  }
}
