// A source on the lane: its layers, and for each viewer which of them it is sent.
import type { PeerId } from '../../lane/commands.ts'
import { layerUpTo, type Wants, wantedLayer, wantOf } from '../../lane/wants.ts'
import { lowestAvailable, NO_LAYER } from '../layers/layer-choice.ts'
import type { Layer } from './layer.ts'
import type { ReceiveStream } from './receive-stream.ts'
import { DISCORD_MAPPING, isKnownType } from './rtp-mapping.ts'
import { Sink, type SinkSource } from './sink.ts'
import type { ReceiverTraits } from './target-list.ts'

/** What a source needs of the lane. */
export interface SourceHost {
  /** How packets look to a viewer. */
  traitsOf(viewer: PeerId): ReceiverTraits
  wantsOf(viewer: PeerId): Wants
  /** An allocation will limit what the viewer is sent: until then it is sent the lowest layer. */
  isLimited(viewer: PeerId): boolean
  /** At most one per layer and `LIMITS.keyframeInterval`. */
  requestKeyframe(stream: ReceiveStream, now: number): void
  /** The viewer's layer, or the reason for it, may have changed. */
  changed(sink: Sink, now: number): void
}

export class LayeredSource implements SinkSource {
  readonly kind: 'camera' | 'screen'
  readonly sender: PeerId
  /** The stream whose SSRC WebRTC viewers know: layers are rewritten into it. */
  readonly primary: ReceiveStream
  readonly layers: readonly Layer[]
  readonly sinks = new Map<PeerId, Sink>()
  readonly #host: SourceHost
  readonly #qualities: readonly number[]
  /** The best quality that the backend permits. */
  #highest = 100
  /** The payload type that arrived last, in node numbering; 0 before the first packet. */
  #codec = 0

  /** `layers` are in ascending order of quality. */
  constructor(kind: SinkSource['kind'], primary: ReceiveStream, layers: readonly Layer[], host: SourceHost) {
    this.kind = kind
    this.sender = primary.owner.id
    this.primary = primary
    this.layers = layers
    this.#host = host
    this.#qualities = layers.map(({ quality }) => quality)
  }

  /** Whether the viewer's client has a payload type for the codec that the sender uses. */
  isDecodedBy(viewer: PeerId): boolean {
    const { mapping } = this.#host.traitsOf(viewer)
    const type = this.#codec
    return type === 0 || mapping === DISCORD_MAPPING || isKnownType(mapping.outgoing[type]!)
  }

  isNumberedFor(viewer: PeerId): boolean {
    return this.#host.traitsOf(viewer).isWebrtc
  }

  /** The sink's highest temporal layer changed. Its frames are left out from the next one on, or sent where its decoder can follow. */
  temporalChanged(sink: Sink, now: number): void {
    this.layers[sink.current]?.targets.setTemporal(sink.viewer, sink.temporal)
    this.#host.changed(sink, now)
  }

  /** A packet of another codec arrived, or of a layer that was silent. */
  layerChanged({ layer }: ReceiveStream, now: number): void {
    this.#codec = layer?.payloadType ?? 0
    for (const each of this.layers) each.codec = this.#codec
    this.chooseAll(now)
  }

