// All sources of video on a lane, by stream and by viewer.
import type { LaneEvent, PeerId } from '../../lane/commands.ts'
import { type LayerReport, noViews, type ViewCounts } from '../../lane/layer-report.ts'
import { ALL_WANTED, type Wants } from '../../lane/wants.ts'
import { LIMITS } from '../../limits.ts'
import type { LayerChoice, LayerChoices, SourceView } from '../layers/layer-choice.ts'
import { Layer } from './layer.ts'
import { LayeredSource, type SourceHost } from './layered-source.ts'
import type { ReceiveStream } from './receive-stream.ts'
import type { Sink } from './sink.ts'
import { DISCORD_TRAITS, type ReceiverTraits } from './target-list.ts'

/** The layer of a source that a stream is, in a route. */
export interface RoutedLayer {
  readonly stream: ReceiveStream
  readonly quality: number
  readonly isActive: boolean
}

/** What is known of a peer as a viewer, whether or not it views anything yet. */
interface Viewer {
  wants: Wants
  traits: ReceiverTraits
  readonly sinks: Set<Sink>
}

/**
 * Its owner is the router of a lane, which opens and closes sources as routes change, and calls `tick` at `deadline`.
 * It is the host of each source: what a source needs to know of viewers is kept here.
 */
export class LayeredSources implements SourceHost, LayerChoices {
  readonly requestKeyframe: SourceHost['requestKeyframe']
  readonly #sources = new Set<LayeredSource>()
  /** By the stream of each layer. */
  readonly #byStream = new Map<ReceiveStream, LayeredSource>()
  readonly #viewers = new Map<PeerId, Viewer>()
  /** Viewers whose layer, or the reason for it, may have changed since the last reports. */
  readonly #changed = new Set<Sink>()
  /** Sources that viewers view no longer, by their first SSRC. */
  readonly #ended = new Map<PeerId, number[]>()
  /** Whose bit rates are reported next. */
  #turn: IterableIterator<Viewer> | undefined
  /** When the sources are looked at next. */
  deadline = Infinity

  constructor(requestKeyframe: SourceHost['requestKeyframe']) {
    this.requestKeyframe = requestKeyframe
  }

  /** Open sources. */
  get size(): number {
    return this.#sources.size
  }

  /** For the allocation of bandwidth: one choice for each source that the peer views. */
  *choicesOf(viewer: PeerId): Iterable<LayerChoice> {
    yield* this.#viewers.get(viewer)?.sinks ?? []
  }

  /** What the viewer's client can receive. Discord's clients are assumed until `setTraits`. */
  traitsOf(viewer: PeerId): ReceiverTraits {
    return this.#viewers.get(viewer)?.traits ?? DISCORD_TRAITS
  }

  /** Which qualities the viewer asked for (Media Sink Wants, op 15). Everything until `setWants`. */
  wantsOf(viewer: PeerId): Wants {
    return this.#viewers.get(viewer)?.wants ?? ALL_WANTED
  }

  /** The bandwidth of a viewer in bits per second; Infinity while nothing limits it. */
  estimateOf: (viewer: PeerId) => number = () => Infinity
  /** Whether an allocation will limit what the viewer is sent. */
  isLimited: (viewer: PeerId) => boolean = () => false
  /** Called when what a viewer wants, may have or gets changed. */
  onChange: (viewer: PeerId, now: number) => void = () => {}

  /** Called by sources. Asks for a check soon, as a keyframe request may have to be repeated. */
  changed(sink: Sink, now: number): void {
    this.#changed.add(sink)
    this.onChange(sink.viewer, now)
    this.deadline = Math.min(this.deadline, now + LIMITS.layerCheckInterval)
  }

  /** Opens a source. Its layers are ordered by quality, whatever their order in the route. */
  open(kind: SourceView['kind'], primary: ReceiveStream, routed: readonly RoutedLayer[]): LayeredSource {
    const layers = [...routed]
      .sort((a, b) => a.quality - b.quality)
      .map(({ stream, quality, isActive }) => {
        const layer = new Layer(stream, quality)
        layer.isDeclared = isActive
        stream.layer = layer
        stream.targets = layer.targets
        return layer
      })
    const source = new LayeredSource(kind, primary, layers, this)
    for (const { stream } of layers) {
      this.#byStream.set(stream, source)
      stream.sendAs = primary
    }
    this.#sources.add(source)
    return source
  }

  /** The same layers with other declarations. Returns false if the source has other layers. */
  changeLayers(source: LayeredSource, routed: readonly RoutedLayer[], now: number): boolean {
    const layerOf = (routed: RoutedLayer) =>
      source.layers.find(({ stream, quality }) => stream === routed.stream && quality === routed.quality)
    if (routed.length !== source.layers.length || !routed.every(layerOf)) return false
    for (const each of routed) layerOf(each)!.isDeclared = each.isActive
    source.chooseAll(now)
    return true
  }

