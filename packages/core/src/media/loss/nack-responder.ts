// Video that was lost: kept for those who ask, and sent again under the rtx SSRC (RFC 4588).
//
//   rtx packet: the same header but for type, sequence and ssrc     u16 the packet's own sequence     its payload
import {
  nackBits,
  nackEntries,
  nackSequence,
  primaryTypeOf,
  RTP_PAYLOAD_TYPE,
  RTP_SEQUENCE,
  RTP_SSRC,
  rtxTypeOf,
} from '@parley/protocol'
import { createBatch } from '../../lane/batch.ts'
import type { PeerId } from '../../lane/commands.ts'
import { type Batch, type PacketIo, SLOT } from '../../lane/packet-io.ts'
import { SlotWords } from '../../lane/slot-words.ts'
import { LIMITS } from '../../limits.ts'
import { AddressRates } from '../address/address-rates.ts'
import type { Peer } from '../address/peers.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import type { TargetList } from '../forward/route-table.ts'
import type { RtpMapping } from '../forward/rtp-mapping.ts'
import { PacketCache } from './packet-cache.ts'

/** What a packet sent again is longer by. */
const ORIGINAL_SEQUENCE = 2
/** Packets that one NACK asked for, and that are not kept. */
const MOST_MISSING = 64
/** A packet is still passed on as it was if less than so many have come after it: then it has its place everywhere. */
const REORDERED = LIMITS.replayWindow / 2

interface VideoSource {
  readonly cache: PacketCache
  /** The next sequence of each receiver's retransmissions. */
  readonly rtxSequences: Map<PeerId, number>
}

export class NackResponder {
  readonly #io: PacketIo
  readonly #forwarder: Forwarder
  /** By the SSRC of the video. */
  readonly #sources = new Map<number, VideoSource>()
  readonly #rates = new AddressRates({ perSecond: LIMITS.retransmissionsPerSecond, blockFor: 0, ignoresPort: false })
  /** One packet to send again, in a batch of its own. */
  readonly #batch = createBatch(1)
  readonly #batchWords = new SlotWords().of(this.#batch)
  /** Of the batches that packets come in. */
  readonly #words = new SlotWords()
  readonly #target = new Int32Array(1)
  /** What the last answer had not. */
  readonly missing = new Int32Array(MOST_MISSING)

  constructor(io: PacketIo, forwarder: Forwarder) {
    this.#io = io
    this.#forwarder = forwarder
  }

  get size(): number {
    return this.#sources.size
  }

  /** Forgets what was kept of a source. */
  forget(ssrc: number): void {
    this.#sources.delete(ssrc)
  }

