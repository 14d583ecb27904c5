// Hot: a batch of datagrams in, sealed copies out. The lane without its socket: it looks routes up and decides nothing.
import { classifyDatagram, DatagramKind, isSrtpProfile, RTCP_SENDER_SSRC, RTP_SSRC } from '@parley/protocol'
import type { LaneCommand, LaneEvent, PeerId } from '../lane/commands.ts'
import { ADDRESS_WORDS, type Batch, type PacketIo, SLOT } from '../lane/packet-io.ts'
import { LIMITS } from '../limits.ts'
import { AddressResponder } from './address/discovery.ts'
import { type Peer, Peers } from './address/peers.ts'
import { readAddress } from './address/socket-address.ts'
import { Egress } from './egress.ts'
import { Forwarder } from './forward/forwarder.ts'
import { RouteTable } from './forward/route-table.ts'
import { createRtpMapping, DISCORD_MAPPING } from './forward/rtp-mapping.ts'
import { Talkspurts } from './forward/talkspurts.ts'
import { Ingress } from './ingress.ts'
import { LaneEvents } from './lane-events.ts'
import { Drop, LaneStats } from './lane-stats.ts'
import type { RouterOptions } from './lane-surroundings.ts'
import { KeyframeRequests } from './loss/keyframe-requests.ts'
import { NackGenerator } from './loss/nack-generator.ts'
import { NackResponder } from './loss/nack-responder.ts'
import { ClockMap } from './receive/clock-map.ts'
import { ReceiveStats } from './receive/receive-stats.ts'
import { ReplayWindows } from './receive/replay-window.ts'
import { ReceiverReports } from './rtcp/receiver-reports.ts'
import { SenderReports } from './rtcp/sender-reports.ts'
import { RtcpInput } from './rtcp-input.ts'
import { mapSsrc, nodeSsrc, type WebrtcPeer, WebrtcPeers } from './webrtc/webrtc-peers.ts'

/**
 * The lane as a sans-IO machine: inputs are `command`, `receive` and `tick`, outputs go to the packet engine at once and to
 * `takeEvents`. Per packet nothing allocates and nothing throws; what is wrong with a datagram is a counter.
 */
export class Router {
  readonly #io: PacketIo
  readonly #peers = new Peers()
  readonly #routes = new RouteTable()
  readonly #reports: ReceiverReports
  readonly #senderReports: SenderReports
  readonly #talkspurts: Talkspurts
  readonly #nackResponder: NackResponder
  readonly #keyframes: KeyframeRequests
  readonly #nackGenerator: NackGenerator
  readonly #laneStats = new LaneStats()
  readonly #responder: AddressResponder
  readonly #webrtcPeers: WebrtcPeers
  readonly #rtcpInput: RtcpInput
  readonly #ingress: Ingress
  readonly #egress: Egress
  readonly #busy: () => number
  readonly #events = new LaneEvents()

