// Hot: a batch of datagrams in, sealed copies out. The lane without its socket: it looks routes up and decides nothing.
import { classifyDatagram, DatagramKind, isSrtpProfile, RTCP_SENDER_SSRC, RTP_SSRC } from '@parley/protocol'
import type { LaneCommand, LaneEvent, PeerId } from '../lane/commands.ts'
import { ADDRESS_WORDS, type Batch, type PacketIo, SLOT } from '../lane/packet-io.ts'
import { LIMITS } from '../limits.ts'
import { Answers } from './address/discovery.ts'
import { type Peer, Peers } from './address/peers.ts'
import { readAddress } from './address/socket-address.ts'
import { Delivery } from './egress.ts'
import { Forwarder } from './forward/forwarder.ts'
import { RouteTable } from './forward/route-table.ts'
import { makeForm, NATIVE_FORM } from './forward/rtp-mapping.ts'
import { Utterances } from './forward/talkspurts.ts'
import { Admission } from './ingress.ts'
import { LaneEvents } from './lane-events.ts'
import { Drop, LaneTally } from './lane-stats.ts'
import type { LaneSurroundings } from './lane-surroundings.ts'
import { KeyframeRequests } from './loss/keyframe-requests.ts'
import { PacketRequests } from './loss/nack-generator.ts'
import { Retransmission } from './loss/nack-responder.ts'
import { SourceClocks } from './receive/clock-map.ts'
import { ReceiveStats } from './receive/receive-stats.ts'
import { ReplayWindows } from './receive/replay-window.ts'
import { ReceiverReports } from './rtcp/receiver-reports.ts'
import { SenderReports } from './rtcp/sender-reports.ts'
import { Feedback } from './rtcp-input.ts'
import { type Browser, Browsers, mapSsrc, nodeSsrc } from './webrtc/webrtc-peers.ts'

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
  readonly #utterances: Utterances
  readonly #retransmission: Retransmission
  readonly #keyframes: KeyframeRequests
  readonly #requests: PacketRequests
  readonly #tally = new LaneTally()
  readonly #answers: Answers
  readonly #browsers: Browsers
  readonly #feedback: Feedback
  readonly #admission: Admission
  readonly #delivery: Delivery
  readonly #busy: () => number
  readonly #events = new LaneEvents()

  constructor(io: PacketIo, { busy = () => 0, stunMac, timeOrigin = 0 }: LaneSurroundings = {}) {
    this.#io = io
    this.#busy = busy
    const replay = new ReplayWindows()
    const stats = new ReceiveStats()
    const clocks = new SourceClocks(stats)
    const forwarder = new Forwarder(io, this.#tally)
    this.#browsers = new Browsers(io, this.#peers, this.#tally, stunMac)
    this.#retransmission = new Retransmission(io, forwarder)
    const ownSsrc = (peer: number, ssrc: number) => this.#browsers.get(peer)?.toOwn.get(ssrc) ?? ssrc
    this.#reports = new ReceiverReports(io, this.#routes, stats, ownSsrc)
    this.#answers = new Answers(io, this.#peers, this.#routes, this.#tally)
    this.#utterances = new Utterances(this.#routes, forwarder)
    const known = {
      ...{ io, peers: this.#peers, routes: this.#routes, tally: this.#tally },
      ...{ replay, stats, clocks, utterances: this.#utterances },
    }
    this.#senderReports = new SenderReports(known, timeOrigin)
    this.#keyframes = new KeyframeRequests({ io, routes: this.#routes, ownSsrc })
    this.#requests = new PacketRequests({ io, routes: this.#routes, ownSsrc }, this.#keyframes)
    this.#routes.keep(replay, stats, clocks, this.#utterances, this.#senderReports)
    const parts = {
      ...known,
      ...{ reports: this.#reports, senderReports: this.#senderReports, browsers: this.#browsers },
      ...{ retransmission: this.#retransmission, keyframes: this.#keyframes, requests: this.#requests },
      ...{ forwarder, events: this.#events },
    }
    this.#feedback = new Feedback(parts)
    this.#admission = new Admission(parts)
    this.#delivery = new Delivery(parts)
  }

  /** When it wants `tick`, `Infinity` if never. */
  get deadline(): number {
    const reports = Math.min(this.#reports.deadline, this.#senderReports.deadline)
    return Math.min(reports, this.#requests.deadline, this.#utterances.deadline, this.#browsers.deadline)
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
      case 'addBrowser':
        return this.#addBrowser(command, now)
      case 'setForm':
        return this.#routes.setForm(command.peer, makeForm(command.form))
      case 'removeBrowser':
        return this.#browsers.end(this.#peers.get(command.peer))
      case 'mapSsrc':
        return this.#mapSsrc(command, now)
      case 'sendDatagram':
        return this.#browsers.sendDatagram(this.#peers.get(command.peer), command.bytes)
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
        this.#feedback.forget(command.ssrc)
        return this.#routes.removeRoute(command.ssrc, command.silence ? now + LIMITS.silenceWindow : undefined)
      case 'askKeyframe':
        this.#keyframes.ask(command.ssrc, now)
        return this.#io.flush()
      case 'report':
        this.#events.push({ kind: 'counters', counters: this.#tally.counters(this.#io.sent, this.#busy()) })
    }
  }

  /** Handles the datagrams of one wake-up and sends what they cause. The batch's bytes are changed. */
  receive(batch: Batch, now: number): void {
    if (batch.lost > 0) this.#tally.drop(Drop.overload, batch.lost)
    for (let slot = 0; slot < batch.count; slot++) this.#datagram(batch, slot, now)
    this.#io.flush()
    this.#applyBindings()
    this.#noteExhausted()
  }

  /** Sends what is due: reports, requests, silence, and looks which browsers are still there. */
  tick(now: number): void {
    if (now < this.deadline) return
    for (const peer of this.#browsers.tick(now)) this.#events.push({ kind: 'consentLost', peer })
    if (now >= this.#requests.deadline) this.#requests.tick(now)
    if (now >= this.#utterances.deadline) this.#utterances.tick(now)
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
      browsers: this.#browsers.size,
      browserAddresses: this.#browsers.addresses,
      reports: this.#reports.size,
      videos: this.#retransmission.size,
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
    if (peer === undefined || (isSrtpProfile(command.protection) && !peer.isBrowser)) return
    if (peer.isBrowser && !isSrtpProfile(command.protection)) this.#becomeNative(peer)
    this.#io.protectPeer(peer.id, command.protection, command.key, command.nonceStart)
    for (const ssrc of peer.ssrcs) this.#resetRow(this.#routes.row(ssrc), peer)
    this.#peers.protect(peer, command.claimed)
    this.#applyBindings()
  }

  #addBrowser(command: LaneCommand & { kind: 'addBrowser' }, now: number): void {
    const peer = this.#peers.get(command.peer)
    if (peer === undefined || !this.#browsers.areServed) return
    const browser = this.#browsers.add(peer, command, now)
    this.#routes.setForm(peer.id, browser.form)
  }

  #becomeNative(peer: Peer): void {
    this.#browsers.end(peer)
    peer.isBrowser = false
    this.#routes.setForm(peer.id, NATIVE_FORM)
  }

  #mapSsrc({ peer: id, own, ssrc }: LaneCommand & { kind: 'mapSsrc' }, now: number): void {
    const peer = this.#peers.get(id)
    if (peer === undefined || !this.#browsers.map(peer, own, ssrc)) return
    this.#resetRow(this.#routes.row(ssrc), peer)
    this.#releaseHeld(id, now)
  }

  /** What was held of a browser goes where it should once both its SSRC and its route are known. */
  #releaseHeld(id: PeerId, now: number): void {
    const owner = this.#peers.get(id)
    const browser = this.#browsers.get(id)
    if (owner === undefined || browser === undefined) return
    const isKnown = (own: number) => this.#routes.isRouted(browser.toNode.get(own) ?? -1)
    const take = (batch: Batch, slot: number) => this.#browserRtp(batch, slot, owner, browser, now)
    this.#browsers.held.release(id, isKnown, take)
    this.#io.flush()
  }

  #resetRow(row: number, owner: Peer): void {
    if (row < 0 || this.#routes.owners[row] !== owner.id) return
    this.#routes.resetRow(row)
    this.#feedback.forget(this.#routes.ssrcs[row]!)
  }

  #removePeer(id: number): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    this.#reports.remove(peer)
    this.#browsers.remove(peer)
    for (const ssrc of peer.ssrcs) this.#feedback.forget(ssrc)
    this.#retransmission.forgetPeer(id)
    this.#routes.removePeer(id, peer.ssrcs)
    this.#peers.remove(peer)
    this.#io.removePeer(id)
  }

  #datagram(batch: Batch, slot: number, now: number): void {
    const length = batch.lengths[slot]!
    this.#tally.datagram(length)
    if (length > SLOT) return this.#tally.drop(Drop.oversize)
    const kind = classifyDatagram(batch.view, slot * SLOT, length)
    if (this.#browsers.size > 0) {
      if (kind === DatagramKind.Stun) return this.#browsers.check(batch, slot, now)
      const browser = this.#browsers.at(batch.addresses, slot * ADDRESS_WORDS)
      if (browser !== undefined) return this.#fromBrowser(batch, slot, kind, browser, now)
    }
    switch (kind) {
      case DatagramKind.Rtp:
        return this.#rtp(batch, slot, now)
      case DatagramKind.Rtcp:
        return this.#rtcp(batch, slot, now)
      case DatagramKind.Discovery:
        return this.#answers.discovery(batch, slot, now)
      case DatagramKind.Ping:
        return this.#answers.ping(batch, slot, now)
      case DatagramKind.Keepalive:
        return this.#answers.keepalive(batch, slot, now)
      case DatagramKind.Stun:
      case DatagramKind.Dtls:
      case DatagramKind.Unknown:
        return this.#tally.drop(Drop.unclassified)
    }
  }

  /** The SSRC says whose key opens a packet, wherever it comes from; the key then says whether that is true. */
  #rtp(batch: Batch, slot: number, now: number): void {
    const { view } = batch
    const offset = slot * SLOT
    const row = this.#routes.row(view.getInt32(offset + RTP_SSRC))
    const owner = row < 0 ? undefined : this.#peers.get(this.#routes.owners[row]!)
    if (owner === undefined || owner.isBrowser)
      return this.#tally.drop(this.#admission.isKnown(batch, slot) ? Drop.foreignSsrc : Drop.unknownSource)
    if (!this.#admission.openRtp(batch, slot, row, owner, now)) return
    const form = this.#routes.formOf(owner.id)
    if (this.#routes.audio[row] === 1 || form === NATIVE_FORM) this.#delivery.deliver(batch, slot, row, owner, now)
    else this.#delivery.deliverOwn(batch, slot, row, form, owner, now)
  }

  #fromBrowser(batch: Batch, slot: number, kind: DatagramKind, owner: Peer, now: number): void {
    const browser = this.#browsers.get(owner.id)!
    if (kind === DatagramKind.Rtp) return this.#browserRtp(batch, slot, owner, browser, now)
    if (kind === DatagramKind.Rtcp) return this.#ownedRtcp(batch, slot, owner, now)
    if (kind !== DatagramKind.Dtls) return this.#tally.drop(Drop.unclassified)
    const event = this.#browsers.dtls(batch, slot, owner, now)
    if (event !== undefined) this.#events.push(event)
  }

  /** Where it came from says whose a browser's packet is. Its SSRC, type and extensions are the browser's own. */
  #browserRtp(batch: Batch, slot: number, owner: Peer, browser: Browser, now: number): void {
    const own = batch.view.getInt32(slot * SLOT + RTP_SSRC)
    const ssrc = nodeSsrc(browser, batch, slot, owner.ssrcs[0]!)
    if (ssrc < 0) return this.#browsers.unknown(owner, browser, batch, slot, now)
    const row = this.#routes.row(ssrc)
    if (row < 0 || this.#routes.owners[row] !== owner.id) return this.#tally.drop(Drop.foreignSsrc)
    if (!this.#admission.openRtp(batch, slot, row, owner, now)) return
    if (!browser.toNode.has(own)) mapSsrc(browser, own, ssrc)
    this.#browsers.arrived(owner, browser, batch, slot, own, now)
    batch.view.setInt32(slot * SLOT + RTP_SSRC, ssrc)
    this.#delivery.deliverOwn(batch, slot, row, browser.form, owner, now)
  }

  #rtcp(batch: Batch, slot: number, now: number): void {
    const row = this.#routes.row(batch.view.getInt32(slot * SLOT + RTCP_SENDER_SSRC))
    const owner =
      row < 0 ? this.#peers.at(batch.addresses, slot * ADDRESS_WORDS) : this.#peers.get(this.#routes.owners[row]!)
    if (owner === undefined || owner.isBrowser) return this.#tally.drop(Drop.unknownSource)
    this.#ownedRtcp(batch, slot, owner, now)
  }

  #ownedRtcp(batch: Batch, slot: number, owner: Peer, now: number): void {
    if (this.#admission.openRtcp(batch, slot, owner, now)) this.#feedback.read(batch, slot, owner, now)
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
