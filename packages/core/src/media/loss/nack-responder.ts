// Retransmissions: keeps the last packets of each video stream and answers NACKs with them, on the RTX SSRC (RFC 4588 §4).
//
//   RTX packet: the header but for payload type, sequence and SSRC     u16 original sequence     the payload
import {
  nackBits,
  nackEntries,
  nackSequence,
  primaryTypeOf,
  RTP_PAYLOAD_TYPE,
  RTP_SEQUENCE,
  RTP_SSRC,
  RTP_TIMESTAMP,
  rtxTypeOf,
  VideoPayload,
} from '@parley/protocol'
import { type Batch, createBatch, SLOT } from '../../lane/batch.ts'
import { LIMITS } from '../../limits.ts'
import { AddressRates } from '../address/address-rates.ts'
import type { Peer, Peers } from '../address/peers.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import type { ReceiveStream } from '../streams/receive-stream.ts'
import type { RouteTable } from '../streams/route-table.ts'
import { isKnownType, type RtpMapping } from '../streams/rtp-mapping.ts'
import type { SendStream } from '../streams/send-stream.ts'
import type { SendStreams } from '../streams/send-streams.ts'
import { PacketCache } from './packet-cache.ts'
import { PacketPool } from './packet-pool.ts'

/** Bytes of the original sequence. */
const ORIGINAL_SEQUENCE = 2
/** A packet with fewer newer ones is forwarded on its own SSRC: every receiver still has its place (SRTP window included). */
const REORDERED = LIMITS.replayWindow / 2
/**
 * A receiver without RTX is sent a packet on its own SSRC with fewer newer ones than this. The replay window of an SRTP receiver covers
 * 64 packets at least (RFC 3711 §3.3.2; 64 in libre, 1,024 in libwebrtc), and the node seals no index that is older. The encryption of
 * Discord's UDP has no window, but a receiver that checks sequences as RFC 3550 §A.1 does takes two packets that are more than 100
 * late for a sender that starts over.
 */
const IN_EVERY_WINDOW = LIMITS.replayWindow

export interface NackResponderParts {
  readonly peers: Peers
  readonly forwarder: Forwarder
  readonly sendStreams: SendStreams
  readonly routes: RouteTable
}

/**
 * Every receiver is served from one cache per stream. A sender is asked only for what the lane itself misses: WebRTC clients drop
 * acknowledged packets from their history, and would not answer a forwarded NACK.
 */
export class NackResponder {
  readonly #peers: Peers
  readonly #forwarder: Forwarder
  readonly #sendStreams: SendStreams
  readonly #routes: RouteTable
  readonly #caches = new Map<ReceiveStream, PacketCache>()
  readonly #pool = new PacketPool()
  readonly #rates = new AddressRates({ perSecond: LIMITS.retransmissionsPerSecond, blockFor: 0, ignoresPort: false })
  /** The RTX packet. */
  readonly #batch = createBatch(1)
  readonly #payload = new VideoPayload()
  /** The sender's sequences of what the last `answer` did not find. */
  readonly missing = new Int32Array(LIMITS.nackedPackets)

  constructor({ peers, forwarder, sendStreams, routes }: NackResponderParts) {
    this.#routes = routes
    this.#peers = peers
    this.#forwarder = forwarder
    this.#sendStreams = sendStreams
  }

  get size(): number {
    return this.#caches.size
  }

  /** The video has ended, or another source feeds the stream. */
  forget(stream: ReceiveStream): void {
    this.#caches.get(stream)?.close()
    this.#caches.delete(stream)
  }

  /** Keeps the plain packet in `slot`, in node numbering. Returns false if it is kept already. Per packet: no allocation. */
  keep(batch: Batch, slot: number, stream: ReceiveStream, header: number): boolean {
    const cache = this.#caches.get(stream) ?? this.#open(stream)
    const sequence = batch.view.getUint16(slot * SLOT + RTP_SEQUENCE)
    return cache.store(sequence, batch.words, slot, batch.lengths[slot]!, header)
  }

