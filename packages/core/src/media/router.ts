// Hot: a batch of datagrams in, sealed copies out. The lane without its socket: it looks routes up and decides nothing.
import {
  classifyDatagram,
  DatagramKind,
  isRtxType,
  isSrtpProfile,
  RTCP_SENDER_SSRC,
  RTP_PAYLOAD_TYPE,
  RTP_SEQUENCE,
  RTP_SSRC,
  RTP_TIMESTAMP,
} from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { Answers } from './answers.ts'
import { type Browser, Browsers, mapSsrc, nodeSsrc } from './browsers.ts'
import { Feedback } from './feedback.ts'
import { type Form, makeForm, NATIVE_FORM } from './form.ts'
import { Forwarder } from './forwarder.ts'
import type { LaneCommand, LaneEvent } from './lane.ts'
import type { LaneSurroundings } from './lane-surroundings.ts'
import { Drop, LaneTally } from './lane-tally.ts'
import { ADDRESS_WORDS, type Batch, type PacketIo, SLOT } from './packet-io.ts'
import { isAt, isExpectedAt, type Peer, Peers } from './peers.ts'
import { ReceiveStats } from './receive-stats.ts'
import { ReceiverReports } from './receiver-reports.ts'
import { ReplayWindows } from './replay-window.ts'
import { Retransmission } from './retransmission.ts'
import { RouteTable } from './route-table.ts'
import { readAddress } from './socket-address.ts'
import { SourceRates } from './source-rates.ts'
import { prepareAudio, silencePacket, trimPacket } from './trim-packet.ts'

/** Timestamps per millisecond: Opus at 48 kHz, video at 90 kHz. */
const AUDIO_CLOCK = 48
const VIDEO_CLOCK = 90
const NOTHING: readonly LaneEvent[] = []

const ssrcOf = ({ view }: Batch, slot: number): number => view.getUint32(slot * SLOT + RTP_SSRC)

/**
 * The lane as a sans-IO machine: inputs are `command`, `receive` and `tick`, outputs go to the packet engine at once and to
 * `takeEvents`. Per packet nothing allocates and nothing throws; what is wrong with a datagram is a counter.
 */
