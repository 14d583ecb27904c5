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

export class VideoSource {
  readonly kind: 'camera' | 'screen'
  /** In the order in which the client offered them. */
  readonly layers: readonly Layer[]
  /** The layer that viewers receive: the first. */
  readonly route: RouteSource
  #declared: Video | undefined

  constructor(kind: 'camera' | 'screen', peer: PeerId, layers: readonly [Layer, ...Layer[]]) {
    this.kind = kind
    this.layers = layers
    this.route = { peer, ssrc: layers[0].ssrc }
  }

  /** What the client last declared of it (op 12); undefined before the first declaration. */
  get declared(): Video | undefined {
    return this.#declared
  }
  declare(video: Video): void {
    this.#declared = video
  }

  /** Whether the client declared that it sends. Without streams `video_ssrc` alone decides; with some, one has to be active. */
  get isSending(): boolean {
    const { video_ssrc, streams } = this.#declared ?? {}
    return (video_ssrc ?? 0) > 0 && (!streams?.length || this.sent !== undefined)
  }

  /** The declared stream that is forwarded: the one with the first layer's SSRC, or the first active one of a WebRTC client. */
  get sent(): Stream | undefined {
    const active = this.#declared?.streams?.filter(stream => (stream.ssrc ?? 0) > 0 && stream.active !== false)
    return active?.find(({ ssrc }) => ssrc === this.route.ssrc) ?? active?.[0]
  }
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
