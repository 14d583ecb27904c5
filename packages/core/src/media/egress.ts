// Hot: where an opened packet goes. It looks the route up, makes the packet what listeners may get, and decides nothing.
import { isRtxType, RTP_PAYLOAD_TYPE, RTP_SEQUENCE, RTP_SSRC, rtxTypeOf } from '@parley/protocol'
import { type Batch, SLOT } from '../lane/packet-io.ts'
import type { Peer } from './address/peers.ts'
import type { Forwarder } from './forward/forwarder.ts'
import type { RouteTable } from './forward/route-table.ts'
import { isKnownType, type RtpMapping } from './forward/rtp-mapping.ts'
import { isSilence, looksSealed } from './forward/sealed-frame.ts'
import type { Talkspurts } from './forward/talkspurts.ts'
import { prepareAudio, silencePacket, trimPacket } from './forward/trim-packet.ts'
import type { LaneEvents } from './lane-events.ts'
import { Drop, type LaneStats } from './lane-stats.ts'
import type { NackGenerator } from './loss/nack-generator.ts'
import type { NackResponder } from './loss/nack-responder.ts'
import type { SenderReports } from './rtcp/sender-reports.ts'

const ssrcOf = ({ view }: Batch, slot: number): number => view.getUint32(slot * SLOT + RTP_SSRC)

const sequenceOf = ({ view }: Batch, slot: number): number => view.getUint16(slot * SLOT + RTP_SEQUENCE)

const mayBeSealed = (batch: Batch, slot: number, header: number): boolean =>
  looksSealed(batch, slot, header) || isSilence(batch, slot, header)

export interface EgressParts {
  readonly routes: RouteTable
  readonly forwarder: Forwarder
  readonly nackResponder: NackResponder
  readonly nackGenerator: NackGenerator
  readonly senderReports: SenderReports
  readonly talkspurts: Talkspurts
  readonly events: LaneEvents
  readonly laneStats: LaneStats
}

/** Per packet: no allocation, no throw. */
export class Egress {
  readonly #routes: RouteTable
  readonly #forwarder: Forwarder
  readonly #nackResponder: NackResponder
  readonly #nackGenerator: NackGenerator
  readonly #senderReports: SenderReports
  readonly #talkspurts: Talkspurts
  readonly #events: LaneEvents
  readonly #laneStats: LaneStats

  constructor({
    routes,
    forwarder,
    nackResponder,
    nackGenerator,
    senderReports,
    talkspurts,
    events,
    laneStats,
  }: EgressParts) {
    this.#routes = routes
    this.#forwarder = forwarder
    this.#nackResponder = nackResponder
    this.#nackGenerator = nackGenerator
    this.#senderReports = senderReports
    this.#talkspurts = talkspurts
    this.#events = events
    this.#laneStats = laneStats
  }

  /** A packet with the client's own numbers, under the node's SSRC. */
  deliverMapped(batch: Batch, slot: number, row: number, mapping: RtpMapping, owner: Peer, now: number): void {
    const header = this.#forwarder.toNodeMapping(batch, slot, mapping)
    if (header < 0) return this.#laneStats.drop(Drop.malformed)
    // Browsers probe the bandwidth with padding alone; of video it takes a sequence that is asked for if nobody sees it.
    if (this.#routes.audio[row] === 1 && batch.lengths[slot]! <= header)
      return this.#talkspurts.leaveOut(batch, slot, row)
    const type = batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE
    if (isRtxType(type)) return this.#repair(batch, slot, ssrcOf(batch, slot) - 1, owner, header, now)
    const sendsAgain = owner.isWebrtc || isKnownType(mapping.outgoing[rtxTypeOf(type)]!)
    this.deliver(batch, slot, row, owner, now, sendsAgain)
  }

  /** A packet in the node's own form. `sendsAgain` says whether its owner sends video again that is asked for. */
  deliver(batch: Batch, slot: number, row: number, owner: Peer, now: number, sendsAgain = false): void {
    const routes = this.#routes
    const header = trimPacket(batch, slot)
    if (header < 0) return this.#laneStats.drop(Drop.malformed)
    const list = routes.targets[row]
    if (list === undefined) return this.#laneStats.drop(Drop.noRoute)
    if (routes.audio[row] === 1 && !prepareAudio(batch, slot, header)) return this.#laneStats.drop(Drop.malformed)
    const isEnding = routes.silence[row] !== 0
    if (!isEnding && routes.sealedOnly[row] === 1 && !mayBeSealed(batch, slot, header))
      return this.#laneStats.drop(Drop.unsealed)
    if (isEnding && !this.#silence(batch, slot, row, header, now)) return
    if (!isEnding && routes.announced[row] === 0) this.#announce(batch, slot, row, owner)
    const others = list.has(owner.id) ? list.count - 1 : list.count
    if (others === 0) return this.#laneStats.drop(Drop.noRoute)
    if (routes.audio[row] === 0 && !this.#keep(batch, slot, header, sendsAgain, now))
      return this.#laneStats.drop(Drop.replayed)
    if (routes.audio[row] === 1 && owner.isWebrtc && !this.#talkspurts.continue(batch, slot, row, now))
      return this.#laneStats.drop(Drop.replayed)
    const queued = this.#forwarder.forward(batch, slot, list, owner.id, header)
    if (queued < others) this.#laneStats.drop(Drop.noAddress, others - queued)
    if (isEnding) routes.spendSilence(row)
    this.#senderReports.forwarded(list, now)
  }

  /** Keeps a packet of video for who may ask for it, and sees whether others before it are missing. */
  #keep(batch: Batch, slot: number, header: number, sendsAgain: boolean, now: number): boolean {
    const ssrc = ssrcOf(batch, slot)
    if (!this.#nackResponder.keep(batch, slot, ssrc, header)) return false
    if (sendsAgain) this.#nackGenerator.arrived(ssrc, sequenceOf(batch, slot), now)
    return true
  }

  /** A packet that its source sent again. Everybody is waiting for it if the lane was. */
  #repair(batch: Batch, slot: number, ssrc: number, owner: Peer, header: number, now: number): void {
    const row = this.#routes.row(ssrc)
    if (row < 0 || this.#routes.owners[row] !== owner.id) return this.#laneStats.drop(Drop.foreignSsrc)
    if (!this.#nackResponder.keepRepaired(batch, slot, ssrc, header)) return
    const list = this.#routes.targets[row]
    if (list === undefined || !this.#nackGenerator.repaired(ssrc, sequenceOf(batch, slot), now)) return
    if (this.#nackResponder.isLate(batch, slot, ssrc)) this.#nackResponder.sendLate(batch, slot, ssrc, list, owner.id)
    else this.#forwarder.forward(batch, slot, list, owner.id, header)
  }

  /** Makes the packet silent; false if the time for that is over. */
  #silence(batch: Batch, slot: number, row: number, header: number, now: number): boolean {
    if (now > this.#routes.silenceUntil[row]!) {
      this.#routes.endRoute(row)
      this.#laneStats.drop(Drop.noRoute)
      return false
    }
    silencePacket(batch, slot, header)
    return true
  }

  #announce(batch: Batch, slot: number, row: number, owner: Peer): void {
    this.#routes.announced[row] = 1
    this.#events.push({ kind: 'firstPacket', peer: owner.id, ssrc: ssrcOf(batch, slot) })
  }
}
