// Video of a load: which members of a channel send it, which watch it, and the layers of a source.
import type { Stream } from '@parley/protocol'

/** One layer of a source, as an encoder sends it. */
export interface VideoLayer {
  framesPerSecond: number
  bitsPerSecond: number
  /** Milliseconds between keyframes; default 3,000. */
  keyframeInterval?: number
}

export interface VideoPlan {
  kind: 'camera' | 'screen'
  /** Members per channel that send a source: its first ones. */
  senders: number
  /** Members per channel that watch: its last ones. They may send, too. */
  viewers: number
  /** Layers of each source, in ascending order of quality. */
  layers: readonly VideoLayer[]
}

/** A want below the quality of every layer: the node sends the lowest one. */
const LOWEST = 1
const HIGHEST = 100

/** Quality of a layer, 0 to 100, by its place in ascending order. */
const qualityOf = ({ layers }: VideoPlan, layer: number): number => Math.round((HIGHEST * (layer + 1)) / layers.length)

/** The streams that a sender offers in Identify, the best first, as Discord clients do. */
export const offeredStreams = (video: VideoPlan): Stream[] =>
  video.layers
    .map((_, layer) => {
      const quality = qualityOf(video, layer)
      return { type: video.kind === 'screen' ? 'screen' : 'video', rid: String(quality), quality }
    })
    .toReversed()

/** Each viewer has one source large, that of the member after it, and the others small. */
const isLarge = ({ senders }: VideoPlan, viewer: number, sender: number): boolean => sender === (viewer + 1) % senders

/** What a viewer wants of the source of a sender (op 15). Both are numbers of members in their channel. */
export const wantFor = (video: VideoPlan, viewer: number, sender: number): number =>
  video.layers.length === 1 || isLarge(video, viewer, sender) ? HIGHEST : LOWEST

/** Whether a member of a channel of `members` is sent a layer of a sender: which one, is its want. */
export const isWatching = (video: VideoPlan, members: number, viewer: number, sender: number): boolean =>
  viewer !== sender && viewer >= members - video.viewers

/** Whether it is to be sent this layer. */
export function isWatchingLayer(
  video: VideoPlan,
  members: number,
  viewer: number,
  sender: number,
  layer: number,
): boolean {
  if (!isWatching(video, members, viewer, sender)) return false
  return layer === (isLarge(video, viewer, sender) ? video.layers.length - 1 : 0)
}
