// Hot: decides which path a datagram takes, by its first bytes (RFC 7983) and by whether its source address is a WebRTC client's.
//
//   from an address that ICE has proved:   STUN → check     DTLS → control     RTP, RTCP → SRTP of that client
//   from any other:                        STUN → check     discovery, ping, keepalive → answer     RTP, RTCP → key by SSRC
import { classifyDatagram, DatagramKind, RTCP_SENDER_SSRC, RTP_SSRC } from '@parley/protocol'
import { ADDRESS_WORDS, type Batch, SLOT } from '../lane/batch.ts'
import type { LaneEvent } from '../lane/commands.ts'
import type { AddressResponder } from './address/discovery.ts'
import type { Peer, Peers } from './address/peers.ts'
import type { Egress } from './egress.ts'
import { type Ingress, nonceOf } from './ingress.ts'
import { Drop, type LaneStats } from './lane-stats.ts'
import type { RtcpInput } from './rtcp-input.ts'
import type { ReceiveStream } from './streams/receive-stream.ts'
import type { RouteTable } from './streams/route-table.ts'
import { DISCORD_MAPPING } from './streams/rtp-mapping.ts'
import { isOpus, mapSsrc, namedSsrc, type WebrtcPeer, type WebrtcPeers } from './webrtc/webrtc-peers.ts'

export interface DemultiplexerParts {
  readonly peers: Peers
  readonly routes: RouteTable
  readonly webrtcPeers: WebrtcPeers
  readonly responder: AddressResponder
  readonly ingress: Ingress
  readonly egress: Egress
  readonly rtcpInput: RtcpInput
  readonly laneStats: LaneStats
  /** Where events are pushed. */
  readonly events: LaneEvent[]
}

/** Per packet: no allocation, no throw. */
export class Demultiplexer {
  readonly #peers: Peers
  readonly #routes: RouteTable
  readonly #webrtcPeers: WebrtcPeers
  readonly #responder: AddressResponder
  readonly #ingress: Ingress
  readonly #egress: Egress
  readonly #rtcpInput: RtcpInput
  readonly #laneStats: LaneStats
  readonly #events: LaneEvent[]
  /** Bound once: a closure per packet would allocate. */
  readonly #ownerOf = (ssrc: number): Peer | undefined => this.#localOwner(ssrc)

  constructor(parts: DemultiplexerParts) {
    this.#peers = parts.peers
    this.#routes = parts.routes
    this.#webrtcPeers = parts.webrtcPeers
    this.#responder = parts.responder
    this.#ingress = parts.ingress
    this.#egress = parts.egress
    this.#rtcpInput = parts.rtcpInput
    this.#laneStats = parts.laneStats
    this.#events = parts.events
  }

  /** Handles the datagram in `slot`. */
  datagram(batch: Batch, slot: number, now: number): void {
    const length = batch.lengths[slot]!
    this.#laneStats.datagram(length)
    if (length > SLOT) return this.#laneStats.drop(Drop.oversize)
    const kind = classifyDatagram(batch.view, slot * SLOT, length)
    if (this.#webrtcPeers.size > 0) {
      if (kind === DatagramKind.Stun) return this.#webrtcPeers.check(batch, slot, now)
      const webrtcPeer = this.#webrtcPeers.at(batch.addresses, slot * ADDRESS_WORDS)
      if (webrtcPeer !== undefined) return this.#fromWebrtcPeer(batch, slot, kind, webrtcPeer, now)
    }
    switch (kind) {
      case DatagramKind.Rtp:
        return this.#discordRtp(batch, slot, now)
      case DatagramKind.Rtcp:
        return this.#discordRtcp(batch, slot, now)
      case DatagramKind.Discovery:
        return this.#responder.discovery(batch, slot, this.#ownerOf, now)
      case DatagramKind.Ping:
        return this.#responder.ping(batch, slot, now)
      case DatagramKind.Keepalive:
        return this.#responder.keepalive(batch, slot, now)
      case DatagramKind.Stun:
      case DatagramKind.Dtls:
      case DatagramKind.Unknown:
        return this.#laneStats.drop(Drop.unclassified)
    }
  }

