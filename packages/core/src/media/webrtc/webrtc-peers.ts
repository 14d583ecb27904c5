// The peers of a lane that are WebRTC clients: their ICE checks and DTLS datagrams, their RTP mappings, their SSRCs, and the
// transport feedback that their congestion control needs.
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
import { ADDRESS_WORDS, type Batch, SLOT } from '../../lane/batch.ts'
import type { LaneCommand, LaneEvent, PeerId } from '../../lane/commands.ts'
import type { PacketIo } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import { AddressRates } from '../address/address-rates.ts'
import type { Peer, Peers } from '../address/peers.ts'
import { TransportFeedback } from '../bandwidth/transport-feedback.ts'
import { Drop, type LaneStats } from '../lane-stats.ts'
import { LANE_SSRC } from '../rtcp/receiver-reports.ts'
import type { ReceiveStream } from '../streams/receive-stream.ts'
import { isKnownType, type RtpMapping, type RtpMappings } from '../streams/rtp-mapping.ts'
import { HeldPackets } from './held-packets.ts'
import { Ice } from './ice.ts'

/** For a lane without WebRTC: no check can verify. */
const NO_MAC: StunMac = () => new Uint8Array(0)

/** What the lane holds about a WebRTC client besides its row in `Peers`. */
export interface WebrtcPeer {
  readonly mapping: RtpMapping
  /** By the SSRC that the client uses, signed. */
  readonly streams: Map<number, ReceiveStream>
  /** Arrivals of its packets by transport-wide sequence number. */
  readonly feedback: TransportFeedback
  /** Layers that its packets name. */
  readonly layers: readonly NamedLayer[]
}

/**
 * A peer becomes a WebRTC peer by `add` and ends as one by `end` (another transport) or `remove` (the session ended).
 */
export class WebrtcPeers {
  readonly #io: PacketIo
  readonly #peers: Peers
  readonly #laneStats: LaneStats
  readonly #ice: Ice
  /** Whether the lane can verify ICE checks; if not, there are no WebRTC clients. */
  readonly areServed: boolean
  readonly #mappings: RtpMappings
  readonly #webrtcPeers = new Map<PeerId, WebrtcPeer>()
  /** Packets under SSRCs that are not declared yet. */
  readonly held: HeldPackets
  /** Peers for which transport feedback is due. All wait equally long, so the first is due first. */
  readonly #waiting = new Set<PeerId>()
  /** DTLS datagrams, which go to control: each costs a message between threads. */
  readonly #rates = new AddressRates({ perSecond: LIMITS.dtlsPerSecond, blockFor: 0, ignoresPort: false })

  constructor(io: PacketIo, peers: Peers, laneStats: LaneStats, mappings: RtpMappings, mac: StunMac | undefined) {
    this.#io = io
    this.#mappings = mappings
    this.#peers = peers
    this.#laneStats = laneStats
    this.held = new HeldPackets(laneStats)
    this.#ice = new Ice(io, peers, laneStats, mac ?? NO_MAC)
    this.areServed = mac !== undefined
  }

