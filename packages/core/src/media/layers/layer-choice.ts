// Which layer of a source a viewer gets: what an allocator of bandwidth reads, and the one thing that it sets.
import type { LayerReason } from '@parley/protocol'
import type { PeerId } from '../../lane/commands.ts'

/** No layer, where a layer is named by its index. */
export const NO_LAYER = -1
/** No limit, where a highest temporal layer is named: VP9 has up to eight (RFC 9628 §4.2). */
export const ALL_FRAMES = 7

/** One layer as an allocator sees it. */
export interface LayerView {
  /** 0 to 100, as the sender declared it. */
  readonly quality: number
  /** Bits per second as received over the last second, headers included, retransmissions not; 0 while nothing arrives. */
  bitrate(now: number): number
  /** The same of its temporal layers up to this one. */
  bitrateUpTo(temporal: number, now: number): number
  /** The most of the last ten seconds, each over a second. */
  peakUpTo(temporal: number, now: number): number
  /** The highest of its temporal layers that arrives, up to 3; 0 if it has none. */
  highestTemporal(now: number): number
  /** The sender declared that it sends the layer, and it has not fallen silent. */
  readonly isAvailable: boolean
}

/** A source as an allocator sees it. */
export interface SourceView {
  readonly kind: 'camera' | 'screen'
  /** The peer that sends it. */
  readonly sender: PeerId
  /** In ascending order of quality; layers are named by their index. */
  readonly layers: readonly LayerView[]
}

/** The layer with which a viewer begins; the lowest one if none is available. */
export const lowestAvailable = (layers: SourceView['layers']): number =>
  Math.max(
    0,
    layers.findIndex(({ isAvailable }) => isAvailable),
  )

/**
 * One viewer and one source. `wanted` is what op 15 asks for within what the backend permits, `limit` what the allocation permits, `target` the best available layer
 * within both, `current` the one that is being sent. A switch to a better layer happens at a keyframe; until then the old
 * one continues. A layer above `limit` is no longer sent at once.
 */
export interface LayerChoice {
  readonly viewer: PeerId
  readonly source: SourceView
  /** NO_LAYER if the viewer wants nothing of the source. */
  readonly wanted: number
  /** Pixels that the viewer shows of it (op 15); 0 if it does not say. */
  readonly pixels: number
  readonly limit: number
  readonly target: number
  readonly current: number
  /** The highest temporal layer of the current layer that is sent; ALL_FRAMES without a limit. */
  readonly temporal: number
  /** Frames of upper temporal layers can be left out for the viewer: its packets are numbered for it alone. */
  readonly isThinnable: boolean
  /** Undefined while the viewer is sent the best layer. */
  readonly reason: LayerReason | undefined
  /** Bits per second of what is sent to the viewer: those of its current layer. */
  sentBitrate(now: number): number
  /**
   * Sets the highest layer that the bandwidth permits, and its highest temporal layer; NO_LAYER pauses the source. Without a call
   * nothing is limited.
   */
  setLimit(limit: number, temporal: number, now: number): void
}

/** All choices of a lane. */
export interface LayerChoices {
  /** Those of one viewer, in the order in which the sources were opened. */
  choicesOf(viewer: PeerId): Iterable<LayerChoice>
}
