// Reads clients' RTCP: sender reports, NACKs and keyframe requests. None of it is forwarded.
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
import { type Batch, SLOT } from '../lane/batch.ts'
import type { Peer } from './address/peers.ts'
import { Drop, type LaneStats } from './lane-stats.ts'
import type { KeyframeRequests } from './loss/keyframe-requests.ts'
import type { NackGenerator } from './loss/nack-generator.ts'
import type { NackResponder } from './loss/nack-responder.ts'
import { ReportedReceptions } from './rtcp/reported-reception.ts'
import type { ReceiveStream } from './streams/receive-stream.ts'
import type { RouteTable } from './streams/route-table.ts'
import type { Viewers } from './viewers/viewers.ts'
import type { WebrtcPeers } from './webrtc/webrtc-peers.ts'

/** Whatever a request or a report of a client can reach on its lane. */
export interface RtcpInputParts {
  readonly routes: RouteTable
  readonly webrtcPeers: WebrtcPeers
  readonly nackResponder: NackResponder
  readonly keyframes: KeyframeRequests
  readonly nackGenerator: NackGenerator
  readonly viewers: Viewers
  readonly laneStats: LaneStats
  /** The wall clock, in milliseconds since 1970, when `now` was 0. */
  readonly timeOrigin: number
}

/** Everything in a compound is a request or a statement of its sender about itself; it is never taken to speak for others. */
export class RtcpInput {
  readonly #routes: RouteTable
  readonly #webrtcPeers: WebrtcPeers
  readonly #nackResponder: NackResponder
  readonly #keyframes: KeyframeRequests
  readonly #nackGenerator: NackGenerator
  readonly #viewers: Viewers
  readonly #laneStats: LaneStats
  readonly #receptions: ReportedReceptions

  constructor(parts: RtcpInputParts) {
    this.#routes = parts.routes
    this.#webrtcPeers = parts.webrtcPeers
    this.#nackResponder = parts.nackResponder
    this.#keyframes = parts.keyframes
    this.#nackGenerator = parts.nackGenerator
    this.#viewers = parts.viewers
    this.#laneStats = parts.laneStats
    this.#receptions = new ReportedReceptions(parts.timeOrigin)
  }

  /** Applies the plain compound in `slot`. Per packet: no allocation. */
  read(batch: Batch, slot: number, owner: Peer, now: number): void {
    const { view } = batch
    const end = slot * SLOT + batch.lengths[slot]!
    for (let offset = slot * SLOT; offset < end; ) {
      const length = rtcpPacketLength(view, offset, end - offset)
      if (length < 0) return this.#laneStats.drop(Drop.malformed)
      if (rtcpPacketType(view, offset) === RtcpType.SenderReport && length >= SENDER_REPORT_LENGTH)
        this.#senderReport(view, offset, owner, now)
      else this.#feedback(view, offset, length, owner, now)
      this.#receptions.read(view, offset, length, owner, now)
      this.#viewers.rtcp(view, offset, length, owner, now)
      offset += length
    }
  }

  /** A report about another peer's stream is ignored. Its times feed LSR of receiver reports, and the media clock. */
  #senderReport(view: DataView, offset: number, owner: Peer, now: number): void {
    const stream = this.#streamOf(owner, view.getInt32(offset + RTCP_SENDER_SSRC))
    if (stream?.owner !== owner) return
    const { stats, clock } = stream.reception
    stats.senderReported(senderReportMiddle(view, offset), now)
    clock.reported(owner, senderReportTime(view, offset), senderReportTimestamp(view, offset), now)
  }

  /** Only a receiver of a stream may request something of it. */
  #feedback(view: DataView, offset: number, length: number, owner: Peer, now: number): void {
    const kind = feedbackKind(view, offset, length)
    if (kind === FeedbackKind.Other) return
    const stream = this.#routes.videoTo(owner, feedbackSsrc(view, offset))
    if (stream === undefined) return
    if (kind === FeedbackKind.Keyframe) return void this.#keyframes.request(stream, now)
    const mapping = this.#routes.mappingOf(owner.id)
    const missing = this.#nackResponder.answer(view, offset, length, owner, stream, mapping, now)
    if (missing > 0) this.#nackGenerator.missedBy(stream, this.#nackResponder.missing, missing, now)
  }

  /** The stream that its sender knows by this SSRC. */
  #streamOf(owner: Peer, ssrc: number): ReceiveStream | undefined {
    const webrtcPeer = this.#webrtcPeers.get(owner.id)
    return webrtcPeer === undefined ? this.#routes.stream(ssrc) : webrtcPeer.streams.get(ssrc)
  }
}
