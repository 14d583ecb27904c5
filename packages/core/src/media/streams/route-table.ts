// The streams of a lane by SSRC, and the target lists that their packets go to. Commands change it; packets only look it up.
import type { LaneCommand, LaneId, PeerId, TargetsId } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import type { Peer } from '../address/peers.ts'
import type { LayeredSource } from './layered-source.ts'
import type { LayeredSources, RoutedLayer } from './layered-sources.ts'
import { ReceiveStream } from './receive-stream.ts'
import type { RtpMapping } from './rtp-mapping.ts'
import { DISCORD_TRAITS, type ReceiverTraits, TargetList } from './target-list.ts'

type Route = Extract<LaneCommand, { kind: 'setRoute' }>

/** A peer as a receiver. */
interface Receiver {
  traits: ReceiverTraits
  /** The lists that it is in. */
  readonly lists: Set<TargetList>
}

/** Counts of what the table holds. */
export interface RouteCounts {
  ssrcs: number
  routes: number
  /** Routes that still forward their last packets as silence. */
  ending: number
  targetLists: number
  /** Memberships in lists. */
  targets: number
}

/** A route is a stream with a list of targets. */
export class RouteTable {
  /** By SSRC: the peer that may send it. */
  readonly #owners = new Map<number, Peer>()
  /** Those that a packet or a command has named: most SSRCs are never used. */
  readonly #streams = new Map<number, ReceiveStream>()
  readonly #lists = new Map<TargetsId, TargetList>()
  /** The streams whose packets go to a list. */
  readonly #routed = new Map<TargetList, Set<ReceiveStream>>()
  /** The sources of video whose viewers a list has. */
  readonly #watched = new Map<TargetList, Set<LayeredSource>>()
  readonly #receivers = new Map<PeerId, Receiver>()
  readonly #sources: LayeredSources
  #routes = 0

  constructor(sources: LayeredSources) {
    this.#sources = sources
  }

