// Hot: forwards opened packets along their routes. It looks routes up and decides nothing.
//
//   client numbering → node numbering → checks (route, codec, seal) → receivers' numbers → copies
//                       └ retransmission: restored, forwarded if the lane missed the packet
import {
  extensionLength,
  extensionPlace,
  findExtension,
  isRtxType,
  RTP_PAYLOAD_TYPE,
  RTP_SEQUENCE,
  RTP_TIMESTAMP,
  rtpHeaderLength,
  rtxTypeOf,
  VideoPayload,
} from '@parley/protocol'
import { type Batch, SLOT } from '../lane/batch.ts'
import type { LaneEvent } from '../lane/commands.ts'
import type { Forwarder } from './forward/forwarder.ts'
import { isSilence, looksSealed } from './forward/sealed-frame.ts'
import type { Talkspurts } from './forward/talkspurts.ts'
import { prepareAudio, silencePacket, trimPacket } from './forward/trim-packet.ts'
import { Drop, type LaneStats } from './lane-stats.ts'
import type { NackGenerator } from './loss/nack-generator.ts'
import type { NackResponder } from './loss/nack-responder.ts'
import type { OutgoingNumbers } from './numbers/outgoing-numbers.ts'
import type { SenderReports } from './rtcp/sender-reports.ts'
import type { LayeredSources } from './streams/layered-sources.ts'
import type { ReceiveStream } from './streams/receive-stream.ts'
import type { RouteTable } from './streams/route-table.ts'
import { isKnownType, type RtpMapping } from './streams/rtp-mapping.ts'

const sequenceOf = ({ view }: Batch, slot: number): number => view.getUint16(slot * SLOT + RTP_SEQUENCE)

/** Sequence and timestamp as receivers get them. */
function writeNumbers({ view }: Batch, slot: number, numbers: OutgoingNumbers): void {
  const offset = slot * SLOT
  view.setUint16(offset + RTP_SEQUENCE, numbers.toOutgoing(view.getUint16(offset + RTP_SEQUENCE)))
  view.setInt32(offset + RTP_TIMESTAMP, view.getInt32(offset + RTP_TIMESTAMP) + numbers.timestampOffset)
}

/** Results of `Egress.#admit` for a packet that was dropped. The second arrived in order: it is not requested again. */
const DROPPED = -1
const OVER_BITRATE = -2

/** DAVE seals every frame but silence. */
const mayBeSealed = (batch: Batch, slot: number, header: number): boolean =>
  looksSealed(batch, slot, header) || isSilence(batch, slot, header)

export interface EgressParts {
  readonly routes: RouteTable
  readonly forwarder: Forwarder
  readonly nackResponder: NackResponder
  readonly nackGenerator: NackGenerator
  readonly senderReports: SenderReports
  readonly talkspurts: Talkspurts
  readonly sources: LayeredSources
  readonly laneStats: LaneStats
  /** Where events are pushed. */
  readonly events: LaneEvent[]
}

/** One method per kind of sender; each does for a packet all that follows its decryption. Per packet: no allocation, no throw. */
export class Egress {
  readonly #routes: RouteTable
  readonly #forwarder: Forwarder
  readonly #nackResponder: NackResponder
  readonly #nackGenerator: NackGenerator
  readonly #senderReports: SenderReports
  readonly #talkspurts: Talkspurts
  readonly #sources: LayeredSources
  /** What was read of the last packet of video. */
  readonly #payload = new VideoPayload()
  readonly #laneStats: LaneStats
  readonly #events: LaneEvent[]
  /** How many peers the packet goes to, its sender not counted. */
  #receivers = 0

  constructor(parts: EgressParts) {
    this.#routes = parts.routes
    this.#forwarder = parts.forwarder
    this.#nackResponder = parts.nackResponder
    this.#nackGenerator = parts.nackGenerator
    this.#senderReports = parts.senderReports
    this.#talkspurts = parts.talkspurts
    this.#sources = parts.sources
    this.#laneStats = parts.laneStats
    this.#events = parts.events
  }

