// Video that was lost: kept for those who ask, sent again under the rtx SSRC (RFC 4588), and asked of its source.
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
  writeNack,
} from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import type { Form } from './form.ts'
import type { Forwarder } from './forwarder.ts'
import type { PeerId } from './lane.ts'
import { PacketCache } from './packet-cache.ts'
import { ADDRESS_WORDS, type Batch, type PacketIo, SLOT } from './packet-io.ts'
import type { Peer } from './peers.ts'
import { LANE_SSRC } from './receiver-reports.ts'
import { SourceRates } from './source-rates.ts'

/** What a packet sent again is longer by. */
const ORIGINAL_SEQUENCE = 2
/** Sequences that one NACK can ask for. */
const MOST_ASKED = 64
const LONGEST_NACK = 12 + 4 * MOST_ASKED

interface VideoSource {
  readonly cache: PacketCache
  /** The next sequence of each receiver's retransmissions. */
  readonly rtxSequences: Map<PeerId, number>
  askedAt: number
}

export class Retransmission {
  readonly #io: PacketIo
  readonly #forwarder: Forwarder
  /** By the SSRC of the video. */
  readonly #sources = new Map<number, VideoSource>()
  readonly #rates = new SourceRates({ perSecond: LIMITS.retransmissionsPerSecond, blockFor: 0, ignoresPort: false })
  /** One packet to send again, in a batch of its own. */
  readonly #batch = oneSlot()
  readonly #target = new Int32Array(1)
  readonly #missing = new Int32Array(MOST_ASKED)
  readonly #nack = new Uint8Array(LONGEST_NACK)
  readonly #nackView = new DataView(this.#nack.buffer)

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

  /** Keeps the plain packet in `slot`, in the node's own form. Returns false if it came before. Per packet: no allocation. */
  keep(batch: Batch, slot: number, ssrc: number, header: number): boolean {
    const source = this.#sources.get(ssrc) ?? this.#open(ssrc)
    const offset = slot * SLOT
    return source.cache.store(
      batch.view.getUint16(offset + RTP_SEQUENCE),
      batch.bytes,
      offset,
      batch.lengths[slot]!,
      header,
    )
  }

  /** The same for a packet that its source sent again: it is not passed on, but waits for who asks. */
  keepRepaired(batch: Batch, slot: number, ssrc: number, header: number): void {
    const { bytes, view, lengths } = batch
    const offset = slot * SLOT
    const payload = lengths[slot]! - header
    // Retransmissions without anything behind the sequence are probes of the bandwidth.
    if (payload <= ORIGINAL_SEQUENCE || !this.#sources.has(ssrc)) return
    view.setUint16(offset + RTP_SEQUENCE, view.getUint16(offset + header))
    view.setUint32(offset + RTP_SSRC, ssrc)
    const type = bytes[offset + 1]! & RTP_PAYLOAD_TYPE
    bytes[offset + 1] = (bytes[offset + 1]! & ~RTP_PAYLOAD_TYPE) | primaryTypeOf(type)
    bytes.copyWithin(offset + header, offset + header + ORIGINAL_SEQUENCE, offset + lengths[slot]!)
    lengths[slot] = lengths[slot]! - ORIGINAL_SEQUENCE
    this.keep(batch, slot, ssrc, header)
  }

  /**
   * Answers the NACK of `length` bytes at `offset` of `view`: from what is kept. Returns how many of the packets are not, which
   * `ask` may then ask of their source.
   */
  answer(view: DataView, offset: number, length: number, to: Peer, form: Form, ssrc: number, now: number): number {
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
        if (!this.#sendAgain(source, ssrc, sequence, asked, to.id, form) && missing < MOST_ASKED)
          this.#missing[missing++] = sequence
      }
    }
    return missing
  }

  /** Asks a source for the `count` packets that `answer` had not. `own` is what the source calls the SSRC. */
  ask(ssrc: number, from: PeerId, own: number, count: number, now: number): void {
    const source = this.#sources.get(ssrc)
    if (source === undefined || now - source.askedAt < LIMITS.nackInterval) return
    source.askedAt = now
    const length = writeNack(this.#nackView, 0, { sender: LANE_SSRC, media: own }, this.#missing, count)
    this.#io.sendRtcp(from, this.#nack, length)
  }

  #open(ssrc: number): VideoSource {
    const source = { cache: new PacketCache(), rtxSequences: new Map<PeerId, number>(), askedAt: -Infinity }
    this.#sources.set(ssrc, source)
    return source
  }

  #sendAgain(source: VideoSource, ssrc: number, sequence: number, asked: number, to: PeerId, form: Form): boolean {
    const { bytes, view, lengths } = this.#batch
    const length = source.cache.load(sequence, bytes, 0)
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
    this.#forwarder.forwardTo(this.#batch, 0, this.#target, form, header)
    return true
  }
}

function oneSlot(): Batch {
  const bytes = new Uint8Array(SLOT)
  const view = new DataView(bytes.buffer)
  const waited = new Int32Array(1)
  return {
    bytes,
    view,
    count: 1,
    lengths: new Int32Array(1),
    addresses: new Int32Array(ADDRESS_WORDS),
    waited,
    lost: 0,
  }
}
