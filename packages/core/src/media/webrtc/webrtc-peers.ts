// The peers of a lane that are browsers: their ICE checks and DTLS datagrams, how their packets look, and which SSRCs of theirs
// stand for which of the node's.
import {
  extensionLength,
  extensionPlace,
  findExtension,
  OPUS_PAYLOAD_TYPE,
  RTP_PAYLOAD_TYPE,
  RTP_SSRC,
  rtpHeaderLength,
  type StunMac,
} from '@parley/protocol'
import type { LaneCommand, LaneEvent, PeerId } from '../../lane/commands.ts'
import { ADDRESS_WORDS, type Batch, type PacketIo, SLOT } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import { AddressRates } from '../address/address-rates.ts'
import type { Peer, Peers } from '../address/peers.ts'
import { TransportFeedback } from '../bandwidth/transport-feedback.ts'
import { createRtpMapping, isKnownType, type RtpMapping } from '../forward/rtp-mapping.ts'
import { Drop, type LaneStats } from '../lane-stats.ts'
import { LANE_SSRC } from '../rtcp/receiver-reports.ts'
import { HeldPackets } from './held-packets.ts'
import { Ice } from './ice.ts'

/** SSRCs that a browser may declare: its own, before and after it changed them. */
const MOST_SSRCS = 16

const NO_MAC: StunMac = () => new Uint8Array(0)

export interface WebrtcPeer {
  readonly mapping: RtpMapping
  /** The browser's own SSRC, signed, to the node's. */
  readonly toNode: Map<number, number>
  /** The reverse; the browser's unsigned. */
  readonly toClient: Map<number, number>
  readonly arrivals: TransportFeedback
}

export class WebrtcPeers {
  readonly #io: PacketIo
  readonly #peers: Peers
  readonly #laneStats: LaneStats
  readonly #ice: Ice
  /** Whether browsers can be checked at all. */
  readonly areServed: boolean
  readonly #webrtcPeers = new Map<PeerId, WebrtcPeer>()
  /** What came under SSRCs that nobody has told of yet. */
  readonly held: HeldPackets
  /** Browsers that are to be told when their packets came. All wait equally long, so the first is due first. */
  readonly #telling = new Set<PeerId>()
  readonly #rates = new AddressRates({ perSecond: LIMITS.dtlsPerSecond, blockFor: 0, ignoresPort: false })

  constructor(io: PacketIo, peers: Peers, laneStats: LaneStats, mac: StunMac | undefined) {
    this.#io = io
    this.#peers = peers
    this.#laneStats = laneStats
    this.held = new HeldPackets(laneStats)
    this.#ice = new Ice(io, peers, laneStats, mac ?? NO_MAC)
    this.areServed = mac !== undefined
  }