  /** A remote peer has its address on its own lane. */
  #localOwner(ssrc: number): Peer | undefined {
    const owner = this.#routes.stream(ssrc)?.owner
    return owner?.lane === undefined ? owner : undefined
  }

  /** The SSRC selects the key that opens the packet, whatever address it was sent from; the tag then proves the sender. */
  #discordRtp(batch: Batch, slot: number, now: number): void {
    const stream = this.#routes.stream(batch.view.getInt32(slot * SLOT + RTP_SSRC))
    if (stream === undefined || stream.owner.isWebrtc || stream.owner.lane !== undefined)
      return this.#laneStats.drop(this.#ingress.isKnown(batch, slot) ? Drop.foreignSsrc : Drop.unknownSender)
    const { owner } = stream
    if (!this.#ingress.openRtp(batch, slot, stream, now)) return
    this.#peers.verified(owner, batch.addresses, slot * ADDRESS_WORDS, true, now)
    const mapping = stream.isAudio ? DISCORD_MAPPING : this.#routes.mappingOf(owner.id)
    if (mapping === DISCORD_MAPPING) this.#egress.deliver(batch, slot, stream, now)
    else this.#egress.deliverVideo(batch, slot, stream, mapping, false, now)
  }

  /** As for RTP. A compound whose SSRC is unknown belongs to the peer that is bound to its source address. */
  #discordRtcp(batch: Batch, slot: number, now: number): void {
    const at = slot * ADDRESS_WORDS
    const sender = batch.view.getInt32(slot * SLOT + RTCP_SENDER_SSRC)
    const owner = this.#localOwner(sender) ?? this.#peers.at(batch.addresses, at)
    if (owner === undefined || owner.isWebrtc) return this.#laneStats.drop(Drop.unknownSender)
    const isNew = owner.nonces?.isNew(nonceOf(batch, slot)) === true
    if (!this.#ingress.openRtcp(batch, slot, owner, now)) return
    this.#peers.verified(owner, batch.addresses, at, isNew, now)
    this.#rtcpInput.read(batch, slot, owner, now)
  }

  /** ICE proved the address, so that the datagram is attributed to its peer before anything is opened. */
  #fromWebrtcPeer(batch: Batch, slot: number, kind: DatagramKind, owner: Peer, now: number): void {
    const webrtcPeer = this.#webrtcPeers.get(owner.id)!
    if (kind === DatagramKind.Rtp) return this.webrtcRtp(batch, slot, owner, webrtcPeer, now)
    if (kind === DatagramKind.Rtcp) return this.#webrtcRtcp(batch, slot, owner, now)
    if (kind !== DatagramKind.Dtls) return this.#laneStats.drop(Drop.unclassified)
    const event = this.#webrtcPeers.dtls(batch, slot, owner, now)
    if (event !== undefined) this.#events.push(event)
  }

  /** The source address selects the peer. SSRC, payload type and extensions are in the client's numbering. */
  webrtcRtp(batch: Batch, slot: number, owner: Peer, webrtcPeer: WebrtcPeer, now: number): void {
    const clientSsrc = batch.view.getInt32(slot * SLOT + RTP_SSRC)
    const declared = webrtcPeer.streams.get(clientSsrc)
    const stream = declared ?? this.#undeclared(batch, slot, owner, webrtcPeer)
    if (stream === undefined) return this.#webrtcPeers.undeclared(owner, webrtcPeer, batch, slot, now)
    if (!this.#ingress.openRtp(batch, slot, stream, now)) return
    if (declared === undefined) mapSsrc(webrtcPeer, clientSsrc, stream)
    this.#webrtcPeers.arrived(owner, webrtcPeer, batch, slot, now)
    batch.view.setInt32(slot * SLOT + RTP_SSRC, stream.ssrc)
    if (stream.isAudio) this.#egress.deliverWebrtcAudio(batch, slot, stream, webrtcPeer.mapping, now)
    else this.#egress.deliverVideo(batch, slot, stream, webrtcPeer.mapping, true, now)
  }

  /**
   * While a client has declared no SSRC for its audio, its Opus is that; and while it has declared none for a layer, so are packets
   * that name the layer.
   */
  #undeclared(batch: Batch, slot: number, owner: Peer, webrtcPeer: WebrtcPeer): ReceiveStream | undefined {
    const ssrc = isOpus(webrtcPeer, batch, slot) ? owner.ssrcs[0]! : namedSsrc(webrtcPeer, batch, slot)
    const stream = ssrc < 0 ? undefined : this.#routes.stream(ssrc)
    return stream?.owner === owner && stream.clientSsrc === undefined ? stream : undefined
  }

  /** A compound of a WebRTC client. Replays are the engine's to refuse: SRTCP has an index of its own. */
  #webrtcRtcp(batch: Batch, slot: number, owner: Peer, now: number): void {
    if (this.#ingress.openRtcp(batch, slot, owner, now)) this.#rtcpInput.read(batch, slot, owner, now)
  }
}