  get size(): number {
    return this.#webrtcPeers.size
  }
  /** Addresses that ICE checks have proved. */
  get addresses(): number {
    return this.#ice.addresses
  }
  get deadline(): number {
    const [first] = this.#waiting
    const feedback = first === undefined ? Infinity : (this.#webrtcPeers.get(first)?.feedback.deadline ?? Infinity)
    return Math.min(this.#ice.deadline, this.held.deadline, feedback)
  }
  get(peer: PeerId): WebrtcPeer | undefined {
    return this.#webrtcPeers.get(peer)
  }
  /** The peer that proved the address. Per packet: no allocation. */
  at(words: Int32Array, offset: number): Peer | undefined {
    return this.#ice.at(words, offset)
  }

  /** Replaces what was negotiated before: nothing is sent to the peer until an ICE check arrives. */
  add(peer: Peer, { ice, mapping, rids = [] }: LaneCommand & { kind: 'addWebrtcPeer' }, now: number): WebrtcPeer {
    this.end(peer)
    peer.isWebrtc = true
    this.#ice.add(peer, ice, now)
    const webrtcPeer = {
      mapping: this.#mappings.get(mapping),
      streams: new Map<number, ReceiveStream>(),
      feedback: new TransportFeedback(),
      layers: rids.slice(0, LIMITS.clientSsrcs).map(namedLayer),
    }
    this.#webrtcPeers.set(peer.id, webrtcPeer)
    return webrtcPeer
  }

  /** From now on nothing is sent to the peer, and nothing is accepted from it. */
  end(peer: Peer | undefined): void {
    if (peer === undefined) return
    this.#io.dropAddress(peer.id)
    this.#peers.unbind(peer)
    peer.isProtected = false
    this.remove(peer)
  }

  /** The peer is removed, or no longer a WebRTC client. */
  remove(peer: Peer): void {
    this.#ice.remove(peer.id)
    for (const stream of this.#webrtcPeers.get(peer.id)?.streams.values() ?? []) stream.clientSsrc = undefined
    this.#webrtcPeers.delete(peer.id)
    this.#waiting.delete(peer.id)
    this.held.forget(peer.id)
  }

  /** A packet with an SSRC that is not declared: held if its payload type was offered, since ops 5 and 12 may be on their way. */
  undeclared(peer: Peer, { mapping }: WebrtcPeer, batch: Batch, slot: number, now: number): void {
    const type = mapping.incoming[batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE]!
    if (peer.isProtected && isKnownType(type)) this.held.hold(peer, batch, slot, now)
    else this.#laneStats.drop(Drop.foreignSsrc)
  }

  /** A packet of the client has verified and is still in client numbering: notes its arrival for transport feedback. */
  arrived(peer: Peer, webrtcPeer: WebrtcPeer, { view, lengths }: Batch, slot: number, now: number): void {
    const offset = slot * SLOT
    const header = rtpHeaderLength(view, offset, lengths[slot]!)
    const found = header < 0 ? -1 : findExtension(view, offset, header, webrtcPeer.mapping.transportSequence)
    if (found < 0 || extensionLength(found) !== 2) return
    const sequence = view.getUint16(extensionPlace(found))
    const clientSsrc = view.getInt32(offset + RTP_SSRC)
    const { feedback } = webrtcPeer
    if (!feedback.arrived(sequence, clientSsrc, now)) {
      this.#sendFeedback(peer.id, webrtcPeer)
      feedback.restart(sequence)
      feedback.arrived(sequence, clientSsrc, now)
    }
    if (feedback.deadline !== Infinity) this.#waiting.add(peer.id)
  }

  /** A datagram that looks like STUN. */
  check(batch: Batch, slot: number, now: number): void {
    this.#ice.check(batch, slot, now)
  }

  /** A DTLS datagram, for control; undefined if its sender exceeds its rate. */
  dtls(batch: Batch, slot: number, peer: Peer, now: number): LaneEvent | undefined {
    if (this.#rates.count(batch.addresses, slot * ADDRESS_WORDS, now)) {
      const start = slot * SLOT
      return { kind: 'datagram', peer: peer.id, bytes: batch.bytes.slice(start, start + batch.lengths[slot]!) }
    }
    this.#laneStats.drop(Drop.rateLimited)
    return undefined
  }

  /** Sends bytes as they are, if the peer has an address. */
  sendDatagram(peer: Peer | undefined, bytes: Uint8Array): void {
    if (peer === undefined || !peer.isBound) return
    this.#io.sendRaw(peer.address, 0, bytes, bytes.length)
    this.#io.flush()
  }

  /** Returns the peers whose consent expired (RFC 7675 §5.1). */
  tick(now: number): readonly PeerId[] {
    for (const peer of this.#waiting) {
      const webrtcPeer = this.#webrtcPeers.get(peer)
      if (webrtcPeer === undefined || webrtcPeer.feedback.deadline > now) break
      this.#sendFeedback(peer, webrtcPeer)
    }
    this.held.tick(now)
    this.#ice.tick(now)
    const lost = this.#ice.lost.splice(0)
    for (const peer of lost) this.#io.dropAddress(peer)
    return lost
  }

  /** Sends what arrived since the last feedback, if anything did. */
  #sendFeedback(peer: PeerId, { feedback }: WebrtcPeer): void {
    this.#waiting.delete(peer)
    const length = feedback.take(LANE_SSRC)
    if (length > 0) this.#io.sendRtcp(peer, feedback.bytes, length)
  }
}

/** From now on `clientSsrc`, and no other, is the client's SSRC of the stream. Returns false if it was already, or at the bound. */
export function mapSsrc({ streams }: WebrtcPeer, clientSsrc: number, stream: ReceiveStream): boolean {
  const key = clientSsrc | 0
  const before = streams.get(key)
  if (before === stream || streams.size >= LIMITS.clientSsrcs) return false
  if (stream.clientSsrc !== undefined) streams.delete(stream.clientSsrc | 0)
  if (before !== undefined) before.clientSsrc = undefined
  streams.set(key, stream)
  stream.clientSsrc = clientSsrc >>> 0
  return true
}

interface NamedLayer {
  /** In ASCII. */
  readonly rid: Uint8Array
  readonly ssrc: number
  readonly rtxSsrc: number
}

const namedLayer = ({ rid, ssrc, rtxSsrc }: { rid: string; ssrc: number; rtxSsrc: number }): NamedLayer => ({
  rid: Uint8Array.from(rid, character => character.charCodeAt(0)),
  ssrc,
  rtxSsrc,
})

/**
 * The node's SSRC of the layer, or of its RTX stream, that the packet in `slot` names in its header; −1 if it names none. The header is
 * clear, so that this is known before the packet is opened. Per packet: no allocation.
 */
export function namedSsrc({ mapping, layers }: WebrtcPeer, { view, lengths }: Batch, slot: number): number {
  const offset = slot * SLOT
  const header = rtpHeaderLength(view, offset, lengths[slot]!)
  if (header < 0 || layers.length === 0) return -1
  const rid = findExtension(view, offset, header, mapping.rid)
  const found = rid < 0 ? findExtension(view, offset, header, mapping.repairedRid) : rid
  if (found < 0) return -1
  for (let index = 0; index < layers.length; index++)
    if (isRid(view, found, layers[index]!.rid)) return rid < 0 ? layers[index]!.rtxSsrc : layers[index]!.ssrc
  return -1
}

function isRid(view: DataView, found: number, rid: Uint8Array): boolean {
  if (extensionLength(found) !== rid.length) return false
  const place = extensionPlace(found)
  for (let index = 0; index < rid.length; index++) if (view.getUint8(place + index) !== rid[index]) return false
  return true
}

/** Whether the packet in `slot` is Opus, by the client's payload type. Per packet: no allocation. */
export function isOpus({ mapping }: WebrtcPeer, { bytes }: Batch, slot: number): boolean {
  return mapping.incoming[bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE] === OPUS_PAYLOAD_TYPE
}
