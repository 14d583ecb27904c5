// Hot: authentication and replay protection of incoming packets. A replayed packet costs no cryptography; one that does not
// verify changes nothing.
import { RTP_SEQUENCE, RTP_TIMESTAMP } from '@parley/protocol'
import { ADDRESS_WORDS, type Batch, SLOT } from '../lane/batch.ts'
import type { PacketIo } from '../lane/packet-io.ts'
import { LIMITS } from '../limits.ts'
import { AddressRates } from './address/address-rates.ts'
import { isAt, isExpectedAt, type Peer, type Peers } from './address/peers.ts'
import type { Backlog } from './backlog.ts'
import { Drop, type LaneStats } from './lane-stats.ts'
import type { NackGenerator } from './loss/nack-generator.ts'
import type { ReceiverReports } from './rtcp/receiver-reports.ts'
import type { ReceiveStream } from './streams/receive-stream.ts'

export interface IngressParts {
  readonly io: PacketIo
  readonly peers: Peers
  readonly reports: ReceiverReports
  readonly backlog: Backlog
  readonly nackGenerator: NackGenerator
  readonly laneStats: LaneStats
}

/**
 * The order of the checks, from the cheapest: age, key present, address not ignored, not a replay; then the tag. Only after that is
 * anything noted. Per packet: no allocation, no throw.
 */
export class Ingress {
  readonly #io: PacketIo
  readonly #peers: Peers
  readonly #reports: ReceiverReports
  readonly #backlog: Backlog
  readonly #nackGenerator: NackGenerator
  readonly #laneStats: LaneStats
  /** Packets that did not verify, by IP: forging one costs its sender less than checking it costs the lane. */
  readonly #failures = new AddressRates({
    perSecond: LIMITS.failuresPerSecond,
    blockFor: LIMITS.ignoreSource,
    ignoresPort: true,
  })

  constructor({ io, peers, reports, backlog, nackGenerator, laneStats }: IngressParts) {
    this.#io = io
    this.#peers = peers
    this.#reports = reports
    this.#backlog = backlog
    this.#nackGenerator = nackGenerator
    this.#laneStats = laneStats
  }

  /** Opens a packet of the stream and counts it. Returns false if it was dropped. */
  openRtp(batch: Batch, slot: number, stream: ReceiveStream, now: number): boolean {
    const { owner } = stream
    if (this.#backlog.isTooOld(batch.waited[slot]!, stream.isAudio)) {
      this.#laneStats.drop(Drop.overload)
      return false
    }
    const sequence = batch.view.getUint16(slot * SLOT + RTP_SEQUENCE)
    const timestamp = batch.view.getInt32(slot * SLOT + RTP_TIMESTAMP)
    if (!this.#mayOpen(batch, slot, owner, now)) return false
    const nonce = nonceOf(batch, slot)
    const replay = stream.received?.replay
    // Senders without RTX retransmit what was requested on the SSRC of the video itself.
    const isReturned = replay?.isOlder(sequence) === true && this.#nackGenerator.isMissing(stream, sequence)
    const isFresh = isReturned || replay === undefined || replay.isFresh(sequence, timestamp)
    // An older sequence under a newer nonce: a sender that started over. In video it may be a retransmission.
    const isDoubtful = !isFresh || (stream.isAudio && replay?.isAhead(sequence) === false)
    const isRestart = isDoubtful && this.#startsOver(batch, slot, stream, sequence, nonce)
    if (!isFresh && !isRestart) {
      this.#laneStats.drop(Drop.replayed)
      return false
    }
    if (!this.#open(batch, slot, owner, now)) return false
    owner.nonces?.verified(nonce, false)
    if (isReturned) stream.reception.returned(now)
    else stream.reception.received(sequence, timestamp, isRestart, now, stream.clockRate)
    if (isRestart) stream.interrupt()
    this.#reports.received(owner, now)
    return true
  }

  /** Opens a compound of the peer. Returns false if it was dropped. */
  openRtcp(batch: Batch, slot: number, owner: Peer, now: number): boolean {
    if (!this.#mayOpen(batch, slot, owner, now)) return false
    const nonce = nonceOf(batch, slot)
    if (owner.nonces?.isReplayedRtcp(nonce) === true) {
      this.#laneStats.drop(Drop.replayed)
      return false
    }
    if (!this.#open(batch, slot, owner, now)) return false
    owner.nonces?.verified(nonce, true)
    return true
  }

  /**
   * Whether a packet whose sequence is not ahead starts its stream over: libraries do so with every track, under the same key. Its
   * nonce must be new, and it must come from the address that the peer is bound to. One that was requested is a retransmission,
   * sealed again, of a packet that arrived since or was given up.
   */
  #startsOver(batch: Batch, slot: number, stream: ReceiveStream, sequence: number, nonce: number): boolean {
    const { owner } = stream
    if (owner.nonces?.isNew(nonce) !== true || !isAt(owner, batch.addresses, slot * ADDRESS_WORDS)) return false
    return !this.#nackGenerator.wasRequested(stream, sequence)
  }

  /** Whether the datagram was sent from the address of a peer. */
  isKnown(batch: Batch, slot: number): boolean {
    return this.#peers.at(batch.addresses, slot * ADDRESS_WORDS) !== undefined
  }

  /** A peer's own address is never ignored, so that spoofed packets cannot block the peer. */
  #mayOpen(batch: Batch, slot: number, owner: Peer, now: number): boolean {
    const at = slot * ADDRESS_WORDS
    if (!owner.isProtected) this.#laneStats.drop(Drop.unprotected)
    else if (!isExpectedAt(owner, batch.addresses, at) && this.#failures.isBlocked(batch.addresses, at, now))
      this.#laneStats.drop(Drop.ignoredAddress)
    else return true
    return false
  }

  /** Opens the packet in place. A failure is attributed to the sender's address, never to the peer that it claims to be. */
  #open(batch: Batch, slot: number, owner: Peer, now: number): boolean {
    const at = slot * ADDRESS_WORDS
    if (this.#io.open(batch, slot, owner.id)) {
      this.#laneStats.packet()
      return true
    }
    const isForeign = !isAt(owner, batch.addresses, at) && this.isKnown(batch, slot)
    this.#laneStats.drop(isForeign ? Drop.foreignSsrc : Drop.authentication)
    this.#failures.count(batch.addresses, at, now)
    return false
  }
}

/** The last 4 bytes of a sealed packet, big-endian: in some modes the nonce. */
export const nonceOf = ({ view, lengths }: Batch, slot: number): number =>
  view.getInt32(slot * SLOT + lengths[slot]! - 4)
