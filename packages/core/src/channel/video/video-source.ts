// A video source of a session: a camera or a screen, the layers that Ready assigned to it, and what its client declares of it.
import type { Stream, Video } from '@parley/protocol'
import type { PeerId } from '../../lane/commands.ts'
import type { RouteSource } from '../media-routes.ts'

/** One simulcast encoding of a source, with the SSRCs that the node assigned. */
export interface Layer {
  readonly rid: string
  /** 0 to 100. */
  readonly quality: number
  readonly ssrc: number
  /** Always the number after `ssrc`: Discord clients derive it so. */
  readonly rtxSsrc: number
}

/** Layers in ascending order of quality, as the lane numbers them. */
const ascending = (layers: readonly Layer[]): Layer[] => [...layers].sort((a, b) => a.quality - b.quality)

export class VideoSource {
  readonly kind: 'camera' | 'screen'
  /** In the order in which the client offered them. */
  readonly layers: readonly Layer[]
  /** In ascending order of quality, as the lane numbers them. */
  readonly ascending: readonly Layer[]
  /** The SSRC of the first layer, which names the source on the lane and is the only one that WebRTC viewers know. */
  readonly route: RouteSource
  /** The best quality of a layer that viewers are sent. */
  highest = 100
  /** Members that are to be sent the source, at the last count. */
  viewers = 0
  #declared: Video | undefined
  #active: ReadonlyMap<Layer, Stream> = new Map()

  constructor(kind: 'camera' | 'screen', peer: PeerId, layers: readonly [Layer, ...Layer[]]) {
    this.kind = kind
    this.layers = layers
    this.ascending = ascending(layers)
    this.route = { peer, ssrc: layers[0].ssrc }
  }

  /** What the client last declared of it (op 12); undefined before the first declaration. */
  get declared(): Video | undefined {
    return this.#declared
  }
  declare(video: Video): void {
    this.#declared = video
    this.#active = activeLayers(this.layers, video)
  }

  /** The layers that the client declares to send, each with its declaration. */
  get active(): ReadonlyMap<Layer, Stream> {
    return this.#active
  }

  /** Whether the client declares that it sends. */
  get isSending(): boolean {
    return this.#active.size > 0
  }

  /** Whether the client declares the source with an SSRC, but sends no layer of it. */
  get isPaused(): boolean {
    const { video_ssrc, streams } = this.#declared ?? {}
    return !this.isSending && Boolean(video_ssrc) && streams?.some(({ ssrc = 0 }) => ssrc > 0) === true
  }

  /** The declaration of the best layer that the client sends. */
  get sent(): Stream | undefined {
    const best = this.ascending.findLast(layer => this.#active.has(layer))
    return best === undefined ? undefined : this.#active.get(best)
  }
}

/**
 * Without streams `video_ssrc` alone decides; with some, those that are active. A Discord client declares the SSRCs that Ready
 * assigned; a WebRTC client its own, which belong to the layers of their rids, or to the layers in order.
 */
function activeLayers(layers: readonly Layer[], { video_ssrc, rtx_ssrc, streams }: Video): Map<Layer, Stream> {
  const active = new Map<Layer, Stream>()
  if (!video_ssrc) return active
  if (!streams?.length) return active.set(layers[0]!, { ssrc: video_ssrc, rtx_ssrc: rtx_ssrc ?? undefined })
  const left = new Set(streams.filter(stream => (stream.ssrc ?? 0) > 0 && stream.active !== false))
  const assign = (isOf: (stream: Stream, layer: Layer) => boolean) => {
    for (const layer of layers) {
      const stream = active.has(layer) ? undefined : [...left].find(each => isOf(each, layer))
      if (stream === undefined) continue
      active.set(layer, stream)
      left.delete(stream)
    }
  }
  assign((stream, { ssrc }) => stream.ssrc === ssrc)
  assign((stream, { rid }) => stream.rid === rid)
  assign(() => true)
  const [first] = active
  if (active.size === 1 && first?.[1].rtx_ssrc === undefined && rtx_ssrc)
    active.set(first![0], { ...first![1], rtx_ssrc })
  return active
}

/** What Discord clients assume where Identify offers no stream: one layer of full quality. */
const DEFAULT_STREAM: Stream = { rid: '100', quality: 100 }

const kindOf = ({ type }: Stream): VideoSource['kind'] => (type === 'screen' ? 'screen' : 'camera')

/**
 * The sources for the streams that Identify offers, at least one. Each layer is assigned a pair of SSRCs from `ssrcs`, in order;
 * layers without a pair left are not assigned.
 */
export function videoSources(peer: PeerId, ssrcs: readonly number[], offered: readonly Stream[]): VideoSource[] {
  const byKind = new Map<VideoSource['kind'], Layer[]>()
  const streams = offered.length === 0 ? [DEFAULT_STREAM] : offered
  for (const [index, stream] of streams.slice(0, Math.floor(ssrcs.length / 2)).entries()) {
    const { quality = 100, rid = String(quality) } = stream
    const layer: Layer = { rid, quality, ssrc: ssrcs[2 * index]!, rtxSsrc: ssrcs[2 * index + 1]! }
    byKind.set(kindOf(stream), [...(byKind.get(kindOf(stream)) ?? []), layer])
  }
  return [...byKind].flatMap(([kind, [first, ...rest]]) =>
    first === undefined ? [] : [new VideoSource(kind, peer, [first, ...rest])],
  )
}

/** The part of a declaration that is about one of several sources. Streams are attributed by their type. */
export function declarationOf(source: VideoSource, sources: readonly VideoSource[], video: Video): Video {
  if (sources.length === 1) return video
  const streams = (video.streams ?? []).filter(stream => kindOf(stream) === source.kind)
  const [first] = streams
  return { ...video, video_ssrc: first?.ssrc ?? 0, rtx_ssrc: first?.rtx_ssrc ?? 0, streams }
}