  /** An SSRC that belongs to another peer stays with it. */
  addPeer(peer: Peer): void {
    this.#receivers.set(peer.id, { traits: DISCORD_TRAITS, lists: new Set() })
    this.#sources.addPeer(peer.id)
    for (const ssrc of peer.ssrcs) if (!this.#owners.has(ssrc)) this.#owners.set(ssrc, peer)
  }

  /** Removes the peer from every list, and its streams with their routes. */
  removePeer(peer: Peer): void {
    for (const list of this.#receivers.get(peer.id)?.lists ?? []) this.#leave(list, peer.id)
    this.#receivers.delete(peer.id)
    this.#sources.removePeer(peer.id)
    for (const stream of this.streamsOf(peer)) {
      this.endRoute(stream)
      this.#streams.delete(stream.ssrc)
    }
    for (const ssrc of peer.ssrcs) if (this.#owners.get(ssrc) === peer) this.#owners.delete(ssrc)
  }

  /** The stream with this SSRC, if a peer has it. Per packet: allocates only for the first, with SSRCs below 2^31. */
  stream(ssrc: number): ReceiveStream | undefined {
    return this.#streams.get(ssrc) ?? this.#begin(ssrc)
  }

  /** Whether a packet of the peer has arrived. */
  hasReceived({ ssrcs }: Peer): boolean {
    for (let index = 0; index < ssrcs.length; index++)
      if (this.#streams.get(ssrcs[index]!)?.received !== undefined) return true
    return false
  }

  /** The streams of a peer's SSRCs that are its own, as far as anything has named them. */
  streamsOf(peer: Peer): ReceiveStream[] {
    const streams: ReceiveStream[] = []
    for (let index = 0; index < peer.ssrcs.length; index++) {
      const stream = this.#streams.get(peer.ssrcs[index]!)
      if (stream?.owner === peer) streams.push(stream)
    }
    return streams
  }

  /** Whether packets of the stream are forwarded: it has a route or, for an RTX stream, the video before it has. */
  isRouted(stream: ReceiveStream): boolean {
    const video = this.#streams.get(stream.ssrc - 1)
    return stream.targets !== undefined || (video?.targets !== undefined && !video.isAudio)
  }

  /** The streams whose packets go to the list. */
  routedTo(list: TargetList): ReadonlySet<ReceiveStream> {
    return this.#routed.get(list) ?? new Set()
  }

  /** Ignored for a list that is open; its peers, as those of `addTarget`. */
  openTargets({ targets, peers }: Extract<LaneCommand, { kind: 'openTargets' }>, now: number): void {
    if (this.#lists.has(targets)) return
    const list = new TargetList()
    this.#lists.set(targets, list)
    this.#routed.set(list, new Set())
    this.#watched.set(list, new Set())
    for (const peer of peers ?? []) this.addTarget(targets, peer, now)
  }

  /** The stream of video that a viewer knows by the SSRC: for a WebRTC client, the layer that it is sent under it. */
  videoTo(viewer: Peer, ssrc: number): ReceiveStream | undefined {
    const named = this.#streams.get(ssrc)
    const source = named === undefined ? undefined : this.#sources.of(named)
    const sink = source?.sinks.get(viewer.id)
    if (sink === undefined || !viewer.isWebrtc) return sink === undefined ? undefined : named
    return (source!.layers[sink.current] ?? source!.layers[sink.target])?.stream
  }

  /** Ends the routes that lead to the list. Returns the list if it was open. */
  closeTargets(targets: TargetsId): TargetList | undefined {
    const list = this.#lists.get(targets)
    if (list === undefined) return undefined
    for (const stream of [...this.routedTo(list)]) this.endRoute(stream)
    for (const { primary } of [...this.#watched.get(list)!]) this.endRoute(primary)
    for (const { peers, count } of list.groups)
      for (let index = 0; index < count; index++) this.#receivers.get(peers[index]!)?.lists.delete(list)
    this.#lists.delete(targets)
    this.#routed.delete(list)
    this.#watched.delete(list)
    return list
  }

  /** Packets of all streams of the list go to the peer too. Ignored for a list or peer that does not exist. */
  addTarget(targets: TargetsId, peer: PeerId, now: number): void {
    const list = this.#lists.get(targets)
    const receiver = this.#receivers.get(peer)
    if (list === undefined || receiver === undefined) return
    list.add(peer, receiver.traits)
    receiver.lists.add(list)
    for (const source of this.#watched.get(list)!) this.#sources.addViewer(source, peer, now)
  }

  removeTarget(targets: TargetsId, peer: PeerId): void {
    const list = this.#lists.get(targets)
    if (list === undefined) return
    this.#leave(list, peer)
    this.#receivers.get(peer)?.lists.delete(list)
  }

  /** How packets look to the peer; `DISCORD_MAPPING` unless it was set. */
  mappingOf(peer: PeerId): RtpMapping {
    return (this.#receivers.get(peer)?.traits ?? DISCORD_TRAITS).mapping
  }

  /** How packets look to the peer from now on. */
  setRtpMapping(peer: PeerId, mapping: RtpMapping, isWebrtc: boolean, now: number): void {
    this.#changeTraits(peer, traits => ({ ...traits, mapping, isWebrtc }), now)
  }

  /** From now on frames that DAVE has sealed are not forwarded to the peer. */
  refuseSealed(peer: PeerId, now: number): void {
    this.#changeTraits(peer, traits => ({ ...traits, refusesSealed: true }), now)
  }

  /** Ignored for an SSRC that is not the owner's, and for a list that is not open. */
  setRoute(route: Route, now: number): void {
    const stream = this.stream(route.ssrc)
    const list = this.#lists.get(route.targets)
    if (stream?.owner.id !== route.owner || list === undefined) return
    if (route.media === 'video') return this.#openSource(route, stream, list, now)
    if (stream.targets === undefined || stream.silenceLeft !== 0) stream.isAnnounced = false
    this.endRoute(stream)
    stream.targets = list
    stream.lanes = lanesOf(route, stream)
    stream.isAudio = true
    stream.isSealedOnly = route.sealedOnly === true
    this.#routed.get(list)!.add(stream)
    this.#routes++
  }

  /** With `silenceUntil`, the next packets of audio until then are still forwarded, as silence. */
  removeRoute(stream: ReceiveStream, silenceUntil: number | undefined): void {
    if (stream.targets === undefined) return
    if (silenceUntil === undefined || !stream.isAudio) return this.endRoute(stream)
    if (stream.silenceLeft !== 0) return
    stream.silenceLeft = LIMITS.silenceFrames
    stream.silenceUntil = silenceUntil
    this.#routes--
  }

  /** Packets of the stream go nowhere from now on; for a layer of video, those of its whole source. */
  endRoute(stream: ReceiveStream): void {
    const source = this.#sources.of(stream)
    if (source !== undefined) return this.#closeSource(source)
    const list = stream.targets
    if (list === undefined) return
    if (stream.silenceLeft === 0) this.#routes--
    this.#routed.get(list)?.delete(stream)
    stream.targets = undefined
    stream.lanes = undefined
    stream.silenceLeft = 0
  }

  /** One of the last packets was forwarded as silence. */
  spendSilence(stream: ReceiveStream): void {
    if (stream.silenceLeft === 1) this.endRoute(stream)
    else stream.silenceLeft--
  }

  /** Closes all lists, and returns them. */
  closeAll(): TargetList[] {
    return [...this.#lists.keys()].map(targets => this.closeTargets(targets)!)
  }

  inspect(): RouteCounts {
    const lists = [...this.#lists.values()]
    const routed = lists.reduce((sum, list) => sum + this.routedTo(list).size + this.#watched.get(list)!.size, 0)
    return {
      ssrcs: this.#owners.size,
      routes: this.#routes,
      ending: routed - this.#routes,
      targetLists: lists.length,
      targets: lists.reduce((sum, list) => sum + list.count, 0),
    }
  }

  #begin(ssrc: number): ReceiveStream | undefined {
    const owner = this.#owners.get(ssrc)
    if (owner === undefined) return undefined
    const stream = new ReceiveStream(ssrc, owner, ssrc === owner.ssrcs[0])
    this.#streams.set(ssrc, stream)
    return stream
  }

  /**
   * Routes a source of video to the viewers of the list. A source that changes its list or its layers keeps what its viewers get
   * of the layers that stay.
   */
  #openSource(route: Route, stream: ReceiveStream, list: TargetList, now: number): void {
    const layers = this.#layersOf(route, stream)
    const before = this.#sources.of(stream)
    const isSame = before !== undefined && this.#sources.changeLayers(before, layers, now)
    if (!isSame) this.endRoute(stream)
    const source = isSame ? before : this.#beginSource(route, stream, layers)
    source.setHighest(route.highest ?? 100, now)
    for (const layer of layers) layer.stream.lanes = lanesOf(route, stream)
    for (const watched of this.#watched.values()) watched.delete(source)
    this.#watched.get(list)!.add(source)
    for (const viewer of [...source.sinks.keys()]) if (!list.has(viewer)) this.#sources.removeViewer(source, viewer)
    for (const { peers, count } of list.groups)
      for (let index = 0; index < count; index++) this.#sources.addViewer(source, peers[index]!, now)
  }

  #beginSource(
    { source: kind = 'camera' }: Route,
    primary: ReceiveStream,
    layers: readonly RoutedLayer[],
  ): LayeredSource {
    for (const { stream } of layers) {
      stream.isAnnounced = false
      stream.isAudio = false
      this.endRoute(stream)
    }
    const source = this.#sources.open(kind, primary, layers)
    for (const { stream, targets } of source.layers) this.#routed.set(targets, new Set([stream]))
    this.#routes++
    return source
  }

  #closeSource(source: LayeredSource): void {
    for (const { targets, stream } of source.layers) {
      this.#routed.delete(targets)
      stream.lanes = undefined
    }
    for (const watched of this.#watched.values()) watched.delete(source)
    this.#sources.close(source)
    this.#routes--
  }

  /** The layers that the route names and its owner has; without any the stream of the route is the only layer. */
  #layersOf({ layers, owner }: Route, primary: ReceiveStream): readonly RoutedLayer[] {
    const known = (layers ?? [])
      .slice(0, LIMITS.layersPerSource)
      .flatMap(({ ssrc, quality, isActive }): RoutedLayer[] => {
        const stream = this.stream(ssrc)
        return stream?.owner.id === owner ? [{ stream, quality, isActive }] : []
      })
    const hasPrimary = known.some(({ stream }) => stream === primary)
    return hasPrimary ? known : [{ stream: primary, quality: 100, isActive: true }]
  }

  #leave(list: TargetList, peer: PeerId): void {
    list.remove(peer)
    for (const source of this.#watched.get(list) ?? []) this.#sources.removeViewer(source, peer)
  }

  /** Moves the peer to the group of its new traits, in every list. */
  #changeTraits(peer: PeerId, change: (traits: ReceiverTraits) => ReceiverTraits, now: number): void {
    const receiver = this.#receivers.get(peer)
    if (receiver === undefined) return
    receiver.traits = change(receiver.traits)
    for (const list of receiver.lists) {
      list.remove(peer)
      list.add(peer, receiver.traits)
    }
    this.#sources.setTraits(peer, receiver.traits, now)
  }
}

/** A remote peer's packets have crossed already. */
const lanesOf = ({ lanes = [] }: Route, { owner }: ReceiveStream): readonly LaneId[] | undefined =>
  lanes.length > 0 && owner.lane === undefined ? lanes : undefined
