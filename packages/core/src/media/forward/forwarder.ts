// Hot: gives a packet to the engine in the form that each of its targets knows.
import { RTP_PAYLOAD_TYPE } from '@parley/protocol'
import type { PeerId } from '../../lane/commands.ts'
import { type Batch, type PacketIo, SLOT } from '../../lane/packet-io.ts'
import { Drop, type LaneStats } from '../lane-stats.ts'
import type { TargetList } from './route-table.ts'
import { DISCORD_MAPPING, isKnownType, Rewriter, type RtpMapping } from './rtp-mapping.ts'
import { looksSealed } from './sealed-frame.ts'
import { trimPacket } from './trim-packet.ts'

export class Forwarder {
  readonly #io: PacketIo
  readonly #laneStats: LaneStats
  readonly #rewriter = new Rewriter()

  constructor(io: PacketIo, laneStats: LaneStats) {
    this.#io = io
    this.#laneStats = laneStats
  }

  /**
   * Turns a packet that a browser sent into the node's own form, without padding and CSRCs. Returns the length of its header; −1
   * if it is malformed or of a payload type that the browser did not announce.
   */
  toNodeMapping(batch: Batch, slot: number, from: RtpMapping): number {
    const type = from.incoming[batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE]!
    const header = isKnownType(type) ? trimPacket(batch, slot) : -1
    if (header < 0) return -1
    this.#rewriter.load(batch, slot, header, from)
    return this.#rewriter.write(batch, slot, DISCORD_MAPPING, type)
  }

  /** Sends a packet in the node's own form to one target, if it knows the payload type. */
  forwardTo(batch: Batch, slot: number, target: Int32Array, mapping: RtpMapping, header: number): void {
    const theirs = mapping.outgoing[batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE]!
    if (!isKnownType(theirs)) return
    this.#rewriter.load(batch, slot, header, DISCORD_MAPPING)
    if (this.#rewriter.write(batch, slot, mapping, theirs) >= 0) this.#io.forward(batch, slot, target, 1, 0)
  }

  /**
   * Native clients get the packet as it is; for the others it is written anew, once per form. Returns how many it goes to, or is
   * kept from because they cannot open it.
   */
  forward(batch: Batch, slot: number, { groups, refusing }: TargetList, except: PeerId, header: number): number {
    const native = groups[0]!
    let queued = this.#io.forward(batch, slot, native.peers, native.count, except)
    if (groups.length === 1) return queued
    const isSealed = refusing > 0 && looksSealed(batch, slot, header)
    const type = batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE
    let isRewritten = false
    this.#rewriter.load(batch, slot, header, DISCORD_MAPPING)
    for (let index = 1; index < groups.length; index++) {
      const { mapping, peers, count, refusesSealed } = groups[index]!
      if (isSealed && refusesSealed) {
        this.#laneStats.drop(Drop.sealed, count)
        queued += count
        continue
      }
      if (mapping === DISCORD_MAPPING && !isRewritten) {
        queued += this.#io.forward(batch, slot, peers, count, except)
        continue
      }
      const theirs = mapping === DISCORD_MAPPING ? type : mapping.outgoing[type]!
      isRewritten = true
      if (!isKnownType(theirs) || this.#rewriter.write(batch, slot, mapping, theirs) < 0) continue
      queued += this.#io.forward(batch, slot, peers, count, except)
    }
    return queued
  }
}
