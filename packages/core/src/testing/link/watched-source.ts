// A camera as a simulated viewer watches it: what its layers send, and which of them the viewer is sent.
import { TEMPORALS } from '../../media/layers/frame-rates.ts'
import { ALL_FRAMES, type LayerChoice, type LayerView, NO_LAYER } from '../../media/layers/layer-choice.ts'

export const FRAME_INTERVAL = 1_000 / 30

/** What the layers of a camera send. */
export interface WatchedLayers {
  readonly views: readonly LayerView[]
  /** Packets of a viewer are numbered for it, and the layers have temporal layers. */
  readonly isThinnable: boolean
  /** Produces the next frame of each layer. */
  advance(now: number): void
  /** Bits per second of the last frame of a layer, up to a temporal layer: 0 if the frame is in a higher one. */
  frameRate(layer: number, temporal: number): number
  /** A viewer waits for a keyframe of the layer. */
  requestKeyframe(layer: number, now: number): void
  /** The last frame of the layer is one. */
  isKeyframe(layer: number): boolean
}

/** Layers of constant rates; each frame is a keyframe that costs nothing more. What remains is how a link becomes a choice of layers. */
export class SteadyLayers implements WatchedLayers {
  readonly views: readonly LayerView[]
  readonly isThinnable = false
  readonly #bitrates: readonly number[]

  constructor(bitrates: readonly number[]) {
    this.#bitrates = bitrates
    this.views = bitrates.map((bitrate, layer) => ({
      quality: (100 * (layer + 1)) / bitrates.length,
      bitrate: () => bitrate,
      bitrateUpTo: () => bitrate,
      peakUpTo: () => bitrate,
      highestTemporal: () => 0,
      isAvailable: true,
    }))
  }

  advance(): void {}
  requestKeyframe(): void {}
  isKeyframe(): boolean {
    return true
  }
  frameRate(layer: number): number {
    return this.#bitrates[layer] ?? 0
  }
}

/** One viewer's choice, with the rules of a lane: another layer begins at its next keyframe, and a layer above the limit ends at once. */
export class WatchedSource implements LayerChoice {
  readonly viewer = 1
  readonly source: LayerChoice['source']
  readonly wanted: number
  readonly pixels: number
  readonly reason = undefined
  limit = Infinity
  target: number
  current: number
  temporal: number = ALL_FRAMES
  readonly layers: WatchedLayers
  /** Times that the layer changed. */
  changes = 0

  /** The first source is the selected one. `start`: the layer before the first allocation. */
  constructor(layers: WatchedLayers, index: number, start: number) {
    const { views } = layers
    this.layers = layers
    this.source = { kind: 'camera', sender: index + 2, layers: views }
    this.wanted = views.length - 1
    this.target = this.current = start
    this.pixels = index === 0 ? 1_000_000 : 10_000
  }

  get isThinnable(): boolean {
    return this.layers.isThinnable
  }

  sentBitrate(now: number): number {
    return this.source.layers[this.current]?.bitrateUpTo(this.temporal, now) ?? 0
  }

  setLimit(limit: number, temporal: number, now: number): void {
    this.limit = limit
    this.target = Math.min(this.wanted, limit)
    this.temporal = this.target === limit ? Math.min(temporal, TEMPORALS) : ALL_FRAMES
    if (this.target === NO_LAYER || this.current > limit) this.current = NO_LAYER
    if (this.target !== this.current) this.layers.requestKeyframe(this.target, now)
    this.#switch()
  }

  /** Bits per second of the next frame that the viewer is sent. */
  frameRate(now: number): number {
    this.layers.advance(now)
    this.#switch()
    return this.current === NO_LAYER ? 0 : this.layers.frameRate(this.current, this.temporal)
  }

  #switch(): void {
    if (this.target === this.current || !this.layers.isKeyframe(this.target)) return
    this.changes++
    this.current = this.target
  }
}
