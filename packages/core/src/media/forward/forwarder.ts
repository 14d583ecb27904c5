// Hot: hands a packet to the engine in the numbering of each group of its targets.
import { RTP_PAYLOAD_TYPE, RTP_SEQUENCE } from '@parley/protocol'
import { type Batch, SLOT } from '../../lane/batch.ts'
import type { PeerId } from '../../lane/commands.ts'
import { HEADER_WORDS, type PacketIo } from '../../lane/packet-io.ts'
import type { Peer } from '../address/peers.ts'
import { Drop, type LaneStats } from '../lane-stats.ts'
import type { ReceiveStream } from '../streams/receive-stream.ts'
import { DISCORD_MAPPING, isKnownType, type RtpMapping } from '../streams/rtp-mapping.ts'
import type { SendStreams } from '../streams/send-streams.ts'
import type { TargetGroup } from '../streams/target-list.ts'
import { HEADER_BYTES, LayerForwarder } from './layer-forwarder.ts'
import { Rewriter, STAMP } from './rewriter.ts'
import { RingOutputs } from './ring-outputs.ts'
import { looksSealed } from './sealed-frame.ts'
import { trimPacket } from './trim-packet.ts'

/** Rewrites a packet once per RTP mapping, and leaves its payload as it is: what leaves is byte for byte what arrived. */
export class Forwarder {
  readonly #io: PacketIo
  readonly #sendStreams: SendStreams
  readonly #laneStats: LaneStats
  /** To other lanes. */
  readonly outputs: RingOutputs
  readonly #rewriter = new Rewriter()
  readonly #layers: LayerForwarder
  readonly #target = new Int32Array(1)
  /** The first words of each target's copy. */
  #headers = new Int32Array(0)
  /** Over the same words: headers are big-endian. */
  #headersView = new DataView(this.#headers.buffer)

  constructor(io: PacketIo, sendStreams: SendStreams, laneStats: LaneStats) {
    this.#io = io
    this.#sendStreams = sendStreams
    this.#laneStats = laneStats
    this.outputs = new RingOutputs(laneStats)
    this.#layers = new LayerForwarder(io, sendStreams)
  }

  /**
   * Turns a packet from client to node numbering, without padding and CSRCs. Returns the length of its header; −1 if it is
   * malformed or has a payload type that the client did not announce.
   */
  toNodeMapping(batch: Batch, slot: number, from: RtpMapping): number {
    const type = from.incoming[batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE]!
    const header = isKnownType(type) ? trimPacket(batch, slot) : -1
    if (header < 0) return -1
    this.#rewriter.load(batch, slot, header, from)
    return this.#rewriter.write(batch, slot, DISCORD_MAPPING, type, 0)
  }

  /** Sends a packet of video in node numbering to one peer, if that knows the payload type. Its sequence stays as it is. */
  forwardTo(batch: Batch, slot: number, { id, meter }: Peer, mapping: RtpMapping, header: number): void {
    const type = mapping.outgoing[batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE]!
    if (!isKnownType(type)) return
    this.#rewriter.load(batch, slot, header, DISCORD_MAPPING)
    const stamp = meter === undefined ? 0 : mapping.stamp
    if (this.#rewriter.write(batch, slot, mapping, type, stamp) < 0) return
    if (meter !== undefined) batch.view.setUint16(slot * SLOT + STAMP, meter.sent(batch.lengths[slot]!, false))
    this.#target[0] = id
    this.#io.forward(batch, slot, this.#target, 1, 0)
  }

  /** Hands a packet in node numbering to the other lanes that its stream is routed to. Per packet: no allocation. */
  cross(batch: Batch, slot: number, { lanes }: ReceiveStream, now: number): void {
    if (lanes !== undefined) this.outputs.send(batch, slot, lanes, now)
  }

  /**
   * Sends a packet in node numbering to all targets of its stream except the peer `except`. Clients over Discord's UDP get it as it
   * is; for the others it is rewritten once per mapping. Other lanes get it as it is. Returns how many copies were queued, or withheld because their
   * receivers cannot open them. Per packet: no allocation.
   */
  forward(batch: Batch, slot: number, stream: ReceiveStream, except: PeerId, header: number, now: number): number {
    const list = stream.targets
    if (list === undefined) return 0
    // First: their work begins while this lane seals.
    this.cross(batch, slot, stream, now)
    const { groups } = list
    const discord = groups[0]!
    let queued = this.#io.forward(batch, slot, discord.peers, discord.count, except)
    if (groups.length === 1) return queued
    const isSealed = list.refusing > 0 && looksSealed(batch, slot, header)
    const type = batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE
    let isRewritten = false
    let length = header
    this.#rewriter.load(batch, slot, header, DISCORD_MAPPING)
    for (let index = 1; index < groups.length; index++) {
      const group = groups[index]!
      const { mapping, refusesSealed, isWebrtc } = group.traits
      const isLayered = isWebrtc && !stream.isAudio
      if (isSealed && refusesSealed) {
        this.#laneStats.drop(Drop.sealed, group.count)
        queued += group.count
        continue
      }
      if (mapping !== DISCORD_MAPPING || isRewritten) {
        const outgoing = mapping === DISCORD_MAPPING ? type : mapping.outgoing[type]!
        const stamp = isLayered ? mapping.stamp : 0
        isRewritten = true
        length = isKnownType(outgoing) ? this.#rewriter.write(batch, slot, mapping, outgoing, stamp) : -1
        if (length < 0) continue
      }
      queued += isLayered
        ? this.#layers.forward(batch, slot, stream, group, length, type, now)
        : this.#forwardGroup(batch, slot, stream, group, except, length, now)
    }
    return queued
  }

  /** Sends a packet in the numbering of the group to it: audio to WebRTC clients, all to others. */
  #forwardGroup(
    batch: Batch,
    slot: number,
    stream: ReceiveStream,
    group: TargetGroup,
    except: PeerId,
    header: number,
    now: number,
  ): number {
    const { peers, count, traits } = group
    if (!traits.isWebrtc) return this.#io.forward(batch, slot, peers, count, except)
    if (this.#headers.length < count * HEADER_WORDS) this.#resizeHeaders(peers.length)
    const octets = batch.lengths[slot]! - header
    for (let index = 0; index < count; index++)
      if (peers[index] !== except) this.#writeHeader(batch, slot, stream, peers[index]!, index, octets, now)
    return this.#io.forward(batch, slot, peers, count, except, this.#headers)
  }

  /** The header of the copy for one receiver: the packet's, with the receiver's sequence. */
  #writeHeader(
    { view }: Batch,
    slot: number,
    stream: ReceiveStream,
    peer: PeerId,
    index: number,
    octets: number,
    now: number,
  ): void {
    const offset = slot * SLOT
    const sequence = view.getUint16(offset + RTP_SEQUENCE)
    const sendStream = this.#sendStreams.forPacket(stream, peer, sequence)
    const at = index * HEADER_BYTES
    for (let byte = 0; byte < HEADER_BYTES; byte += 4)
      this.#headersView.setInt32(at + byte, view.getInt32(offset + byte))
    if (sendStream === undefined) return
    sendStream.packets++
    sendStream.octets += octets
    this.#headersView.setUint16(at + RTP_SEQUENCE, sendStream.next(sequence, now))
  }

  /** Room for the headers of a group: grows with the largest group, and never shrinks. */
  #resizeHeaders(targets: number): void {
    this.#headers = new Int32Array(targets * HEADER_WORDS)
    this.#headersView = new DataView(this.#headers.buffer)
  }
}
