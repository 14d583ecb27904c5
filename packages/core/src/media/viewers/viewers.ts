// The viewers of a lane: peers that are sent video, or that report about it. Each has an estimate of its bandwidth, which is divided
// among its sources; a viewer on a weak link changes nothing for others.
import {
  blockFractionLost,
  blockHighestSequence,
  blockSsrc,
  isTransportFeedback,
  REPORT_BLOCK_LENGTH,
  readRemb,
  readTransportFeedback,
  reportBlocksOffset,
  rtcpCount,
  TransportReport,
} from '@parley/protocol'
import type { PeerId } from '../../lane/commands.ts'
import type { PacketIo } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import type { Peer, Peers } from '../address/peers.ts'
import { Drop, type LaneStats } from '../lane-stats.ts'
import type { LayerChoice } from '../layers/layer-choice.ts'
import type { NackResponder } from '../loss/nack-responder.ts'
import type { LayeredSources } from '../streams/layered-sources.ts'
import type { ReceiveStream } from '../streams/receive-stream.ts'
import type { RouteTable } from '../streams/route-table.ts'
import type { SendStreams } from '../streams/send-streams.ts'
import { Padding, paddingPacket } from './padding.ts'
import type { SenderAudio } from './share.ts'
import { sequenceOf, ssrcOf, Viewer, type ViewerHost } from './viewer.ts'

export interface ViewersParts {
  readonly io: PacketIo
  readonly peers: Peers
  readonly routes: RouteTable
  readonly sources: LayeredSources
  readonly sendStreams: SendStreams
  readonly nackResponder: NackResponder
  readonly laneStats: LaneStats
}

export class Viewers implements ViewerHost {
  readonly #parts: ViewersParts
  readonly #padding: Padding
  /** Those of all peers that are stamped, or have reported. */
  readonly #viewers = new Map<PeerId, Viewer>()
  /** Viewers that are sent video. */
  readonly #active = new Set<Viewer>()
  /** Viewers to which a probe is being sent, and those for which packets wait. */
  readonly #probing = new Set<Viewer>()
  readonly #waiting = new Set<Viewer>()
  readonly #report = new TransportReport()
  /** When all viewers are looked at next. */
  #sweepAt = Infinity
  now = 0

  constructor(parts: ViewersParts) {
    this.#parts = parts
    this.#padding = new Padding(parts.io)
  }

  get size(): number {
    return this.#active.size
  }

