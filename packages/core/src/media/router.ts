// Hot: a batch of datagrams in, sealed copies out. The lane without its socket: it looks routes up and decides nothing.
// Control's commands change the tables (those about peers: `PeerLives`); the parts below look them up. Per datagram: `Demultiplexer` chooses the path,
// `Ingress` opens and checks, `Egress` forwards, `RtcpInput` reads RTCP.
import type { Batch } from '../lane/batch.ts'
import type { LaneCommand, LaneEvent, LaneId, PeerId } from '../lane/commands.ts'
import { type LaneMeasurement, nothingMeasured } from '../lane/latency.ts'
import type { PacketIo } from '../lane/packet-io.ts'
import type { RingInput, RingOutput } from '../lane/packet-ring.ts'
import { LIMITS } from '../limits.ts'
import { AddressResponder } from './address/discovery.ts'
import { type Peer, Peers } from './address/peers.ts'
import { readAddress } from './address/socket-address.ts'
import { Backlog } from './backlog.ts'
import { BitrateLimits } from './bitrate/bitrate-limits.ts'
import { Demultiplexer } from './demultiplexer.ts'
import { Egress } from './egress.ts'
import { Forwarder } from './forward/forwarder.ts'
import type { RingOutputs } from './forward/ring-outputs.ts'
import { Talkspurts } from './forward/talkspurts.ts'
import { Ingress } from './ingress.ts'
import { Drop, LaneStats } from './lane-stats.ts'
import { KeyframeRequests } from './loss/keyframe-requests.ts'
import { NackGenerator } from './loss/nack-generator.ts'
import { NackResponder } from './loss/nack-responder.ts'
import { PeerLives } from './peer-lives.ts'
import { qualitiesOf } from './peer-quality.ts'
import { RingInputs } from './ring-inputs.ts'
import type { RouterCounts, RouterOptions } from './router-interface.ts'
import { ReceiverReports } from './rtcp/receiver-reports.ts'
import { SenderReports } from './rtcp/sender-reports.ts'
import { RtcpInput } from './rtcp-input.ts'
import { LayeredSources } from './streams/layered-sources.ts'
import { RouteTable } from './streams/route-table.ts'
import { RtpMappings } from './streams/rtp-mapping.ts'
import { SendStreams } from './streams/send-streams.ts'
import { Viewers } from './viewers/viewers.ts'
import { WebrtcPeers } from './webrtc/webrtc-peers.ts'

/**
 * The lane as a sans-IO machine: inputs are `command`, `receive` and `tick`, outputs go to the packet engine at once and to
 * `takeEvents`. Per packet nothing allocates and nothing throws; a bad datagram is a counter.
 */
export class Router {
  readonly #io: PacketIo
  readonly #measured: () => LaneMeasurement
  readonly #events: LaneEvent[] = []
  readonly #laneStats = new LaneStats()
  readonly #backlog = new Backlog()
  readonly #peers = new Peers()
  readonly #bitrates = new BitrateLimits()
  readonly #keyframes: KeyframeRequests
  readonly #sources: LayeredSources
  readonly #routes: RouteTable
  readonly #sendStreams = new SendStreams(this.#peers)
  readonly #mappings = new RtpMappings()
  readonly #webrtcPeers: WebrtcPeers
  readonly #talkspurts: Talkspurts
  readonly #nackResponder: NackResponder
  readonly #nackGenerator: NackGenerator
  readonly #reports: ReceiverReports
  readonly #senderReports: SenderReports
  readonly #viewers: Viewers
  readonly #peerLives: PeerLives
  readonly #demultiplexer: Demultiplexer
  readonly #inputs: RingInputs
  readonly #outputs: RingOutputs
  readonly #suspend = (peer: Peer): void => this.#io.dropAddress(peer.id)