  /**
   * Restores the packet that an RTX packet in `slot` carries, in node numbering. Returns the sender's sequence of it; −1 if there
   * is no such packet, or its number may be taken by another one. Per packet: no allocation.
   */
  restore(batch: Batch, slot: number, { ssrc, numbers }: ReceiveStream, header: number): number {
    const { bytes, view, lengths } = batch
    const offset = slot * SLOT
    // WebRTC clients probe the bandwidth with RTX packets that have no payload behind the sequence.
    if (lengths[slot]! - header <= ORIGINAL_SEQUENCE) return -1
    const sequence = view.getUint16(offset + header)
    if (numbers.isAhead(sequence) || numbers.isBeforeChange(sequence)) return -1
    view.setUint16(offset + RTP_SEQUENCE, numbers.toOutgoing(sequence))
    view.setInt32(offset + RTP_TIMESTAMP, view.getInt32(offset + RTP_TIMESTAMP) + numbers.timestampOffset)
    view.setUint32(offset + RTP_SSRC, ssrc)
    const type = bytes[offset + 1]! & RTP_PAYLOAD_TYPE
    bytes[offset + 1] = (bytes[offset + 1]! & ~RTP_PAYLOAD_TYPE) | primaryTypeOf(type)
    bytes.copyWithin(offset + header, offset + header + ORIGINAL_SEQUENCE, offset + lengths[slot]!)
    lengths[slot] = lengths[slot]! - ORIGINAL_SEQUENCE
    return sequence
  }

  /** Keeps a restored packet. Returns false if it is kept already, or too old. Per packet: no allocation. */
  keepLate(batch: Batch, slot: number, stream: ReceiveStream, header: number): boolean {
    const sequence = batch.view.getUint16(slot * SLOT + RTP_SEQUENCE)
    const cache = this.#caches.get(stream)
    return cache?.storeLate(sequence, batch.words, slot, batch.lengths[slot]!, header) === true
  }

  /** Whether too many newer packets were forwarded for the one in `slot` to be forwarded on its own SSRC. */
  isLate(batch: Batch, slot: number, stream: ReceiveStream): boolean {
    return this.#caches.get(stream)!.behind(batch.view.getUint16(slot * SLOT + RTP_SEQUENCE)) >= REORDERED
  }

  /** Sends a kept packet to all targets of its stream: as an RTX packet, or as it is where the receiver has no RTX. */
  sendLate(batch: Batch, slot: number, stream: ReceiveStream): void {
    const cache = this.#caches.get(stream)!
    const sequence = batch.view.getUint16(slot * SLOT + RTP_SEQUENCE)
    const rtxType = rtxTypeOf(batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE)
    const isInWindow = cache.behind(sequence) < IN_EVERY_WINDOW
    for (const { traits, peers, count } of stream.targets?.groups ?? []) {
      const hasRtx = isKnownType(traits.mapping.outgoing[rtxType]!)
      if (traits.refusesSealed || !(hasRtx || isInWindow)) continue
      for (let index = 0; index < count; index++) {
        const to = this.#peers.get(peers[index]!)
        if (to === undefined || to === stream.owner) continue
        if (!hasRtx) this.sendPlain(stream, sequence, to, traits.mapping)
        else this.#sendRtx(cache, stream, sequence, to, traits.mapping)
      }
    }
  }