  /** When `tick` has something to do. */
  get deadline(): number {
    let deadline = this.#sweepAt
    if (this.#probing.size > 0) for (const viewer of this.#probing) deadline = Math.min(deadline, viewer.paddingAt)
    if (this.#waiting.size > 0) for (const viewer of this.#waiting) deadline = Math.min(deadline, viewer.packetAt)
    return deadline
  }

  choicesOf(viewer: PeerId): Iterable<LayerChoice> {
    return this.#parts.sources.choicesOf(viewer)
  }

  audioOf(peer: PeerId): SenderAudio | undefined {
    const sender = this.#parts.peers.get(peer)
    return sender === undefined ? undefined : this.#streamOf(sender.ssrcs[0]!)?.received
  }

  /** Bits per second for video to the peer; Infinity while nothing limits it. */
  estimateOf(peer: PeerId): number {
    return this.#viewers.get(peer)?.estimate ?? Infinity
  }

  /** Video to the peer is stamped. */
  isStamped(peer: PeerId): boolean {
    const viewer = this.#viewers.get(peer)
    return viewer !== undefined && viewer.peer.meter === viewer
  }

  /** The peer is a WebRTC client with transport-wide feedback: its video is stamped. */
  add(peer: Peer): void {
    this.remove(peer)
    const viewer = new Viewer(peer, this)
    this.#viewers.set(peer.id, viewer)
    peer.meter = viewer
  }

  waits(viewer: Viewer): void {
    this.#waiting.add(viewer)
  }

  dropped(): void {
    this.#parts.laneStats.drop(Drop.paced)
  }

  begin(viewer: Viewer): void {
    this.#active.add(viewer)
    this.#sweepAt = Math.min(this.#sweepAt, this.now)
  }

  /** The peer was removed, or has another transport or key. */
  remove(peer: Peer): void {
    const viewer = this.#viewers.get(peer.id)
    peer.meter = undefined
    if (viewer === undefined) return
    this.#viewers.delete(peer.id)
    this.#active.delete(viewer)
    this.#probing.delete(viewer)
    this.#waiting.delete(viewer)
    if (this.#active.size === 0) this.#sweepAt = Infinity
  }

  /** The sources or wants of the peer changed. */
  changed(peer: PeerId, now: number): void {
    const viewer = this.#viewers.get(peer)
    if (viewer === undefined) return
    if (this.isStamped(peer)) viewer.begin()
    if (!this.#active.has(viewer)) return
    viewer.changed()
    this.#sweepAt = Math.min(this.#sweepAt, now)
  }

  /** Reads a packet of a compound, if it is about bandwidth. Per packet: allocates only for the first of a peer. */
  rtcp(view: DataView, offset: number, length: number, peer: Peer, now: number): void {
    if (isTransportFeedback(view, offset, length)) return this.#feedback(view, offset, length, peer, now)
    const remb = readRemb(view, offset, length)
    if (remb >= 0) return this.#open(peer).remb(remb, now)
    const blocks = reportBlocksOffset(view, offset, length)
    if (blocks >= 0) this.#blocks(view, blocks, rtcpCount(view, offset), peer, now)
  }

  /** Sends padding of probes, and looks at every viewer `LIMITS.viewerInterval` after the last time. */
  tick(now: number): void {
    this.now = now
    if (this.#waiting.size > 0) for (const viewer of this.#waiting) this.#sendWaiting(viewer, now)
    if (this.#probing.size > 0) for (const viewer of this.#probing) this.#pad(viewer)
    if (now < this.#sweepAt) return
    this.#sweepAt = now + LIMITS.viewerInterval
    for (const viewer of this.#active) {
      viewer.tick(now)
      if (viewer.isProbing) this.#probing.add(viewer)
    }
  }

  /** The viewer of a peer that reports. */
  #open(peer: Peer): Viewer {
    let viewer = this.#viewers.get(peer.id)
    if (viewer === undefined) {
      viewer = new Viewer(peer, this)
      this.#viewers.set(peer.id, viewer)
    }
    if (!this.#active.has(viewer)) this.begin(viewer)
    return viewer
  }

  #feedback(view: DataView, offset: number, length: number, peer: Peer, now: number): void {
    const viewer = this.#viewers.get(peer.id)
    if (viewer !== undefined && readTransportFeedback(view, offset, length, this.#report))
      this.#sweepAt = Math.min(this.#sweepAt, viewer.feedback(this.#report, now))
  }

  /** Only blocks about video that the peer is sent count. A WebRTC client knows all layers of a source by one SSRC. */
  #blocks(view: DataView, start: number, count: number, peer: Peer, now: number): void {
    let viewer: Viewer | undefined
    for (let index = 0; index < count; index++) {
      const at = start + index * REPORT_BLOCK_LENGTH
      const ssrc = blockSsrc(view, at)
      if (this.#parts.routes.videoTo(peer, ssrc)?.targets?.has(peer.id) !== true) continue
      viewer ??= this.#open(peer)
      viewer.block(ssrc, blockHighestSequence(view, at), blockFractionLost(view, at))
    }
    viewer?.blocksRead(now)
  }

  #streamOf(ssrc: number): ReceiveStream | undefined {
    return this.#parts.routes.stream(ssrc)
  }

  /** Sends the packets whose time to leave has come. */
  #sendWaiting(viewer: Viewer, now: number): void {
    const { nackResponder, routes } = this.#parts
    const mapping = routes.mappingOf(viewer.peer.id)
    for (let packet = viewer.nextPacket(now); packet >= 0; packet = viewer.nextPacket(now)) {
      const stream = this.#streamOf(ssrcOf(packet))
      if (stream !== undefined) nackResponder.sendPlain(stream, sequenceOf(packet), viewer.peer, mapping)
    }
    if (viewer.packetAt === Infinity) this.#waiting.delete(viewer)
  }

  /** Sends the padding that is due. A viewer without a stream that can carry it cannot be probed: no number is spent on it. */
  #pad(viewer: Viewer): void {
    const { sendStreams, routes } = this.#parts
    const mapping = routes.mappingOf(viewer.peer.id)
    const padded = sendStreams.paddedOf(viewer.peer.id, mapping)
    if (padded === undefined) viewer.abandonProbe()
    else {
      const length = paddingPacket(viewer.paddingSize)
      while (viewer.paddingDue > 0) this.#padding.send(padded, length, mapping, viewer.sent(length, true))
    }
    if (!viewer.isProbing) this.#probing.delete(viewer)
  }
}
