// What a lane reports of one viewer and source: which layer the viewer gets, and why not a better one.
import { LAYER_REASONS, type LayerReason } from '@parley/protocol'

/** How a view, one viewer's of one source, is sent: the best layer, or why not. */
export const VIEW_STATES = ['best', ...LAYER_REASONS] as const
export type ViewState = (typeof VIEW_STATES)[number]
/** Views by state. */
export type ViewCounts = Record<ViewState, number>

export const noViews = (): ViewCounts => Object.fromEntries(VIEW_STATES.map(state => [state, 0])) as ViewCounts

/** Layers are named by their index in ascending order of quality; −1 is none. */
export interface LayerReport {
  /** The SSRC of the source's first layer. */
  readonly ssrc: number
  /** What the client wants, what the lane aims at, and what it sends. */
  readonly wanted: number
  readonly target: number
  readonly current: number
  /** Undefined while the viewer is sent the best layer. */
  readonly reason: LayerReason | undefined
  /** The highest temporal layer of the current layer that is sent; absent while frames of all are. */
  readonly temporal?: number
  /** Bits per second that the viewer is sent. */
  readonly bitrate: number
  /** Bits per second of video that the viewer's link is estimated to carry. Absent while nothing limits it. */
  readonly estimate?: number
}