  constructor(io: PacketIo, { busy = () => 0, stunMac, timeOrigin = 0 }: RouterOptions = {}) {
    this.#io = io
    this.#busy = busy
    const replay = new ReplayWindows()
    const stats = new ReceiveStats()
    const clocks = new ClockMap(stats)
    const forwarder = new Forwarder(io, this.#laneStats)
    this.#webrtcPeers = new WebrtcPeers(io, this.#peers, this.#laneStats, stunMac)
    this.#nackResponder = new NackResponder(io, forwarder)
    const clientSsrc = (peer: number, ssrc: number) => this.#webrtcPeers.get(peer)?.toClient.get(ssrc) ?? ssrc
    this.#reports = new ReceiverReports(io, this.#routes, stats, clientSsrc)
    this.#responder = new AddressResponder(io, this.#peers, this.#routes, this.#laneStats)
    this.#talkspurts = new Talkspurts(this.#routes, forwarder)
    const known = {
      ...{ io, peers: this.#peers, routes: this.#routes, laneStats: this.#laneStats },
      ...{ replay, stats, clocks, talkspurts: this.#talkspurts },
    }
    this.#senderReports = new SenderReports(known, timeOrigin)
    this.#keyframes = new KeyframeRequests({ io, routes: this.#routes, clientSsrc })
    this.#nackGenerator = new NackGenerator({ io, routes: this.#routes, clientSsrc }, this.#keyframes)
    this.#routes.keep(replay, stats, clocks, this.#talkspurts, this.#senderReports)
    const parts = {
      ...known,
      ...{ reports: this.#reports, senderReports: this.#senderReports, webrtcPeers: this.#webrtcPeers },
      ...{ nackResponder: this.#nackResponder, keyframes: this.#keyframes, nackGenerator: this.#nackGenerator },
      ...{ forwarder, events: this.#events },
    }
    this.#rtcpInput = new RtcpInput(parts)
    this.#ingress = new Ingress(parts)
    this.#egress = new Egress(parts)
  }

  /** When it wants `tick`, `Infinity` if never. */
  get deadline(): number {
    const reports = Math.min(this.#reports.deadline, this.#senderReports.deadline)
    return Math.min(reports, this.#nackGenerator.deadline, this.#talkspurts.deadline, this.#webrtcPeers.deadline)
  }

  /** All events since the last call. */
  takeEvents(): readonly LaneEvent[] {
    return this.#events.take()
  }

  /** Applies a command. One that names a peer, list or SSRC that is not there does nothing. */
  command(command: LaneCommand, now: number): void {
    switch (command.kind) {
      case 'addPeer':
        return this.#addPeer(command.peer, command.ssrcs)
      case 'protectPeer':
        return this.#protectPeer(command)
      case 'addWebrtcPeer':
        return this.#addWebrtcPeer(command, now)
      case 'setRtpMapping':
        return this.#routes.setRtpMapping(command.peer, createRtpMapping(command.mapping))
      case 'removeWebrtcPeer':
        return this.#webrtcPeers.end(this.#peers.get(command.peer))
      case 'mapSsrc':
        return this.#mapSsrc(command, now)
      case 'sendDatagram':
        return this.#webrtcPeers.sendDatagram(this.#peers.get(command.peer), command.bytes)
      case 'removePeer':
        return this.#removePeer(command.peer)
      case 'openTargets':
      case 'addTarget':
      case 'removeTarget':
      case 'closeTargets':
        return this.#routes.changeTargets(command)
      case 'refuseSealed':
        return this.#routes.refuseSealed(command.peer)
      case 'setRoute':
        this.#routes.setRoute(command)
        return this.#releaseHeld(command.owner, now)
      case 'removeRoute':
        this.#rtcpInput.forget(command.ssrc)
        return this.#routes.removeRoute(command.ssrc, command.silence ? now + LIMITS.silenceWindow : undefined)
      case 'askKeyframe':
        this.#keyframes.ask(command.ssrc, now)
        return this.#io.flush()
      case 'report':
        this.#events.push({ kind: 'counters', counters: this.#laneStats.counters(this.#io.sent, this.#busy()) })
    }
  }

  /** Handles the datagrams of one wake-up and sends what they cause. The batch's bytes are changed. */
  receive(batch: Batch, now: number): void {
    if (batch.lost > 0) this.#laneStats.drop(Drop.overload, batch.lost)
    for (let slot = 0; slot < batch.count; slot++) this.#datagram(batch, slot, now)
    this.#io.flush()
    this.#applyBindings()
    this.#noteExhausted()
  }

  /** Sends what is due: reports, requests, silence, and looks which browsers are still there. */
  tick(now: number): void {
    if (now < this.deadline) return
    for (const peer of this.#webrtcPeers.tick(now)) this.#events.push({ kind: 'consentLost', peer })
    if (now >= this.#nackGenerator.deadline) this.#nackGenerator.tick(now)
    if (now >= this.#talkspurts.deadline) this.#talkspurts.tick(now)
    if (now >= this.#reports.deadline) this.#reports.tick(now)
    if (now >= this.#senderReports.deadline) this.#senderReports.tick(now)
    this.#io.flush()
    this.#noteExhausted()
  }

  /** Forgets every peer and route. */
  close(): void {
    for (const id of this.#peers.ids()) this.#removePeer(id)
    this.#routes.closeAll()
  }

  /** Counts of what the lane holds, for tests and the dashboard. */
  inspect() {
    return {
      peers: this.#peers.size,
      addresses: this.#peers.addresses,
      webrtcPeers: this.#webrtcPeers.size,
      webrtcAddresses: this.#webrtcPeers.addresses,
      reports: this.#reports.size,
      videos: this.#nackResponder.size,
      ...this.#routes.inspect(),
    }
  }

  #addPeer(id: number, ssrcs: Int32Array): void {
    if (!this.#peers.add(id, ssrcs)) return
    this.#routes.addPeer(id, ssrcs)
    this.#io.addPeer(id)
  }

  #protectPeer(command: LaneCommand & { kind: 'protectPeer' }): void {
    const peer = this.#peers.get(command.peer)
    if (peer === undefined || (isSrtpProfile(command.protection) && !peer.isWebrtc)) return
    if (peer.isWebrtc && !isSrtpProfile(command.protection)) this.#becomeNative(peer)
    this.#io.protectPeer(peer.id, command.protection, command.key, command.nonceStart)
    for (const ssrc of peer.ssrcs) this.#resetRow(this.#routes.row(ssrc), peer)
    this.#peers.protect(peer, command.claimed)
    this.#applyBindings()
  }

  #addWebrtcPeer(command: LaneCommand & { kind: 'addWebrtcPeer' }, now: number): void {
    const peer = this.#peers.get(command.peer)
    if (peer === undefined || !this.#webrtcPeers.areServed) return
    const webrtcPeer = this.#webrtcPeers.add(peer, command, now)
    this.#routes.setRtpMapping(peer.id, webrtcPeer.mapping)
  }

  #becomeNative(peer: Peer): void {
    this.#webrtcPeers.end(peer)
    peer.isWebrtc = false
    this.#routes.setRtpMapping(peer.id, DISCORD_MAPPING)
  }

  #mapSsrc({ peer: id, clientSsrc, ssrc }: LaneCommand & { kind: 'mapSsrc' }, now: number): void {
    const peer = this.#peers.get(id)
    if (peer === undefined || !this.#webrtcPeers.map(peer, clientSsrc, ssrc)) return
    this.#resetRow(this.#routes.row(ssrc), peer)
    this.#releaseHeld(id, now)
  }

  /** What was held of a browser goes where it should once both its SSRC and its route are known. */
  #releaseHeld(id: PeerId, now: number): void {
    const owner = this.#peers.get(id)
    const webrtcPeer = this.#webrtcPeers.get(id)
    if (owner === undefined || webrtcPeer === undefined) return
    const isKnown = (clientSsrc: number) => this.#routes.isRouted(webrtcPeer.toNode.get(clientSsrc) ?? -1)
    const take = (batch: Batch, slot: number) => this.#webrtcRtp(batch, slot, owner, webrtcPeer, now)
    this.#webrtcPeers.held.release(id, isKnown, take)
    this.#io.flush()
  }

  #resetRow(row: number, owner: Peer): void {
    if (row < 0 || this.#routes.owners[row] !== owner.id) return
    this.#routes.resetRow(row)
    this.#rtcpInput.forget(this.#routes.ssrcs[row]!)
  }

  #removePeer(id: number): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    this.#reports.remove(peer)
    this.#webrtcPeers.remove(peer)
    for (const ssrc of peer.ssrcs) this.#rtcpInput.forget(ssrc)
    this.#nackResponder.forgetPeer(id)
    this.#routes.removePeer(id, peer.ssrcs)
    this.#peers.remove(peer)
    this.#io.removePeer(id)
  }

  #datagram(batch: Batch, slot: number, now: number): void {
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
        return this.#rtp(batch, slot, now)
      case DatagramKind.Rtcp:
        return this.#rtcp(batch, slot, now)
      case DatagramKind.Discovery:
        return this.#responder.discovery(batch, slot, now)
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

  /** The SSRC says whose key opens a packet, wherever it comes from; the key then says whether that is true. */
  #rtp(batch: Batch, slot: number, now: number): void {
    const { view } = batch
    const offset = slot * SLOT
    const row = this.#routes.row(view.getInt32(offset + RTP_SSRC))
    const owner = row < 0 ? undefined : this.#peers.get(this.#routes.owners[row]!)
    if (owner === undefined || owner.isWebrtc)
      return this.#laneStats.drop(this.#ingress.isKnown(batch, slot) ? Drop.foreignSsrc : Drop.unknownSender)
    if (!this.#ingress.openRtp(batch, slot, row, owner, now)) return
    const mapping = this.#routes.mappingOf(owner.id)
    if (this.#routes.audio[row] === 1 || mapping === DISCORD_MAPPING) this.#egress.deliver(batch, slot, row, owner, now)
    else this.#egress.deliverMapped(batch, slot, row, mapping, owner, now)
  }

  #fromWebrtcPeer(batch: Batch, slot: number, kind: DatagramKind, owner: Peer, now: number): void {
    const webrtcPeer = this.#webrtcPeers.get(owner.id)!
    if (kind === DatagramKind.Rtp) return this.#webrtcRtp(batch, slot, owner, webrtcPeer, now)
    if (kind === DatagramKind.Rtcp) return this.#ownedRtcp(batch, slot, owner, now)
    if (kind !== DatagramKind.Dtls) return this.#laneStats.drop(Drop.unclassified)
    const event = this.#webrtcPeers.dtls(batch, slot, owner, now)
    if (event !== undefined) this.#events.push(event)
  }

  /** Where it came from says whose a browser's packet is. Its SSRC, type and extensions are the browser's own. */
  #webrtcRtp(batch: Batch, slot: number, owner: Peer, webrtcPeer: WebrtcPeer, now: number): void {
    const clientSsrc = batch.view.getInt32(slot * SLOT + RTP_SSRC)
    const ssrc = nodeSsrc(webrtcPeer, batch, slot, owner.ssrcs[0]!)
    if (ssrc < 0) return this.#webrtcPeers.unknown(owner, webrtcPeer, batch, slot, now)
    const row = this.#routes.row(ssrc)
    if (row < 0 || this.#routes.owners[row] !== owner.id) return this.#laneStats.drop(Drop.foreignSsrc)
    if (!this.#ingress.openRtp(batch, slot, row, owner, now)) return
    if (!webrtcPeer.toNode.has(clientSsrc)) mapSsrc(webrtcPeer, clientSsrc, ssrc)
    this.#webrtcPeers.arrived(owner, webrtcPeer, batch, slot, clientSsrc, now)
    batch.view.setInt32(slot * SLOT + RTP_SSRC, ssrc)
    this.#egress.deliverMapped(batch, slot, row, webrtcPeer.mapping, owner, now)
  }

  #rtcp(batch: Batch, slot: number, now: number): void {
    const row = this.#routes.row(batch.view.getInt32(slot * SLOT + RTCP_SENDER_SSRC))
    const owner =
      row < 0 ? this.#peers.at(batch.addresses, slot * ADDRESS_WORDS) : this.#peers.get(this.#routes.owners[row]!)
    if (owner === undefined || owner.isWebrtc) return this.#laneStats.drop(Drop.unknownSender)
    this.#ownedRtcp(batch, slot, owner, now)
  }

  #ownedRtcp(batch: Batch, slot: number, owner: Peer, now: number): void {
    if (this.#ingress.openRtcp(batch, slot, owner, now)) this.#rtcpInput.read(batch, slot, owner, now)
  }

  /** The engine hears of new addresses between batches only. */
  #applyBindings(): void {
    const { rebound } = this.#peers
    if (rebound.length === 0) return
    for (const peer of rebound) {
      this.#io.setAddress(peer.id, peer.address, 0)
      this.#events.push({ kind: 'addressBound', peer: peer.id, address: readAddress(peer.address, 0) })
    }
    rebound.length = 0
  }

  #noteExhausted(): void {
    const exhausted = this.#io.takeExhausted()
    if (exhausted.length === 0) return
    for (const peer of exhausted) this.#events.push({ kind: 'nonceExhausted', peer })
  }
}