  #sendRtx(cache: PacketCache, stream: ReceiveStream, sequence: number, to: Peer, mapping: RtpMapping): void {
    const sendStream = this.#sendStreams.forRetransmission(stream, to)
    if (sendStream !== undefined) this.#retransmit(cache, stream, sequence, sendStream, mapping)
  }

  /**
   * Answers the NACK of `length` bytes at `offset` of `view` from the cache. Returns the number of requested packets that are not
   * there; the sender's sequences of those are in `missing`.
   */
  answer(
    view: DataView,
    offset: number,
    length: number,
    to: Peer,
    stream: ReceiveStream,
    mapping: RtpMapping,
    now: number,
  ): number {
    const cache = this.#caches.get(stream)
    const sendStream = this.#sendStreams.forRetransmission(stream, to)
    if (cache === undefined || sendStream === undefined) return 0
    let missing = 0
    for (let entry = 0; entry < nackEntries(length); entry++) {
      const start = nackSequence(view, offset, entry)
      const bits = (nackBits(view, offset, entry) << 1) | 1
      for (let bit = 0; bit <= 16; bit++) {
        if (((bits >> bit) & 1) === 0) continue
        if (!this.#rates.count(to.address, 0, now)) return missing
        const sequence = this.#answerOne(stream, (start + bit) & 0xffff, sendStream, mapping)
        if (sequence >= 0 && missing < this.missing.length) this.missing[missing++] = sequence
      }
    }
    return missing
  }

  #open(stream: ReceiveStream): PacketCache {
    const cache = new PacketCache(this.#pool, stream.owner.backend)
    this.#caches.set(stream, cache)
    return cache
  }

  /** Returns the sender's sequence of the packet if it is a packet of `stream`, and not kept; otherwise −1. */
  #answerOne(stream: ReceiveStream, number: number, sendStream: SendStream, mapping: RtpMapping): number {
    const { layers } = sendStream
    const age = layers === undefined ? 0 : layers.find(number)
    if (age < 0) return -1
    const source = layers === undefined ? stream : this.#routes.stream(layers.ssrcOf(age))
    const cache = source === undefined ? undefined : this.#caches.get(source)
    if (source === undefined || cache === undefined) return -1
    const sequence = layers === undefined ? sendStream.toStream(number) : layers.toStream(age, number)
    if (sequence < 0) return -1
    const isKept = this.#retransmit(cache, source, sequence, sendStream, mapping)
    return isKept || source !== stream ? -1 : source.numbers.toSender(sequence)
  }

  /** Returns false if the packet is not in the cache. */
  #retransmit(
    cache: PacketCache,
    stream: ReceiveStream,
    sequence: number,
    sendStream: SendStream,
    mapping: RtpMapping,
  ): boolean {
    const { bytes, view, words, lengths } = this.#batch
    const length = cache.load(sequence, words)
    if (length === 0) return false
    const header = cache.headerOf(sequence)
    if (length + ORIGINAL_SEQUENCE > SLOT) return true
    const number = this.#renumber(stream, sequence, sendStream, header, length)
    if (number < 0) return true
    bytes.copyWithin(header + ORIGINAL_SEQUENCE, header, length)
    view.setUint16(header, number)
    view.setUint16(RTP_SEQUENCE, sendStream.rtxSequence)
    view.setUint32(RTP_SSRC, (sendStream.layers === undefined ? stream : stream.sendAs).ssrc + 1)
    bytes[1] = (bytes[1]! & ~RTP_PAYLOAD_TYPE) | rtxTypeOf(bytes[1]! & RTP_PAYLOAD_TYPE)
    lengths[0] = length + ORIGINAL_SEQUENCE
    sendStream.rtxSequence = (sendStream.rtxSequence + 1) & 0xffff
    this.#forwarder.forwardTo(this.#batch, 0, sendStream.receiver, mapping, header)
    return true
  }

  /**
   * Sends a kept packet to a receiver that was not sent it before, on the stream's own SSRC: the pacer has held it, or the lane
   * missed it. Per packet: no allocation.
   */
  sendPlain(stream: ReceiveStream, sequence: number, receiver: Peer, mapping: RtpMapping): void {
    const sendStream = this.#sendStreams.forRetransmission(stream, receiver)
    const cache = this.#caches.get(stream)
    const { view, words, lengths } = this.#batch
    const length = cache?.load(sequence, words) ?? 0
    if (cache === undefined || sendStream === undefined || length === 0) return
    const header = cache.headerOf(sequence)
    const number = this.#renumber(stream, sequence, sendStream, header, length)
    if (number < 0) return
    sendStream.packets++
    sendStream.octets += length - header
    view.setUint16(RTP_SEQUENCE, number)
    view.setUint32(RTP_SSRC, (sendStream.layers === undefined ? stream : stream.sendAs).ssrc)
    lengths[0] = length
    this.#forwarder.forwardTo(this.#batch, 0, receiver, mapping, header)
  }

  /**
   * Gives the loaded packet the timestamp and picture ids that the receiver was sent. Returns the receiver's sequence of it; −1 if
   * the receiver was not sent the layer then.
   */
  #renumber(stream: ReceiveStream, sequence: number, sendStream: SendStream, header: number, length: number): number {
    const { layers } = sendStream
    if (layers === undefined) return sendStream.toReceiver(sequence)
    const age = layers.ageOf(stream, sequence)
    if (age < 0) return -1
    const { bytes, view } = this.#batch
    view.setInt32(RTP_TIMESTAMP, view.getInt32(RTP_TIMESTAMP) + layers.timestampOffset(age))
    if (layers.isRewritten(age, sequence)) {
      this.#payload.parse(view, header, length - header, bytes[1]! & RTP_PAYLOAD_TYPE)
      layers.rewrite(age, sequence, view, this.#payload, 1)
    }
    return layers.toReceiver(stream, sequence)
  }
}
