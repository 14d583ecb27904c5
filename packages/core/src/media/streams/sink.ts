// What one viewer is sent of one source: the layer it wants, the one it may have, and the one it gets.
import type { LayerReason } from '@parley/protocol'
import type { PeerId } from '../../lane/commands.ts'
import type { LayerReport } from '../../lane/layer-report.ts'
import { ALL_FRAMES, type LayerChoice, NO_LAYER, type SourceView } from '../layers/layer-choice.ts'

/** What a sink needs of its source. */
export interface SinkSource extends SourceView {
  /** The stream whose SSRC names the source. */
  readonly primary: { readonly ssrc: number }
  /** Whether the viewer's client has a payload type for the codec that the sender uses. */
  isDecodedBy(viewer: PeerId): boolean
  /** How packets look to the viewer: each WebRTC viewer's are numbered for it alone. */
  isNumberedFor(viewer: PeerId): boolean
  /** Another highest temporal layer is permitted. */
  temporalChanged(sink: Sink, now: number): void
  /** Chooses the layer of the sink again. */
  choose(sink: Sink, now: number): void
  /** How packets look to the viewer changed. */
  traitsChanged(sink: Sink, now: number): void
  /** The viewer sent other wants. */
  wantsChanged(sink: Sink, now: number): void
}

export class Sink implements LayerChoice {
  readonly viewer: PeerId
  readonly source: SinkSource
  /** Of each layer, 0 to 100. */
  wants: readonly number[] = []
  /** What op 15 asks for, and that within what the backend permits. */
  asked = NO_LAYER
  wanted = NO_LAYER
  pixels = 0
  limit = Infinity
  #temporalLimit = ALL_FRAMES
  /** Only the source changes these two. */
  target = NO_LAYER
  current = NO_LAYER
  /** When the viewer got its current layer, or lost it. */
  since = 0
  /** Something was sent before that. */
  hasStarted = false

  constructor(viewer: PeerId, source: SinkSource) {
    this.viewer = viewer
    this.source = source
  }

  get temporal(): number {
    return this.current === this.limit ? this.#temporalLimit : ALL_FRAMES
  }

  get isThinnable(): boolean {
    return this.source.isNumberedFor(this.viewer)
  }

  /** It is sent another layer from the next keyframe of that on. */
  get isWaiting(): boolean {
    return this.target !== NO_LAYER && this.target !== this.current
  }

  get reason(): LayerReason | undefined {
    const { source, viewer, wanted, limit, target, current } = this
    if (wanted === NO_LAYER) return 'want'
    if (!source.isDecodedBy(viewer)) return 'codec'
    if (limit < wanted && target <= limit && this.#isBetterSent) return 'bandwidth'
    if (target !== wanted) return 'paused-by-sender'
    if (current !== target) return 'waiting-for-keyframe'
    if (this.temporal !== ALL_FRAMES) return 'bandwidth'
    if (wanted < this.asked) return 'limit'
    return wanted < source.layers.length - 1 ? 'want' : undefined
  }

  /** The sender sends a layer up to the wanted one that is better than the target. */
  get #isBetterSent(): boolean {
    const { source, target, wanted } = this
    return source.layers.some(({ isAvailable }, layer) => isAvailable && layer > target && layer <= wanted)
  }

  sentBitrate(now: number): number {
    return this.source.layers[this.current]?.bitrateUpTo(this.temporal, now) ?? 0
  }

  /** `estimate` is the viewer's bandwidth; Infinity while nothing limits it. */
  report(estimate: number, now: number): LayerReport {
    const { source, asked: wanted, target, current, reason } = this
    const bitrate = Math.round(this.sentBitrate(now))
    const report = { ssrc: source.primary.ssrc, wanted, target, current, reason, bitrate }
    const thinned = this.temporal === ALL_FRAMES ? report : { ...report, temporal: this.temporal }
    return Number.isFinite(estimate) ? { ...thinned, estimate: Math.round(estimate) } : thinned
  }

  setLimit(limit: number, temporal: number, now: number): void {
    const isOther = limit !== this.limit
    if (!isOther && temporal === this.#temporalLimit) return
    this.limit = limit
    this.#temporalLimit = temporal
    if (isOther) this.source.choose(this, now)
    this.source.temporalChanged(this, now)
  }
}
