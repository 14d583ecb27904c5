// Who may receive video from which source in one channel, of the members on one lane. Which layer a viewer gets, and whether it wants
// the source at all, is decided on the lane, which has the wants of every viewer.
import type { LaneCommand, LaneId, LayerDescription, PeerId, TargetsId } from '../../lane/commands.ts'
import type { LayerReport } from '../../lane/layer-report.ts'
import { type Wants, wantOf } from '../../lane/wants.ts'
import type { LaneHandle } from '../lane-handle.ts'
import type { VideoSource } from './video-source.ts'

/** A peer that video may be forwarded to. Its wants are replaced by others, never changed. */
export interface Viewer {
  readonly peer: PeerId
  readonly wants: Wants
  /** It knows one SSRC per source, that of the first layer. */
  readonly isWebrtc: boolean
  /** What the lane last reported, by the SSRC of the source's first layer. */
  readonly layers: ReadonlyMap<number, LayerReport>
}

/** The highest want of the viewer for a layer of the source. */
export function wantOfSource({ wants, isWebrtc }: Viewer, { layers, route }: VideoSource): number {
  return isWebrtc ? wantOf(wants, route.ssrc) : Math.max(...layers.map(({ ssrc }) => wantOf(wants, ssrc)))
}

/** A source as its lane knows it. */
interface OpenSource {
  /** What its route said of it, as JSON. */
  readonly text: string
  /** The id of its peer on this lane, which is a remote one there. Undefined if the source is of this lane. */
  readonly remote: PeerId | undefined
}

/** All sources share one list of viewers, so that a join costs one command and not one per source. */
export class VideoRoutes {
  readonly #lane: LaneHandle
  /** Open while there are viewers or sources. */
  #targets: TargetsId | undefined
  /** With the wants that the lane was sent. */
  readonly #viewers = new Map<Viewer, Wants>()
  readonly #sources = new Map<VideoSource, OpenSource>()
  /** The other lanes of the channel. */
  #otherLanes: readonly LaneId[] = []

  constructor(lane: LaneHandle) {
    this.#lane = lane
  }

  get viewers(): Iterable<Viewer> {
    return this.#viewers.keys()
  }

  has(source: VideoSource): boolean {
    return this.#sources.has(source)
  }

  addViewer(viewer: Viewer): void {
    if (this.#viewers.has(viewer)) return
    this.#viewers.set(viewer, viewer.wants)
    if (!isDefault(viewer.wants)) this.#lane.send(setWants(viewer))
    this.#lane.send({ kind: 'addTarget', targets: this.#openTargets, peer: viewer.peer })
    for (const source of this.#sources.keys()) if (wantOfSource(viewer, source) > 0) this.#askKeyframe(source, viewer)
  }

  removeViewer(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer)) return
    this.#lane.send({ kind: 'removeTarget', targets: this.#openTargets, peer: viewer.peer })
    this.#releaseUnused()
  }

  /** The viewer sent other wants. Its decoder starts again for a source that it did not want before. */
  wantsChanged(viewer: Viewer): void {
    const before = this.#viewers.get(viewer)
    if (before === undefined) return
    this.#viewers.set(viewer, viewer.wants)
    this.#lane.send(setWants(viewer))
    for (const source of this.#sources.keys())
      if (wantOfSource(viewer, source) > 0 && wantOfSource({ ...viewer, wants: before }, source) === 0)
        this.#askKeyframe(source, viewer)
  }

  /**
   * Opens the source, or changes its layers. `remote` is the id of its peer on this lane, if the source is of another one. Returns
   * whether it was closed before.
   */
  openSource(source: VideoSource, remote?: PeerId): boolean {
    const text = JSON.stringify([layersOf(source), source.highest])
    const before = this.#sources.get(source)
    this.#sources.set(source, { text, remote })
    if (before?.text !== text) this.#setRoute(source, remote)
    return before === undefined
  }

  /** The lanes that packets of the sources of this lane go to besides. */
  setOtherLanes(lanes: readonly LaneId[]): void {
    this.#otherLanes = lanes
    for (const [source, { remote }] of this.#sources) if (remote === undefined) this.#setRoute(source, remote)
  }

  /** Returns whether the source was open. */
  closeSource(source: VideoSource): boolean {
    if (!this.#sources.delete(source)) return false
    this.#lane.send({ kind: 'removeRoute', ssrc: source.route.ssrc, silence: false })
    this.#releaseUnused()
    return true
  }

  /** Closes every source and the list; the object can be used again. */
  close(): void {
    for (const source of [...this.#sources.keys()]) this.closeSource(source)
    this.#viewers.clear()
    this.#releaseUnused()
  }

  get #openTargets(): TargetsId {
    this.#targets ??= this.#lane.openTargets()
    return this.#targets
  }

  /** Without viewers and sources the lane keeps nothing of the channel. */
  #releaseUnused(): void {
    if (this.#targets === undefined || this.#sources.size > 0 || this.#viewers.size > 0) return
    this.#lane.send({ kind: 'closeTargets', targets: this.#targets })
    this.#targets = undefined
  }

  #setRoute(source: VideoSource, remote: PeerId | undefined): void {
    const { ssrc, peer } = source.route
    const route = { kind: 'setRoute', ssrc, owner: remote ?? peer, media: 'video', targets: this.#openTargets } as const
    const layers = source.layers.length > 1 ? layersOf(source) : undefined
    const highest = source.highest < 100 ? { highest: source.highest } : {}
    const lanes = remote !== undefined || this.#otherLanes.length === 0 ? {} : { lanes: this.#otherLanes }
    this.#lane.send({ ...route, source: source.kind, layers, ...highest, ...lanes })
  }

  #askKeyframe(source: VideoSource, { peer }: Viewer): void {
    const { route } = source
    const owner = this.#sources.get(source)?.remote ?? route.peer
    if (owner !== peer) this.#lane.send({ kind: 'askKeyframe', ssrc: route.ssrc })
  }
}

const isDefault = ({ any, wants, pixelCounts }: Wants): boolean =>
  any === 100 && wants.size === 0 && pixelCounts.size === 0

const setWants = ({ peer, wants: { any, wants, pixelCounts } }: Viewer): LaneCommand => ({
  kind: 'setWants',
  peer,
  any,
  wants: [...wants],
  pixelCounts: [...pixelCounts],
})

const layersOf = ({ layers, active }: VideoSource): LayerDescription[] =>
  layers.map(layer => ({ ssrc: layer.ssrc, quality: layer.quality, isActive: active.has(layer) }))