  /** Returns undefined for the sender itself, and for a viewer that it has already. */
  addViewer(viewer: PeerId, now: number): Sink | undefined {
    if (viewer === this.sender || this.sinks.has(viewer)) return undefined
    const sink = new Sink(viewer, this)
    if (this.#host.isLimited(viewer)) sink.limit = lowestAvailable(this.layers)
    this.sinks.set(viewer, sink)
    this.wantsChanged(sink, now)
    return sink
  }

  removeViewer(viewer: PeerId): Sink | undefined {
    const sink = this.sinks.get(viewer)
    if (sink === undefined) return undefined
    this.#set(sink, NO_LAYER, NO_LAYER, 0)
    this.sinks.delete(viewer)
    return sink
  }

  /** No viewer is sent a better layer than the best up to this quality. */
  setHighest(quality: number, now: number): void {
    if (quality === this.#highest) return
    this.#highest = quality
    for (const sink of this.sinks.values()) this.wantsChanged(sink, now)
  }

  /** How packets look to the viewer changed. */
  traitsChanged(sink: Sink, now: number): void {
    const list = this.layers[sink.current]?.targets
    list?.remove(sink.viewer)
    list?.add(sink.viewer, this.#host.traitsOf(sink.viewer), sink.temporal)
    this.wantsChanged(sink, now)
  }

  /** The viewer sent other wants. A WebRTC viewer knows one SSRC for all layers. */
  wantsChanged(sink: Sink, now: number): void {
    const wants = this.#host.wantsOf(sink.viewer)
    const { isWebrtc } = this.#host.traitsOf(sink.viewer)
    const ssrcs = this.layers.map(({ stream }) => (isWebrtc ? this.primary : stream).ssrc)
    sink.wants = ssrcs.map(ssrc => wantOf(wants, ssrc))
    sink.asked = wantedLayer(this.#qualities, sink.wants)
    sink.wanted = Math.min(sink.asked, layerUpTo(this.#qualities, this.#highest))
    sink.pixels = Math.max(0, ...ssrcs.map(ssrc => wants.pixelCounts.get(ssrc) ?? 0))
    this.choose(sink, now)
  }

  /** Aims at the best available layer that the viewer wants and may have, and switches as far as that needs no keyframe. */
  choose(sink: Sink, now: number): void {
    const target = this.#targetOf(sink)
    const isFirst = !this.#hasStarted(sink) && target !== NO_LAYER
    this.#set(sink, target, isFirst ? this.#first(sink, target, now) : this.#continued(sink, target), now)
    const isStart = isFirst && this.layers.length > 1
    if (isStart || sink.isWaiting) this.#host.requestKeyframe(this.layers[target]!.stream, now)
    this.#host.changed(sink, now)
  }

  /** A keyframe of a layer begins: viewers that wait for it are sent this layer from now on. */
  keyframe(stream: ReceiveStream, now: number): void {
    for (const sink of this.sinks.values()) {
      if (!sink.isWaiting || this.layers[sink.target]!.stream !== stream) continue
      this.#set(sink, sink.target, sink.target, now)
      this.#host.changed(sink, now)
    }
  }

  /** Chooses again for every viewer: layers began or ceased to be available, or the codec changed. */
  chooseAll(now: number): void {
    for (const sink of this.sinks.values()) this.choose(sink, now)
  }

  /** Whether `tick` may have something to do. */
  get isToBeChecked(): boolean {
    return this.layers.length > 1 ? this.sinks.size > 0 : this.layers.some(({ waiting }) => waiting > 0)
  }

  /** Looks for layers that fell silent, and repeats keyframe requests. */
  tick(now: number): void {
    const silenced = this.layers.length === 1 ? [] : this.layers.filter(layer => layer.fallsSilent(now))
    if (silenced.length > 0) this.chooseAll(now)
    for (const layer of this.layers) if (layer.waiting > 0) this.#host.requestKeyframe(layer.stream, now)
  }

  /** The best available layer within want and limit. If none is, the lowest that is available and within the limit. */
  #targetOf({ viewer, wants, wanted, limit }: Sink): number {
    if (wanted === NO_LAYER || !this.isDecodedBy(viewer)) return NO_LAYER
    const isOpen = (layer: Layer, index: number) => layer.isAvailable && wants[index]! > 0 && index <= limit
    const best = this.layers.findLastIndex((layer, index) => index <= wanted && isOpen(layer, index))
    return best === NO_LAYER ? this.layers.findIndex(isOpen) : best
  }

  /** The layer to start with: the best up to the target that flows. */
  #first({ wants }: Sink, target: number, now: number): number {
    const flowing = this.layers.findLastIndex(
      (layer, index) => index <= target && wants[index]! > 0 && layer.isAvailable && layer.isFlowing(now),
    )
    return flowing === NO_LAYER ? target : flowing
  }

  /** The layer until the target's next keyframe: the present one, if the viewer may still have it. */
  #continued({ current, limit }: Sink, target: number): number {
    if (target === NO_LAYER || current === NO_LAYER || current > limit) return target === current ? current : NO_LAYER
    return this.layers[current]!.isAvailable ? current : NO_LAYER
  }

  /** Whether the viewer's decoder has started, so that it continues at a keyframe only. */
  #hasStarted({ hasStarted, current, since }: Sink): boolean {
    return hasStarted || this.layers[current]?.hasArrivedSince(since) === true
  }

  /** The only place where a viewer moves between layers. */
  #set(sink: Sink, target: number, current: number, now: number): void {
    const { viewer } = sink
    if (sink.isWaiting) this.layers[sink.target]!.waiting--
    if (sink.current !== current) {
      sink.hasStarted = this.#hasStarted(sink)
      sink.since = now
      this.layers[sink.current]?.targets.remove(viewer)
      sink.current = current
      this.layers[current]?.targets.add(viewer, this.#host.traitsOf(viewer), sink.temporal)
      this.primary.sendStreams?.get(viewer)?.layers?.interrupt()
    }
    sink.target = target
    if (sink.isWaiting) this.layers[target]!.waiting++
  }
}