  /** A packet of a client over UDP: audio, or video of a client that has no RTP mapping. */
  deliver(batch: Batch, slot: number, stream: ReceiveStream, now: number): void {
    const header = this.#admit(batch, slot, stream, now)
    if (header < 0 || !this.#number(batch, slot, stream, now)) return
    if (stream.isAudio || this.#keep(batch, slot, stream, header)) this.#forward(batch, slot, stream, header, now)
  }

  /** Video or RTX in client numbering, but for the SSRC. `retransmits`: the client answers NACKs whatever it announced. */
  deliverVideo(
    batch: Batch,
    slot: number,
    stream: ReceiveStream,
    mapping: RtpMapping,
    retransmits: boolean,
    now: number,
  ): void {
    if (mapping.dependencyDescriptor !== 0) this.#readDependencies(batch, slot, stream, mapping)
    const mapped = this.#forwarder.toNodeMapping(batch, slot, mapping)
    if (mapped < 0) return this.#laneStats.drop(Drop.malformed)
    const type = batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE
    if (isRtxType(type)) return this.#repair(batch, slot, stream, mapped, now)
    // `Ingress` lets those pass that are missing.
    if (stream.reception.replay.isOlder(sequenceOf(batch, slot)))
      return this.#repairReturned(batch, slot, stream, mapped, now)
    const header = this.#admit(batch, slot, stream, now)
    const sequence = sequenceOf(batch, slot)
    const isFollowed = retransmits || isKnownType(mapping.outgoing[rtxTypeOf(type)]!)
    if (header === OVER_BITRATE && isFollowed) this.#nackGenerator.arrived(stream, sequence, now)
    if (header < 0 || !this.#number(batch, slot, stream, now) || !this.#keep(batch, slot, stream, header)) return
    if (isFollowed) this.#nackGenerator.arrived(stream, sequence, now)
    this.#forward(batch, slot, stream, header, now)
  }

  /** Audio of a WebRTC client, in client numbering but for the SSRC. */
  deliverWebrtcAudio(batch: Batch, slot: number, stream: ReceiveStream, mapping: RtpMapping, now: number): void {
    const mapped = this.#forwarder.toNodeMapping(batch, slot, mapping)
    if (mapped < 0) return this.#laneStats.drop(Drop.malformed)
    // WebRTC clients probe the bandwidth with padding.
    if (batch.lengths[slot]! <= mapped) return stream.numbers.leaveOut(sequenceOf(batch, slot))
    const header = this.#admit(batch, slot, stream, now)
    if (header < 0) return
    this.#talkspurts.arrived(batch, slot, stream, now)
    if (this.#number(batch, slot, stream, now)) this.#forward(batch, slot, stream, header, now)
  }

  /** A packet of another lane, in node numbering. A retransmission that the other lane obtained is as late here as there. */
  deliverCrossed(batch: Batch, slot: number, stream: ReceiveStream, now: number): void {
    const header = this.#admit(batch, slot, stream, now)
    if (header < 0) return
    if (!stream.isAudio && stream.numbers.isLate(sequenceOf(batch, slot), now))
      return this.#sendReturned(batch, slot, stream, header, now)
    if (!this.#number(batch, slot, stream, now)) return
    if (stream.isAudio || this.#keep(batch, slot, stream, header)) this.#forward(batch, slot, stream, header, now)
  }

  /** A retransmission may carry the structure that later frames refer to. */
  #readDependencies({ bytes, view, lengths }: Batch, slot: number, stream: ReceiveStream, mapping: RtpMapping): void {
    const offset = slot * SLOT
    const type = mapping.incoming[bytes[offset + 1]! & RTP_PAYLOAD_TYPE]!
    const video = isRtxType(type) ? this.#routes.stream(stream.ssrc - 1) : stream
    const header = rtpHeaderLength(view, offset, lengths[slot]!)
    if (video === undefined || header < 0) return
    video.dependencies = undefined
    const found = findExtension(view, offset, header, mapping.dependencyDescriptor)
    if (found < 0) return
    const { descriptor } = video
    if (descriptor.parse(view, extensionPlace(found), extensionLength(found))) video.dependencies = descriptor
  }

  /** Prepares the packet for its receivers, or drops it. Returns the length of its header; a negative number if it was dropped. */
  #admit(batch: Batch, slot: number, stream: ReceiveStream, now: number): number {
    const header = trimPacket(batch, slot)
    const list = stream.targets
    if (header < 0) return this.#drop(Drop.malformed)
    if (list === undefined) return this.#drop(Drop.noRoute)
    // Before its layer is measured, and viewers change to it at its keyframe.
    if (this.#isOverBitrate(batch, slot, stream, now)) {
      this.#laneStats.drop(Drop.overBitrate)
      return OVER_BITRATE
    }
    if (!stream.isAudio) this.#watch(batch, slot, stream, header, now)
    else if (!prepareAudio(batch, slot, header)) return this.#drop(Drop.malformed)
    if (stream.silenceLeft !== 0) {
      if (!this.#silence(batch, slot, stream, header, now)) return this.#drop(Drop.noRoute)
    } else {
      if (stream.isSealedOnly && !mayBeSealed(batch, slot, header)) return this.#drop(Drop.unsealed)
      if (!stream.isAnnounced) this.#announce(stream)
    }
    this.#receivers = list.has(stream.owner.id) ? list.count - 1 : list.count
    return this.#receivers === 0 && stream.lanes === undefined ? this.#drop(Drop.noRoute) : header
  }

  /** Measures a packet of video. If it begins a keyframe, viewers that wait for one of its layer are sent the layer from now on. */
  #watch({ bytes, view, lengths }: Batch, slot: number, stream: ReceiveStream, header: number, now: number): void {
    const { layer } = stream
    if (layer === undefined) return
    const offset = slot * SLOT
    const type = bytes[offset + 1]! & RTP_PAYLOAD_TYPE
    this.#payload.parse(view, offset + header, lengths[slot]! - header, type, stream.dependencies)
    const temporal = this.#payload.descriptor?.temporal ?? 0
    if (layer.arrived(type, temporal, lengths[slot]!, now)) this.#sources.layerChanged(stream, now)
    if (layer.waiting > 0 && this.#payload.isKeyframe) this.#sources.keyframe(stream, now)
  }

  /** Sends the copies, and counts receivers that have no address. */
  #forward(batch: Batch, slot: number, stream: ReceiveStream, header: number, now: number): void {
    const list = stream.targets!
    const queued = this.#forwarder.forward(batch, slot, stream, stream.owner.id, header, now)
    if (queued < this.#receivers) this.#laneStats.drop(Drop.noAddress, this.#receivers - queued)
    if (stream.silenceLeft !== 0) this.#routes.spendSilence(stream)
    this.#senderReports.forwarded(list, now)
  }

  /** Writes the numbers that receivers get. Returns false if the packet was dropped: its number may be taken. */
  #number(batch: Batch, slot: number, { numbers }: ReceiveStream, now: number): boolean {
    const offset = slot * SLOT
    const sequence = batch.view.getUint16(offset + RTP_SEQUENCE)
    const timestamp = batch.view.getInt32(offset + RTP_TIMESTAMP)
    if (!numbers.place(sequence, timestamp, now)) {
      this.#laneStats.drop(Drop.replayed)
      return false
    }
    writeNumbers(batch, slot, numbers)
    return true
  }

  /** Keeps a packet of video for retransmission. Returns false if it was dropped: it is kept already. */
  #keep(batch: Batch, slot: number, stream: ReceiveStream, header: number): boolean {
    if (this.#nackResponder.keep(batch, slot, stream, header)) return true
    this.#laneStats.drop(Drop.replayed)
    return false
  }

  /** A retransmission of the sender. If the lane missed the packet, so did every receiver. */
  #repair(batch: Batch, slot: number, rtx: ReceiveStream, header: number, now: number): void {
    const stream = this.#routes.stream(rtx.ssrc - 1)
    if (stream?.owner !== rtx.owner) return this.#laneStats.drop(Drop.foreignSsrc)
    const sequence = this.#nackResponder.restore(batch, slot, stream, header)
    if (sequence < 0 || !this.#nackResponder.keepLate(batch, slot, stream, header)) return
    if (stream.targets === undefined || !this.#nackGenerator.repaired(stream, sequence, now)) return
    if (this.#isOverBitrate(batch, slot, stream, now)) return this.#laneStats.drop(Drop.overBitrate)
    this.#sendRepaired(batch, slot, stream, header, now)
  }

  /** A retransmission of a sender without RTX: the packet as it was, on the SSRC of the video. */
  #repairReturned(batch: Batch, slot: number, stream: ReceiveStream, header: number, now: number): void {
    // Whatever becomes of it, it is not requested again.
    this.#nackGenerator.repaired(stream, sequenceOf(batch, slot), now)
    if (stream.targets === undefined) return this.#laneStats.drop(Drop.noRoute)
    if (this.#isOverBitrate(batch, slot, stream, now)) return this.#laneStats.drop(Drop.overBitrate)
    this.#sendReturned(batch, slot, stream, header, now)
  }

  /** Numbers, keeps and sends such a packet, or one that another lane obtained: it crosses on the SSRC of the video, too. */
  #sendReturned(batch: Batch, slot: number, stream: ReceiveStream, header: number, now: number): void {
    const { numbers } = stream
    const sequence = sequenceOf(batch, slot)
    if (numbers.isAhead(sequence) || numbers.isBeforeChange(sequence)) return this.#laneStats.drop(Drop.replayed)
    writeNumbers(batch, slot, numbers)
    if (this.#nackResponder.keepLate(batch, slot, stream, header)) this.#sendRepaired(batch, slot, stream, header, now)
  }

  /** Sends a packet that all receivers miss: as a retransmission if too many newer ones were sent since. */
  #sendRepaired(batch: Batch, slot: number, stream: ReceiveStream, header: number, now: number): void {
    if (!this.#nackResponder.isLate(batch, slot, stream))
      return void this.#forwarder.forward(batch, slot, stream, stream.owner.id, header, now)
    this.#forwarder.cross(batch, slot, stream, now)
    this.#nackResponder.sendLate(batch, slot, stream)
  }

  /** Replaces the payload by silence. Returns false, and ends the route, once the time for that is over. */
  #silence(batch: Batch, slot: number, stream: ReceiveStream, header: number, now: number): boolean {
    if (now > stream.silenceUntil) {
      this.#routes.endRoute(stream)
      return false
    }
    silencePacket(batch, slot, header)
    return true
  }

  /** Notifies control of the first packet: the other members must know the SSRC, whether or not op 5 was sent. */
  #announce(stream: ReceiveStream): void {
    stream.isAnnounced = true
    if (stream.owner.lane !== undefined) return
    this.#events.push({ kind: 'firstPacket', peer: stream.owner.id, ssrc: stream.ssrc })
  }

  /** Whether the sender, or its channel, has sent too much. Otherwise the packet is spent. */
  #isOverBitrate({ lengths }: Batch, slot: number, { owner, isAudio }: ReceiveStream, now: number): boolean {
    return owner.bitrate !== undefined && !owner.bitrate.admits(lengths[slot]!, isAudio, now)
  }

  /** For methods that return a length, or a negative number for a dropped packet. */
  #drop(cause: number): typeof DROPPED {
    this.#laneStats.drop(cause)
    return DROPPED
  }
}