  get size(): number {
    return this.#webrtcPeers.size
  }
  /** Addresses that checks have proved. */
  get addresses(): number {
    return this.#ice.addresses
  }
  get deadline(): number {
    const [first] = this.#telling
    const told = first === undefined ? Infinity : (this.#webrtcPeers.get(first)?.arrivals.deadline ?? Infinity)
    return Math.min(this.#ice.deadline, this.held.deadline, told)
  }
  get(peer: PeerId): WebrtcPeer | undefined {
    return this.#webrtcPeers.get(peer)
  }
  /** The browser that proved the address. Per packet: no allocation. */
  at(words: Int32Array, offset: number): Peer | undefined {
    return this.#ice.at(words, offset)
  }

  /** What it had before is forgotten: nothing is sent to it until a check has come. */
  add(peer: Peer, { ice, mapping }: LaneCommand & { kind: 'addWebrtcPeer' }, now: number): WebrtcPeer {
    this.end(peer)
    peer.isWebrtc = true
    this.#ice.add(peer, ice, now)
    const webrtcPeer = {
      mapping: createRtpMapping(mapping),
      toNode: new Map<number, number>(),
      toClient: new Map<number, number>(),
      arrivals: new TransportFeedback(),
    }
    this.#webrtcPeers.set(peer.id, webrtcPeer)
    return webrtcPeer
  }

  /** Nothing is sent to it any more, and nothing of it is heard. */
  end(peer: Peer | undefined): void {
    if (peer === undefined) return
    this.#io.dropAddress(peer.id)
    this.#peers.unbind(peer)
    peer.isProtected = false
    this.remove(peer)
  }

  remove(peer: Peer): void {
    this.#ice.remove(peer.id)
    this.#webrtcPeers.delete(peer.id)
    this.#telling.delete(peer.id)
    this.held.forget(peer.id)
  }

  /** A packet whose SSRC nobody has told of: it may be one that overtook op 5 or 12, if it has a type that the browser offered. */
  unknown(peer: Peer, { mapping }: WebrtcPeer, batch: Batch, slot: number, now: number): void {
    const type = mapping.incoming[batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE]!
    if (peer.isProtected && isKnownType(type)) this.held.hold(peer.id, batch, slot, now)
    else this.#laneStats.drop(Drop.foreignSsrc)
  }

  /** A packet of the browser has verified and is still in its own form: remembers when it came. */
  arrived(
    peer: Peer,
    webrtcPeer: WebrtcPeer,
    { view, lengths }: Batch,
    slot: number,
    clientSsrc: number,
    now: number,
  ): void {
    const offset = slot * SLOT
    const header = rtpHeaderLength(view, offset, lengths[slot]!)
    const found = header < 0 ? -1 : findExtension(view, offset, header, webrtcPeer.mapping.transportSequence)
    if (found < 0 || extensionLength(found) !== 2) return
    const sequence = view.getUint16(extensionPlace(found))
    const { arrivals } = webrtcPeer
    if (!arrivals.arrived(sequence, clientSsrc, now)) {
      this.#tell(peer.id, webrtcPeer)
      arrivals.restart(sequence)
      arrivals.arrived(sequence, clientSsrc, now)
    }
    if (arrivals.deadline !== Infinity) this.#telling.add(peer.id)
  }

  /** Returns whether another source now feeds one of the peer's SSRCs. */
  map(peer: Peer, clientSsrc: number, ssrc: number): boolean {
    const webrtcPeer = this.#webrtcPeers.get(peer.id)
    return webrtcPeer !== undefined && peer.ssrcs.includes(ssrc) && mapSsrc(webrtcPeer, clientSsrc, ssrc)
  }

  check(batch: Batch, slot: number, now: number): void {
    this.#ice.check(batch, slot, now)
  }

  /** A DTLS datagram for control, if its source has not sent too many. */
  dtls(batch: Batch, slot: number, peer: Peer, now: number): LaneEvent | undefined {
    if (this.#rates.count(batch.addresses, slot * ADDRESS_WORDS, now)) {
      const start = slot * SLOT
      return { kind: 'datagram', peer: peer.id, bytes: batch.bytes.slice(start, start + batch.lengths[slot]!) }
    }
    this.#laneStats.drop(Drop.rateLimited)
    return undefined
  }

  /** Bytes for a peer that has an address, as they are. */
  sendDatagram(peer: Peer | undefined, bytes: Uint8Array): void {
    if (peer === undefined || !peer.isBound) return
    this.#io.sendRaw(peer.address, 0, bytes, bytes.length)
    this.#io.flush()
  }

  /** Ids of peers whose consent went. */
  tick(now: number): readonly PeerId[] {
    for (const peer of this.#telling) {
      const webrtcPeer = this.#webrtcPeers.get(peer)
      if (webrtcPeer === undefined || webrtcPeer.arrivals.deadline > now) break
      this.#tell(peer, webrtcPeer)
    }
    this.held.tick(now)
    this.#ice.tick(now)
    const lost = this.#ice.lost.splice(0)
    for (const peer of lost) this.#io.dropAddress(peer)
    return lost
  }

  #tell(peer: PeerId, { arrivals }: WebrtcPeer): void {
    this.#telling.delete(peer)
    const length = arrivals.take(LANE_SSRC)
    if (length > 0) this.#io.sendRtcp(peer, arrivals.bytes, length)
  }
}

/** From now on `own` stands for `ssrc`, and nothing else does. Returns false if that was so already, or is too much. */
export function mapSsrc(webrtcPeer: WebrtcPeer, clientSsrc: number, ssrc: number): boolean {
  const key = clientSsrc | 0
  if (webrtcPeer.toNode.get(key) === ssrc || webrtcPeer.toNode.size >= MOST_SSRCS) return false
  const before = webrtcPeer.toClient.get(ssrc)
  if (before !== undefined) webrtcPeer.toNode.delete(before | 0)
  const meant = webrtcPeer.toNode.get(key)
  if (meant !== undefined) webrtcPeer.toClient.delete(meant)
  webrtcPeer.toNode.set(key, ssrc)
  webrtcPeer.toClient.set(ssrc, clientSsrc >>> 0)
  return true
}

/**
 * The node's SSRC for the packet in `slot`: what the browser declared, or, while it has declared nothing, its audio SSRC for
 * whatever is Opus. −1 for anything else. Per packet: no allocation.
 */
export function nodeSsrc(webrtcPeer: WebrtcPeer, batch: Batch, slot: number, audioSsrc: number): number {
  const offset = slot * SLOT
  const known = webrtcPeer.toNode.get(batch.view.getInt32(offset + RTP_SSRC))
  if (known !== undefined) return known
  const type = webrtcPeer.mapping.incoming[batch.bytes[offset + 1]! & RTP_PAYLOAD_TYPE]
  return type === OPUS_PAYLOAD_TYPE && !webrtcPeer.toClient.has(audioSsrc) ? audioSsrc : -1
}
