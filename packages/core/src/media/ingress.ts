// Hot: what is believed of what comes in. A packet that was seen costs no cryptography; one that does not verify moves nothing.
import { RTP_SEQUENCE, RTP_TIMESTAMP } from '@parley/protocol'
import { ADDRESS_WORDS, type Batch, type PacketIo, SLOT } from '../lane/packet-io.ts'
import { LIMITS } from '../limits.ts'
import { AddressRates } from './address/address-rates.ts'
import { isAt, isExpectedAt, type Peer, type Peers } from './address/peers.ts'
import type { RouteTable } from './forward/route-table.ts'
import { Drop, type LaneStats } from './lane-stats.ts'
import type { ReceiveStats } from './receive/receive-stats.ts'
import type { ReplayWindows } from './receive/replay-window.ts'
import type { ReceiverReports } from './rtcp/receiver-reports.ts'

export interface AdmissionParts {
  readonly io: PacketIo
  readonly peers: Peers
  readonly routes: RouteTable
  readonly replay: ReplayWindows
  readonly stats: ReceiveStats
  readonly reports: ReceiverReports
  readonly laneStats: LaneStats
}

/** Per packet: no allocation, no throw. */
export class Ingress {
  readonly #io: PacketIo
  readonly #peers: Peers
  readonly #routes: RouteTable
  readonly #replay: ReplayWindows
  readonly #stats: ReceiveStats
  readonly #reports: ReceiverReports
  readonly #laneStats: LaneStats
  readonly #failures = new AddressRates({
    perSecond: LIMITS.failuresPerSecond,
    blockFor: LIMITS.ignoreSource,
    ignoresPort: true,
  })

  constructor({ io, peers, routes, replay, stats, reports, laneStats }: AdmissionParts) {
    this.#io = io
    this.#peers = peers
    this.#routes = routes
    this.#replay = replay
    this.#stats = stats
    this.#reports = reports
    this.#laneStats = laneStats
  }

  /** Opens a packet whose SSRC has the row, and keeps count of it. Returns false if it was dropped. */
  openRtp(batch: Batch, slot: number, row: number, owner: Peer, now: number): boolean {
    const isAudio = this.#routes.audio[row] === 1
    if (batch.waited[slot]! > (isAudio ? LIMITS.audioWait : LIMITS.videoWait)) {
      this.#laneStats.drop(Drop.overload)
      return false
    }
    const sequence = batch.view.getUint16(slot * SLOT + RTP_SEQUENCE)
    const timestamp = batch.view.getInt32(slot * SLOT + RTP_TIMESTAMP)
    if (!this.#mayOpen(batch, slot, owner, now)) return false
    if (!this.#replay.isFresh(row, sequence, timestamp)) {
      this.#laneStats.drop(Drop.replayed)
      return false
    }
    if (!this.#open(batch, slot, owner, now, false)) return false
    this.#replay.mark(row, sequence, timestamp)
    this.#stats.received(row, sequence, timestamp, now, this.#routes.clockRate(row))
    this.#reports.heard(owner, now)
    return true
  }

  /** The same for a compound of the peer. */
  openRtcp(batch: Batch, slot: number, owner: Peer, now: number): boolean {
    return this.#mayOpen(batch, slot, owner, now) && this.#open(batch, slot, owner, now, true)
  }

  /** Whether it came from the address of a peer. */
  isKnown(batch: Batch, slot: number): boolean {
    return this.#peers.at(batch.addresses, slot * ADDRESS_WORDS) !== undefined
  }

  /** A peer's own address is always listened to, so that nobody can have it ignored by sending in its name. */
  #mayOpen(batch: Batch, slot: number, owner: Peer, now: number): boolean {
    const at = slot * ADDRESS_WORDS
    if (!owner.isProtected) this.#laneStats.drop(Drop.unprotected)
    else if (!isExpectedAt(owner, batch.addresses, at) && this.#failures.isBlocked(batch.addresses, at, now))
      this.#laneStats.drop(Drop.ignoredAddress)
    else return true
    return false
  }

  #open(batch: Batch, slot: number, owner: Peer, now: number, isRtcp: boolean): boolean {
    const at = slot * ADDRESS_WORDS
    if (!this.#io.open(batch, slot, owner.id)) {
      const isForeign = !isAt(owner, batch.addresses, at) && this.isKnown(batch, slot)
      this.#laneStats.drop(isForeign ? Drop.foreignSsrc : Drop.authentication)
      this.#failures.count(batch.addresses, at, now)
      return false
    }
    this.#laneStats.packet()
    if (!owner.isWebrtc) this.#peers.verified(owner, batch.addresses, at, isRtcp, now)
    return true
  }
}