export class Router {
  readonly #io: PacketIo
  readonly #peers = new Peers()
  readonly #replay = new ReplayWindows()
  readonly #stats = new ReceiveStats()
  readonly #routes = new RouteTable([this.#replay, this.#stats])
  readonly #reports: ReceiverReports
  readonly #tally = new LaneTally()
  readonly #answers: Answers
  readonly #failures = new SourceRates({
    perSecond: LIMITS.failuresPerSecond,
    blockFor: LIMITS.ignoreSource,
    ignoresPort: true,
  })
  readonly #browsers: Browsers
  readonly #retransmission: Retransmission
  readonly #feedback: Feedback
  readonly #forwarder: Forwarder
  readonly #busy: () => number
  #events: LaneEvent[] = []

  constructor(io: PacketIo, { busy = () => 0, stunMac }: LaneSurroundings = {}) {
    this.#io = io
    this.#busy = busy
    this.#forwarder = new Forwarder(io, this.#tally)
    this.#browsers = new Browsers(io, this.#peers, this.#tally, stunMac)
    this.#retransmission = new Retransmission(io, this.#forwarder)
    this.#feedback = new Feedback({
      ...{ io, routes: this.#routes, stats: this.#stats, browsers: this.#browsers },
      ...{ retransmission: this.#retransmission, tally: this.#tally },
    })
    const ownSsrc = (peer: number, ssrc: number) => this.#browsers.get(peer)?.toOwn.get(ssrc) ?? ssrc
    this.#reports = new ReceiverReports(io, this.#routes, this.#stats, ownSsrc)
    this.#answers = new Answers(io, this.#peers, this.#routes, this.#tally)
  }

  /** When it wants `tick`, `Infinity` if never. */
  get deadline(): number {
    return Math.min(this.#reports.deadline, this.#browsers.deadline)
  }

  /** All events since the last call. */
  takeEvents(): readonly LaneEvent[] {
    if (this.#events.length === 0) return NOTHING
    const taken = this.#events
    this.#events = []
    return taken
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
        return this.#mapSsrc(command)
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
        return this.#routes.setRoute(command.ssrc, command.owner, command.media === 'audio', command.targets)
      case 'removeRoute':
        this.#feedback.forget(command.ssrc)
        return this.#routes.removeRoute(command.ssrc, command.silence ? now + LIMITS.silenceWindow : undefined)
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

  /** Sends the receiver reports that are due, and looks which browsers are still there. */
  tick(now: number): void {
    if (now < this.deadline) return
    if (now >= this.#reports.deadline) this.#reports.tick(now)
    for (const peer of this.#browsers.tick(now)) this.#events.push({ kind: 'consentLost', peer })
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

  /** Another source now feeds the SSRC: what is known of its sequences is of no use. */
  #mapSsrc({ peer: id, own, ssrc }: LaneCommand & { kind: 'mapSsrc' }): void {
    const peer = this.#peers.get(id)
    if (peer !== undefined && this.#browsers.map(peer, own, ssrc)) this.#resetRow(this.#routes.row(ssrc), peer)
  }

  #resetRow(row: number, owner: Peer): void {
    if (row < 0 || this.#routes.owners[row] !== owner.id) return
    this.#replay.reset(row)
    this.#stats.reset(row)
  }

  #removePeer(id: number): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    this.#reports.remove(peer)
    this.#browsers.remove(peer)
    for (const ssrc of peer.ssrcs) this.#feedback.forget(ssrc)
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
      return this.#tally.drop(this.#isKnown(batch, slot) ? Drop.foreignSsrc : Drop.unknownSource)
    if (!this.#takeRtp(batch, slot, row, owner, now)) return
    const form = this.#routes.formOf(owner.id)
    if (this.#routes.audio[row] === 1 || form === NATIVE_FORM) this.#route(batch, slot, row, owner, now)
    else this.#routeOwn(batch, slot, row, form, owner, now)
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
    const row = ssrc < 0 ? -1 : this.#routes.row(ssrc)
    if (row < 0 || this.#routes.owners[row] !== owner.id) return this.#tally.drop(Drop.foreignSsrc)
    if (!this.#takeRtp(batch, slot, row, owner, now)) return
    if (!browser.toNode.has(own)) mapSsrc(browser, own, ssrc)
    this.#browsers.arrived(owner, browser, batch, slot, own, now)
    batch.view.setInt32(slot * SLOT + RTP_SSRC, ssrc)
    this.#routeOwn(batch, slot, row, browser.form, owner, now)
  }

  /** A packet with the client's own numbers, under the node's SSRC. */
  #routeOwn(batch: Batch, slot: number, row: number, form: Form, owner: Peer, now: number): void {
    const header = this.#forwarder.toNative(batch, slot, form)
    if (header < 0) return this.#tally.drop(Drop.malformed)
    if (!isRtxType(batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE)) return this.#route(batch, slot, row, owner, now)
    this.#retransmission.keepRepaired(batch, slot, ssrcOf(batch, slot) - 1, header)
  }

  /** Opens a packet whose SSRC has the row, and keeps count of it. Returns false if it was dropped. */
  #takeRtp(batch: Batch, slot: number, row: number, owner: Peer, now: number): boolean {
    if (batch.waited[slot]! > (this.#routes.audio[row] === 1 ? LIMITS.audioWait : LIMITS.videoWait)) {
      this.#tally.drop(Drop.overload)
      return false
    }
    const sequence = batch.view.getUint16(slot * SLOT + RTP_SEQUENCE)
    const timestamp = batch.view.getInt32(slot * SLOT + RTP_TIMESTAMP)
    if (!this.#mayOpen(batch, slot, owner, now)) return false
    if (!this.#replay.isFresh(row, sequence, timestamp)) {
      this.#tally.drop(Drop.replayed)
      return false
    }
    if (!this.#open(batch, slot, owner, now, false)) return false
    this.#replay.mark(row, sequence, timestamp)
    this.#stats.received(row, sequence, timestamp, now, this.#routes.audio[row] === 1 ? AUDIO_CLOCK : VIDEO_CLOCK)
    this.#reports.heard(owner, now)
    return true
  }

  #rtcp(batch: Batch, slot: number, now: number): void {
    const row = this.#routes.row(batch.view.getInt32(slot * SLOT + RTCP_SENDER_SSRC))
    const owner =
      row < 0 ? this.#peers.at(batch.addresses, slot * ADDRESS_WORDS) : this.#peers.get(this.#routes.owners[row]!)
    if (owner === undefined || owner.isBrowser) return this.#tally.drop(Drop.unknownSource)
    this.#ownedRtcp(batch, slot, owner, now)
  }

  #ownedRtcp(batch: Batch, slot: number, owner: Peer, now: number): void {
    if (this.#mayOpen(batch, slot, owner, now) && this.#open(batch, slot, owner, now, true))
      this.#feedback.read(batch, slot, owner, now)
  }

  #isKnown(batch: Batch, slot: number): boolean {
    return this.#peers.at(batch.addresses, slot * ADDRESS_WORDS) !== undefined
  }

  /** A peer's own address is always listened to, so that nobody can have it ignored by sending in its name. */
  #mayOpen(batch: Batch, slot: number, owner: Peer, now: number): boolean {
    const at = slot * ADDRESS_WORDS
    if (!owner.isProtected) this.#tally.drop(Drop.unprotected)
    else if (!isExpectedAt(owner, batch.addresses, at) && this.#failures.isBlocked(batch.addresses, at, now))
      this.#tally.drop(Drop.ignoredSource)
    else return true
    return false
  }

  #open(batch: Batch, slot: number, owner: Peer, now: number, isRtcp: boolean): boolean {
    const at = slot * ADDRESS_WORDS
    if (!this.#io.open(batch, slot, owner.id)) {
      const isForeign = !isAt(owner, batch.addresses, at) && this.#isKnown(batch, slot)
      this.#tally.drop(isForeign ? Drop.foreignSsrc : Drop.authentication)
      this.#failures.count(batch.addresses, at, now)
      return false
    }
    this.#tally.packet()
    if (!owner.isBrowser) this.#peers.verified(owner, batch.addresses, at, isRtcp, now)
    return true
  }

  #route(batch: Batch, slot: number, row: number, owner: Peer, now: number): void {
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
