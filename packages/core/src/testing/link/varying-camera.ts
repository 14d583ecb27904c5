// A camera whose layers vary by content, as encoders send them: still pictures take a fraction of the rate that movement takes, and each
// keyframe several times a frame. Seeded.
import { FrameRates, TEMPORALS } from '../../media/layers/frame-rates.ts'
import { ALL_FRAMES, type LayerView } from '../../media/layers/layer-choice.ts'
import { seededRandom } from '../seeded-random.ts'
import { FRAME_INTERVAL, type WatchedLayers } from './watched-source.ts'

/** Parts of the highest rate of a layer: a still picture, a person who talks, one who gestures, and movement of the camera. */
const SCENES = [0.2, 0.35, 0.5, 0.9]
/** Milliseconds of a scene at least and at most. */
const SCENE_TIMES = [2_000, 12_000] as const
/** The rate within a scene varies by this part, over about a second. */
const VARIATION = 0.2
const VARIATION_FRAMES = 30
/** Of frames in turn. */
const FRAME_TEMPORALS = [0, 2, 1, 2]
/** A keyframe by the mean frame, and ms from a request until the encoder produces it; at most one of a layer in so many ms. */
const KEYFRAME = 6
const REQUEST = 80
const KEYFRAME_INTERVAL = 500

interface VaryingLayer {
  readonly rates: FrameRates
  bits: number
  isKeyframe: boolean
  keyframeAt: number
  lastKeyframe: number
}

export class VaryingCamera implements WatchedLayers {
  readonly views: readonly LayerView[]
  readonly isThinnable = true
  readonly #highest: readonly number[]
  readonly #random: () => number
  readonly #layers: readonly VaryingLayer[]
  #scene = SCENES[0]!
  #sceneUntil = -Infinity
  #variation = 0
  #frames = 0

  /** Bits per second of each layer at most. */
  constructor(highest: readonly number[], seed: number) {
    this.#highest = highest
    this.#random = seededRandom(seed)
    this.#layers = highest.map(() => ({
      rates: new FrameRates(),
      bits: 0,
      isKeyframe: false,
      keyframeAt: Infinity,
      lastKeyframe: -Infinity,
    }))
    this.views = this.#layers.map(({ rates }, layer) => ({
      quality: (100 * (layer + 1)) / highest.length,
      bitrate: now => rates.upTo(ALL_FRAMES, now),
      bitrateUpTo: (temporal, now) => rates.upTo(temporal, now),
      peakUpTo: (temporal, now) => rates.peakUpTo(temporal, now),
      highestTemporal: now => rates.highest(now),
      isAvailable: true,
    }))
  }

  get #temporal(): number {
    return FRAME_TEMPORALS[this.#frames % FRAME_TEMPORALS.length]!
  }

  advance(now: number): void {
    this.#frames++
    if (now >= this.#sceneUntil) this.#cut(now)
    // A chain whose deviation is VARIATION.
    const step = Math.sqrt(6 / VARIATION_FRAMES) * VARIATION * (2 * this.#random() - 1)
    this.#variation += step - this.#variation / VARIATION_FRAMES
    for (const [index, layer] of this.#layers.entries()) this.#encode(layer, this.#highest[index]!, now)
  }

  /** Another scene. */
  #cut(now: number): void {
    const [least, most] = SCENE_TIMES
    this.#scene = SCENES[Math.floor(this.#random() * SCENES.length)]!
    this.#sceneUntil = now + least + (most - least) * this.#random()
  }

  #encode(layer: VaryingLayer, highest: number, now: number): void {
    const rate = highest * Math.min(1, Math.max(0.1, this.#scene * (1 + this.#variation)))
    layer.isKeyframe = now >= layer.keyframeAt
    if (layer.isKeyframe) {
      layer.keyframeAt = Infinity
      layer.lastKeyframe = now
    }
    layer.bits = rate * (layer.isKeyframe ? KEYFRAME : 0.7 + 0.6 * this.#random())
    layer.rates.add(layer.isKeyframe ? 0 : this.#temporal, (layer.bits * FRAME_INTERVAL) / 8_000, now)
  }

  frameRate(layer: number, temporal: number): number {
    const { bits, isKeyframe } = this.#layers[layer]!
    return isKeyframe || this.#temporal <= Math.min(temporal, TEMPORALS) ? bits : 0
  }

  requestKeyframe(layer: number, now: number): void {
    const each = this.#layers[layer]
    if (each !== undefined && each.keyframeAt === Infinity)
      each.keyframeAt = Math.max(now + REQUEST, each.lastKeyframe + KEYFRAME_INTERVAL)
  }

  isKeyframe(layer: number): boolean {
    return this.#layers[layer]?.isKeyframe === true
  }
}
