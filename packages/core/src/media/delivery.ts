// Hot: where an opened packet goes. It looks the route up, makes the packet what listeners may get, and decides nothing.
import { isRtxType, RTP_PAYLOAD_TYPE, RTP_SSRC } from '@parley/protocol'
import type { Form } from './form.ts'
import type { Forwarder } from './forwarder.ts'
import type { LaneEvents } from './lane-events.ts'
import { Drop, type LaneTally } from './lane-tally.ts'
import { type Batch, SLOT } from './packet-io.ts'
import type { Peer } from './peers.ts'
import type { Retransmission } from './retransmission.ts'
import type { RouteTable } from './route-table.ts'
import type { SenderReports } from './sender-reports.ts'
import { prepareAudio, silencePacket, trimPacket } from './trim-packet.ts'

const ssrcOf = ({ view }: Batch, slot: number): number => view.getUint32(slot * SLOT + RTP_SSRC)

export interface DeliveryParts {
  readonly routes: RouteTable
  readonly forwarder: Forwarder
  readonly retransmission: Retransmission
  readonly senderReports: SenderReports
  readonly events: LaneEvents
  readonly tally: LaneTally
}

/** Per packet: no allocation, no throw. */
export class Delivery {
  readonly #routes: RouteTable
  readonly #forwarder: Forwarder
  readonly #retransmission: Retransmission
  readonly #senderReports: SenderReports
  readonly #events: LaneEvents
  readonly #tally: LaneTally

  constructor({ routes, forwarder, retransmission, senderReports, events, tally }: DeliveryParts) {
    this.#routes = routes
    this.#forwarder = forwarder
    this.#retransmission = retransmission
    this.#senderReports = senderReports
    this.#events = events
    this.#tally = tally
  }

  /** A packet with the client's own numbers, under the node's SSRC. */
  deliverOwn(batch: Batch, slot: number, row: number, form: Form, owner: Peer, now: number): void {
    const header = this.#forwarder.toNative(batch, slot, form)
    if (header < 0) return this.#tally.drop(Drop.malformed)
    if (!isRtxType(batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE)) return this.deliver(batch, slot, row, owner, now)
    this.#retransmission.keepRepaired(batch, slot, ssrcOf(batch, slot) - 1, header)
  }

  /** A packet in the node's own form. */
  deliver(batch: Batch, slot: number, row: number, owner: Peer, now: number): void {
    const routes = this.#routes
    const header = trimPacket(batch, slot)
    if (header < 0) return this.#tally.drop(Drop.malformed)
    const list = routes.targets[row]
    if (list === undefined) return this.#tally.drop(Drop.noRoute)
    if (routes.audio[row] === 1 && !prepareAudio(batch, slot, header)) return this.#tally.drop(Drop.malformed)
    const isEnding = routes.silence[row] !== 0
    if (isEnding && !this.#silence(batch, slot, row, header, now)) return
    if (!isEnding && routes.announced[row] === 0) this.#announce(batch, slot, row, owner)
    const others = list.has(owner.id) ? list.count - 1 : list.count
    if (others === 0) return this.#tally.drop(Drop.noRoute)
    if (routes.audio[row] === 0 && !this.#retransmission.keep(batch, slot, ssrcOf(batch, slot), header))
      return this.#tally.drop(Drop.replayed)
    const queued = this.#forwarder.forward(batch, slot, list, owner.id, header)
    if (queued < others) this.#tally.drop(Drop.noAddress, others - queued)
    if (isEnding) routes.spendSilence(row)
    this.#senderReports.forwarded(list, now)
  }

  /** Makes the packet silent; false if the time for that is over. */
  #silence(batch: Batch, slot: number, row: number, header: number, now: number): boolean {
    if (now > this.#routes.silenceUntil[row]!) {
      this.#routes.endRoute(row)
      this.#tally.drop(Drop.noRoute)
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