  /** Its streams belong to no source any longer, and send as themselves. */
  close(source: LayeredSource): void {
    for (const viewer of [...source.sinks.keys()]) this.removeViewer(source, viewer)
    for (const { stream } of source.layers) {
      this.#byStream.delete(stream)
      stream.layer = undefined
      stream.targets = undefined
      stream.sendAs = stream
    }
    this.#sources.delete(source)
    if (this.#sources.size === 0) this.deadline = Infinity
  }

  /** Before any other call about the peer as a viewer. */
  addPeer(peer: PeerId): void {
    this.#viewers.set(peer, { wants: ALL_WANTED, traits: DISCORD_TRAITS, sinks: new Set() })
  }

  /** Called after the peer was removed from every list. */
  removePeer(peer: PeerId): void {
    this.#viewers.delete(peer)
    this.#ended.delete(peer)
  }

  /** Without effect if the peer views the source already. */
  addViewer(source: LayeredSource, viewer: PeerId, now: number): void {
    const sink = source.addViewer(viewer, now)
    if (sink !== undefined) this.#viewers.get(viewer)?.sinks.add(sink)
  }

  removeViewer(source: LayeredSource, viewer: PeerId): void {
    const sink = source.removeViewer(viewer)
    if (sink === undefined) return
    this.#viewers.get(viewer)?.sinks.delete(sink)
    this.#changed.delete(sink)
    this.#ended.set(viewer, [...(this.#ended.get(viewer) ?? []), source.primary.ssrc])
  }

  /** May change the layer of each source that the peer views, as may `setWants`. */
  setTraits(peer: PeerId, traits: ReceiverTraits, now: number): void {
    const viewer = this.#viewers.get(peer)
    if (viewer === undefined) return
    viewer.traits = traits
    for (const sink of viewer.sinks) sink.source.traitsChanged(sink, now)
  }

  setWants(peer: PeerId, wants: Wants, now: number): void {
    const viewer = this.#viewers.get(peer)
    if (viewer === undefined) return
    viewer.wants = wants
    for (const sink of viewer.sinks) sink.source.wantsChanged(sink, now)
  }

  /** The source that the stream is a layer of. */
  of(stream: ReceiveStream): LayeredSource | undefined {
    return this.#byStream.get(stream)
  }

  /** A packet of a layer arrived that was silent, or had another codec. */
  layerChanged(stream: ReceiveStream, now: number): void {
    this.#byStream.get(stream)?.layerChanged(stream, now)
  }

  /** A keyframe of the layer begins: viewers that wait for it are sent the layer from now on. */
  keyframe(stream: ReceiveStream, now: number): void {
    this.#byStream.get(stream)?.keyframe(stream, now)
  }

  /** Notes the next `LIMITS.viewReports` views as changed, in turn, so that control has the bit rates of all of them some time. */
  reportSome(): void {
    this.#turn ??= this.#viewers.values()
    for (let left = LIMITS.viewReports; left > 0; ) {
      const { value, done } = this.#turn.next()
      if (done === true) {
        this.#turn = undefined
        return
      }
      for (const sink of value.sinks) this.#changed.add(sink)
      left -= 1 + value.sinks.size
    }
  }

  /** Views by what limits them. */
  counts(): ViewCounts {
    const counts = noViews()
    for (const { sinks } of this.#sources) for (const sink of sinks.values()) counts[sink.reason ?? 'best']++
    return counts
  }

  /** What changed since the last call, one event per viewer. */
  takeReports(now: number): LaneEvent[] {
    if (this.#changed.size === 0 && this.#ended.size === 0) return []
    const events = new Map<PeerId, { layers: LayerReport[]; ended: number[] }>()
    const eventOf = (peer: PeerId) => {
      const event = events.get(peer) ?? { layers: [], ended: [] }
      events.set(peer, event)
      return event
    }
    for (const [peer, ended] of this.#ended) if (this.#viewers.has(peer)) eventOf(peer).ended.push(...ended)
    for (const sink of this.#changed) {
      const estimate = this.estimateOf(sink.viewer)
      eventOf(sink.viewer).layers.push(sink.report(estimate, now))
    }
    this.#changed.clear()
    this.#ended.clear()
    return [...events].map(([peer, { layers, ended }]) => ({ kind: 'layers', peer, layers, ended }))
  }

  /** Repeats keyframe requests, and looks for layers that fell silent. */
  tick(now: number): void {
    this.deadline = Infinity
    for (const source of this.#sources) {
      source.tick(now)
      if (source.isToBeChecked) this.deadline = now + LIMITS.layerCheckInterval
    }
  }
}