  /** The peer is sent nothing more. */
  forgetPeer(peer: PeerId): void {
    for (const { rtxSequences } of this.#sources.values()) rtxSequences.delete(peer)
  }

  /** Keeps the plain packet in `slot`, in the node's own form. Returns false if it came before. Per packet: no allocation. */
  keep(batch: Batch, slot: number, ssrc: number, header: number): boolean {
    const source = this.#sources.get(ssrc) ?? this.#open(ssrc)
    const sequence = batch.view.getUint16(slot * SLOT + RTP_SEQUENCE)
    return source.cache.store(sequence, this.#words.of(batch), slot, batch.lengths[slot]!, header)
  }

  /** Turns a packet that its source sent again into what it was, and keeps it. Returns false if there is nothing new in it. */
  keepRepaired(batch: Batch, slot: number, ssrc: number, header: number): boolean {
    const { bytes, view, lengths } = batch
    const offset = slot * SLOT
    const payload = lengths[slot]! - header
    const source = this.#sources.get(ssrc)
    // Retransmissions without anything behind the sequence are probes of the bandwidth.
    if (payload <= ORIGINAL_SEQUENCE || source === undefined) return false
    view.setUint16(offset + RTP_SEQUENCE, view.getUint16(offset + header))
    view.setUint32(offset + RTP_SSRC, ssrc)
    const type = bytes[offset + 1]! & RTP_PAYLOAD_TYPE
    bytes[offset + 1] = (bytes[offset + 1]! & ~RTP_PAYLOAD_TYPE) | primaryTypeOf(type)
    bytes.copyWithin(offset + header, offset + header + ORIGINAL_SEQUENCE, offset + lengths[slot]!)
    lengths[slot] = lengths[slot]! - ORIGINAL_SEQUENCE
    const sequence = view.getUint16(offset + RTP_SEQUENCE)
    return source.cache.storeLate(sequence, this.#words.of(batch), slot, lengths[slot]!, header)
  }

  /** Whether so many packets came after the one in `slot` that it cannot be passed on as it was. */
  isLate(batch: Batch, slot: number, ssrc: number): boolean {
    return this.#sources.get(ssrc)!.cache.behind(batch.view.getUint16(slot * SLOT + RTP_SEQUENCE)) >= REORDERED
  }

  /** Sends a kept packet to all of a list as one that is sent again. */
  sendLate(batch: Batch, slot: number, ssrc: number, { groups }: TargetList, except: PeerId): void {
    const source = this.#sources.get(ssrc)!
    const sequence = batch.view.getUint16(slot * SLOT + RTP_SEQUENCE)
    for (const { mapping, peers, count, refusesSealed } of groups) {
      if (refusesSealed) continue
      for (let index = 0; index < count; index++) {
        const to = peers[index]!
        const shift = this.#io.sourceSequence(to, ssrc, 0)
        if (to === except || shift < 0) continue
        this.#sendAgain(source, ssrc, sequence, (sequence - shift) & 0xffff, to, mapping)
      }
    }
  }

  /**
   * Answers the NACK of `length` bytes at `offset` of `view`: from what is kept. Returns how many of the packets are not; they
   * are in `missing`.
   */
  answer(
    view: DataView,
    offset: number,
    length: number,
    to: Peer,
    mapping: RtpMapping,
    ssrc: number,
    now: number,
  ): number {
    const source = this.#sources.get(ssrc)
    if (source === undefined) return 0
    let missing = 0
    for (let entry = 0; entry < nackEntries(length); entry++) {
      const first = nackSequence(view, offset, entry)
      const bits = (nackBits(view, offset, entry) << 1) | 1
      for (let bit = 0; bit <= 16; bit++) {
        if (((bits >> bit) & 1) === 0) continue
        const asked = (first + bit) & 0xffff
        const sequence = this.#io.sourceSequence(to.id, ssrc, asked)
        if (sequence < 0 || !this.#rates.count(to.address, 0, now)) continue
        if (!this.#sendAgain(source, ssrc, sequence, asked, to.id, mapping) && missing < MOST_MISSING)
          this.missing[missing++] = sequence
      }
    }
    return missing
  }

  #open(ssrc: number): VideoSource {
    const source = { cache: new PacketCache(), rtxSequences: new Map<PeerId, number>() }
    this.#sources.set(ssrc, source)
    return source
  }

  #sendAgain(
    source: VideoSource,
    ssrc: number,
    sequence: number,
    asked: number,
    to: PeerId,
    mapping: RtpMapping,
  ): boolean {
    const { bytes, view, lengths } = this.#batch
    const length = source.cache.load(sequence, this.#batchWords)
    if (length === 0) return false
    const header = source.cache.headerOf(sequence)
    if (length + ORIGINAL_SEQUENCE > SLOT) return true
    const next = source.rtxSequences.get(to) ?? 0
    source.rtxSequences.set(to, (next + 1) & 0xffff)
    bytes.copyWithin(header + ORIGINAL_SEQUENCE, header, length)
    view.setUint16(header, asked)
    view.setUint16(RTP_SEQUENCE, next)
    view.setUint32(RTP_SSRC, ssrc + 1)
    bytes[1] = (bytes[1]! & ~RTP_PAYLOAD_TYPE) | rtxTypeOf(bytes[1]! & RTP_PAYLOAD_TYPE)
    lengths[0] = length + ORIGINAL_SEQUENCE
    this.#target[0] = to
    this.#forwarder.forwardTo(this.#batch, 0, this.#target, mapping, header)
    return true
  }
}