  constructor(io: PacketIo, { measured = nothingMeasured, stunMac, timeOrigin = 0 }: RouterOptions = {}) {
    this.#io = io
    this.#measured = measured
    this.#keyframes = new KeyframeRequests(io, this.#events)
    this.#sources = new LayeredSources((stream, now) => void this.#keyframes.request(stream, now))
    this.#routes = new RouteTable(this.#sources)
    const forwarder = new Forwarder(io, this.#sendStreams, this.#laneStats)
    this.#webrtcPeers = new WebrtcPeers(io, this.#peers, this.#laneStats, this.#mappings, stunMac)
    this.#talkspurts = new Talkspurts(forwarder)
    this.#nackResponder = new NackResponder({
      peers: this.#peers,
      forwarder,
      sendStreams: this.#sendStreams,
      routes: this.#routes,
    })
    this.#nackGenerator = new NackGenerator(io, this.#keyframes)
    this.#reports = new ReceiverReports(io, this.#routes)
    this.#senderReports = new SenderReports(io, this.#routes, timeOrigin)
    const parts = {
      io,
      forwarder,
      peers: this.#peers,
      routes: this.#routes,
      webrtcPeers: this.#webrtcPeers,
      talkspurts: this.#talkspurts,
      nackResponder: this.#nackResponder,
      keyframes: this.#keyframes,
      nackGenerator: this.#nackGenerator,
      reports: this.#reports,
      bitrates: this.#bitrates,
      senderReports: this.#senderReports,
      backlog: this.#backlog,
      sources: this.#sources,
      sendStreams: this.#sendStreams,
      laneStats: this.#laneStats,
      events: this.#events,
    }
    this.#viewers = new Viewers(parts)
    this.#sources.estimateOf = viewer => this.#viewers.estimateOf(viewer)
    this.#sources.isLimited = viewer => this.#viewers.isStamped(viewer)
    this.#sources.onChange = (viewer, now) => this.#viewers.changed(viewer, now)
    this.#peerLives = new PeerLives({ ...parts, viewers: this.#viewers })
    const egress = new Egress(parts)
    this.#outputs = forwarder.outputs
    this.#inputs = new RingInputs({ ...parts, egress })
    this.#demultiplexer = new Demultiplexer({
      ...parts,
      egress,
      responder: new AddressResponder(parts),
      ingress: new Ingress(parts),
      rtcpInput: new RtcpInput({ ...parts, viewers: this.#viewers, timeOrigin }),
    })
  }

  /** When `tick` has something to do; `Infinity` if never. */
  get deadline(): number {
    const reports = Math.min(this.#reports.deadline, this.#senderReports.deadline, this.#peers.deadline)
    const media = Math.min(this.#nackGenerator.deadline, this.#talkspurts.deadline, this.#sources.deadline)
    return Math.min(reports, media, this.#webrtcPeers.deadline, this.#viewers.deadline)
  }

  /** All events since the last call. */
  takeEvents(): readonly LaneEvent[] {
    return this.#events.length === 0 ? NO_EVENTS : this.#events.splice(0)
  }

  /** Applies a command. One that names a peer, list or SSRC that does not exist does nothing. */
  command(command: LaneCommand, now: number): void {
    switch (command.kind) {
      case 'addPeer':
        return this.#peerLives.add(command)
      case 'protectPeer':
        this.#peerLives.protect(command, now)
        return this.#applyBindings()
      case 'addWebrtcPeer':
        return this.#peerLives.addWebrtc(command, now)
      case 'setRtpMapping':
        return this.#routes.setRtpMapping(command.peer, this.#mappings.get(command.mapping), false, now)
      case 'removeWebrtcPeer':
        return this.#webrtcPeers.end(this.#peers.get(command.peer))
      case 'mapSsrc':
        if (this.#peerLives.mapSsrc(command)) this.#releaseHeld(command.peer, now)
        return
      case 'sendDatagram':
        return this.#webrtcPeers.sendDatagram(this.#peers.get(command.peer), command.bytes)
      case 'removePeer':
        return this.#peerLives.remove(command.peer)
      case 'setSessionIp':
        this.#peerLives.setSessionIp(command, now)
        return this.#applyBindings()
      case 'limitBitrate':
        return this.#peerLives.limitBitrate(command, now)
      case 'openTargets':
        return this.#routes.openTargets(command, now)
      case 'addTarget':
        return this.#routes.addTarget(command.targets, command.peer, now)
      case 'removeTarget':
        return this.#routes.removeTarget(command.targets, command.peer)
      case 'closeTargets':
        return this.#senderReports.listClosed(this.#routes.closeTargets(command.targets))
      case 'refuseSealed':
        return this.#routes.refuseSealed(command.peer, now)
      case 'setRoute':
        this.#routes.setRoute(command, now)
        return this.#releaseHeld(command.owner, now)
      case 'removeRoute':
        return this.#removeRoute(command, now)
      case 'askKeyframe':
        return this.#requestKeyframe(command, now)
      case 'setWants':
        return this.#setWants(command, now)
      case 'reportPeers':
        return void this.#events.push({ kind: 'qualities', qualities: qualitiesOf(this.#peers, this.#routes) })
      case 'report':
        this.#sources.reportSome()
        this.#events.push(...this.#sources.takeReports(now), ...this.#bitrates.takeEvents())
        this.#events.push({
          kind: 'counters',
          counters: this.#laneStats.counters(this.#io.sent, this.#measured(), this.#sources.counts()),
        })
    }
  }

  /** Handles the datagrams of one wake-up and sends what they cause. The batch's bytes are changed. */
  receive(batch: Batch, now: number): void {
    this.#viewers.now = now
    if (batch.lost > 0) this.#laneStats.drop(Drop.overload, batch.lost)
    this.#backlog.read(batch, now)
    for (let slot = 0; slot < batch.count; slot++) this.#demultiplexer.datagram(batch, slot, now)
    this.#io.flush()
    this.#applyBindings()
    this.#noteExhausted()
  }

  /** Packets of the lane arrive through the ring from now on. It replaces an earlier one from there, as does one in `addOutput`. */
  addInput(lane: LaneId, input: RingInput): void {
    this.#inputs.add(lane, input)
  }

  /** Packets for the lane leave through the ring. */
  addOutput(lane: LaneId, output: RingOutput): void {
    this.#outputs.add(lane, output)
  }

  /** Whether packets of other lanes wait. Per turn: no allocation. */
  get hasCrossed(): boolean {
    return !this.#inputs.isEmpty
  }

  /** Handles what arrived from other lanes, at most `limit` packets of each. Returns how many there were. */
  receiveCrossed(limit: number, now: number): number {
    this.#viewers.now = now
    const count = this.#inputs.receive(limit, now)
    if (count === 0) return 0
    this.#io.flush()
    this.#noteExhausted()
    return count
  }

  /** Sends what is due (reports, requests, silence) and expires consent. */
  tick(now: number): void {
    if (now < this.deadline) return
    for (const peer of this.#webrtcPeers.tick(now)) this.#events.push({ kind: 'consentLost', peer })
    this.#applyBindings()
    this.#peers.tick(now, this.#suspend)
    if (now >= this.#nackGenerator.deadline) this.#nackGenerator.tick(now)
    if (now >= this.#talkspurts.deadline) this.#talkspurts.tick(now)
    if (now >= this.#reports.deadline) this.#reports.tick(now)
    if (now >= this.#senderReports.deadline) this.#senderReports.tick(now)
    if (now >= this.#sources.deadline) {
      this.#sources.tick(now)
      this.#events.push(...this.#sources.takeReports(now))
    }
    if (now >= this.#viewers.deadline) this.#viewers.tick(now)
    this.#io.flush()
    this.#noteExhausted()
  }

  /** Removes every peer and route. */
  close(): void {
    for (const id of this.#peers.ids()) this.#peerLives.remove(id)
    for (const list of this.#routes.closeAll()) this.#senderReports.listClosed(list)
  }

  inspect(): RouterCounts {
    return {
      peers: this.#peers.size,
      addresses: this.#peers.addresses,
      webrtcPeers: this.#webrtcPeers.size,
      webrtcAddresses: this.#webrtcPeers.addresses,
      reports: this.#reports.size,
      videos: this.#nackResponder.size,
      sendStreams: this.#sendStreams.size,
      talkspurts: this.#talkspurts.size,
      viewers: this.#viewers.size,
      limited: this.#bitrates.size,
      ...this.#routes.inspect(),
    }
  }

  /** Forwards held packets of a WebRTC client whose SSRC and route are both known now. */
  #releaseHeld(id: PeerId, now: number): void {
    const owner = this.#peers.get(id)
    const webrtcPeer = this.#webrtcPeers.get(id)
    if (owner === undefined || webrtcPeer === undefined) return
    const isKnown = (clientSsrc: number) => {
      const stream = webrtcPeer.streams.get(clientSsrc)
      return stream !== undefined && this.#routes.isRouted(stream)
    }
    const take = (batch: Batch, slot: number) => this.#demultiplexer.webrtcRtp(batch, slot, owner, webrtcPeer, now)
    this.#webrtcPeers.held.release(id, isKnown, take)
    this.#io.flush()
  }

  #removeRoute({ ssrc, silence }: LaneCommand & { kind: 'removeRoute' }, now: number): void {
    const stream = this.#routes.stream(ssrc)
    if (stream === undefined) return
    for (const layer of this.#sources.of(stream)?.layers ?? []) this.#peerLives.forgetVideo(layer.stream)
    this.#routes.removeRoute(stream, silence ? now + LIMITS.silenceWindow : undefined)
  }

  #setWants({ peer, any, wants, pixelCounts }: LaneCommand & { kind: 'setWants' }, now: number): void {
    this.#sources.setWants(peer, { any, wants: new Map(wants), pixelCounts: new Map(pixelCounts) }, now)
    this.#io.flush()
  }

  #requestKeyframe({ ssrc, isLayer }: LaneCommand & { kind: 'askKeyframe' }, now: number): void {
    const stream = this.#routes.stream(ssrc)
    if (stream === undefined) return
    const layers = this.#sources.of(stream)?.layers ?? []
    if (isLayer === true || layers.length <= 1) this.#keyframes.request(stream, now)
    else for (const layer of layers) if (layer.targets.count > 0) this.#keyframes.request(layer.stream, now)
    this.#io.flush()
  }

  /** The engine takes new addresses between batches only. */
  #applyBindings(): void {
    const { rebound } = this.#peers
    if (rebound.length === 0) return
    for (const peer of rebound) {
      this.#io.setAddress(peer.id, peer.address, 0)
      this.#events.push({ kind: 'addressBound', peer: peer.id, address: readAddress(peer.address, 0) })
    }
    rebound.length = 0
  }

  /** Such peers need a new key, which only control can give them. */
  #noteExhausted(): void {
    for (const peer of this.#io.takeExhausted()) this.#events.push({ kind: 'nonceExhausted', peer })
  }
}

const NO_EVENTS: readonly LaneEvent[] = []
