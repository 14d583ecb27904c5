// Tells senders of video the highest want of their viewers (op 15), so that clients do not encode video without viewers.
import { type VoiceEvents, VoiceOp } from '@parley/protocol'
import type { Deadlines, Timed } from '../../deadlines.ts'
import { layerUpTo, type Wants, wantedLayer, wantOf } from '../../lane/wants.ts'
import { LIMITS } from '../../limits.ts'
import type { ChannelSession } from '../channel-session.ts'
import type { Viewer } from './video-routes.ts'
import type { Layer, VideoSource } from './video-source.ts'

/** The highest want and pixel count over all viewers of one layer. */
interface Wanted {
  readonly want: number
  /** 0 if no viewer says. */
  readonly pixels: number
}

/** What a sender was last sent about one of its layers. */
interface Requested extends Wanted {
  /** When the sender is sent a lower want; `Infinity` while the want is not lower. */
  lowerAt: number
}

/** A session whose video is forwarded. */
interface Sender {
  readonly requested: Map<Layer, Requested>
  /** The last message; undefined if it is to be sent even if unchanged. */
  text: string | undefined
}

/**
 * Increases are sent immediately, decreases after `videoLessDelay`, and at most one message per `videoUpdateInterval`: viewers
 * scroll. An update of many senders with many viewers runs in slices. Only sessions whose video is forwarded are senders; the
 * others were sent `any: 100` when they arrived.
 */
export class SendRequests implements Timed {
  readonly #viewers: () => Iterable<Viewer>
  readonly #deadlines: Deadlines
  readonly #senders = new Map<ChannelSession, Sender>()
  /** Senders that the current update has still to look at. */
  #waiting: ChannelSession[] = []
  #nextSlice = -Infinity
  #isStale = false
  #updatedAt = -Infinity
  #lowerAt = Infinity

  constructor(viewers: () => Iterable<Viewer>, deadlines: Deadlines) {
    this.#viewers = viewers
    this.#deadlines = deadlines
  }

  get deadline(): number {
    if (this.#waiting.length > 0) return this.#nextSlice
    const updateAt = this.#isStale ? this.#updatedAt + LIMITS.videoUpdateInterval : Infinity
    return Math.min(updateAt, this.#lowerAt)
  }

  tick(now: number): void {
    if (now < this.deadline) return
    if (this.#waiting.length === 0) this.#begin(now)
    this.#nextSlice = now + LIMITS.wantsInterval
    let lookups = 0
    while (lookups < LIMITS.wantsPerSlice) {
      const session = this.#waiting.pop()
      if (session === undefined) return
      const sender = this.#senders.get(session)
      if (sender !== undefined) lookups += this.#update(session, sender, now)
    }
  }

  #begin(now: number): void {
    this.#isStale = false
    this.#updatedAt = now
    this.#lowerAt = Infinity
    this.#waiting = [...this.#senders.keys()].reverse()
  }

  /** The session's video is forwarded from now on, or was declared again: its wants are sent even if unchanged. */
  declared(session: ChannelSession): void {
    this.#senders.set(session, { requested: new Map(), text: undefined })
    this.changed()
  }

  /** Its video is no longer forwarded. */
  ended(session: ChannelSession): void {
    this.#senders.delete(session)
  }

  /** Viewers arrived, left, or changed their wants. */
  changed(): void {
    if (this.#senders.size === 0) return
    this.#isStale = true
    this.#deadlines.update(this)
  }

  close(): void {
    this.#senders.clear()
    this.#waiting = []
    this.#isStale = false
    this.#lowerAt = Infinity
    this.#deadlines.remove(this)
  }

  /** Returns how many wants it looked up. */
  #update(session: ChannelSession, sender: Sender, now: number): number {
    let lookups = 0
    for (const source of session.media.sources)
      if (source.isSending) lookups += this.#updateSource(session, source, sender, now)
    const text = JSON.stringify(wantsEvent(session.media.sources, sender.requested))
    if (text !== sender.text && session.version >= 5) session.sendText(VoiceOp.MediaSinkWants, text)
    sender.text = text
    return lookups
  }

  #updateSource(session: ChannelSession, source: VideoSource, { requested }: Sender, now: number): number {
    const wanted = new Map<Layer, Wanted>()
    let lookups = 0
    let viewers = 0
    for (const viewer of this.#viewers()) {
      lookups++
      if (viewer.peer !== source.route.peer && addWants(wanted, source, viewer)) viewers++
    }
    if (viewers !== source.viewers) {
      source.viewers = viewers
      session.sourceChanged(source)
    }
    for (const layer of source.layers)
      if (source.active.has(layer)) this.#updateLayer(requested, layer, wanted.get(layer) ?? UNWANTED, now)
      else requested.delete(layer)
    return lookups
  }

  #updateLayer(requested: Map<Layer, Requested>, layer: Layer, wanted: Wanted, now: number): void {
    const last = requested.get(layer)
    if (last !== undefined && isLess(wanted, last)) {
      last.lowerAt = Math.min(last.lowerAt, now + LIMITS.videoLessDelay)
      if (now < last.lowerAt) {
        this.#lowerAt = Math.min(this.#lowerAt, last.lowerAt)
        return
      }
    }
    requested.set(layer, { ...wanted, lowerAt: Infinity })
  }
}

const UNWANTED: Wanted = { want: 0, pixels: 0 }

/**
 * The layer that the viewer wants, and those that the lane sends or is about to send it instead. Returns whether it wants any layer.
 */
function addWants(wanted: Map<Layer, Wanted>, source: VideoSource, viewer: Viewer): boolean {
  const [only] = source.layers
  if (source.layers.length === 1) return addWant(wanted, only!, only!.ssrc, viewer.wants)
  const layers = source.ascending.filter(layer => source.active.has(layer))
  const ssrcOf = (layer: Layer) => (viewer.isWebrtc ? source.route.ssrc : layer.ssrc)
  const wants = layers.map(layer => wantOf(viewer.wants, ssrcOf(layer)))
  const qualities = layers.map(({ quality }) => quality)
  const best = layers[Math.min(wantedLayer(qualities, wants), layerUpTo(qualities, source.highest))]
  if (best === undefined) return false
  for (const layer of new Set([best, ...sentLayers(source, viewer)]))
    addWant(wanted, layer, ssrcOf(layer), viewer.wants)
  return true
}

/** One viewer's want of a layer, which it knows by this SSRC. Returns whether it wants the layer. */
function addWant(wanted: Map<Layer, Wanted>, layer: Layer, ssrc: number, wants: Wants): boolean {
  const want = wantOf(wants, ssrc)
  if (want === 0) return false
  const before = wanted.get(layer) ?? UNWANTED
  const pixels = wants.pixelCounts.get(ssrc) ?? 0
  if (want > before.want || pixels > before.pixels)
    wanted.set(layer, { want: Math.max(want, before.want), pixels: Math.max(pixels, before.pixels) })
  return true
}

/** What the lane reported. */
function sentLayers({ ascending, active, route }: VideoSource, { layers }: Viewer): Layer[] {
  const { target = -1, current = -1 } = layers.get(route.ssrc) ?? {}
  return [ascending[target], ascending[current]].filter(layer => layer !== undefined && active.has(layer)) as Layer[]
}

const isLess = (wanted: Wanted, last: Wanted) =>
  wanted.want < last.want || (wanted.want === last.want && wanted.pixels < last.pixels)

/** By the SSRCs that the sender declared. Layers that no viewer gets have want 0. */
function wantsEvent(sources: readonly VideoSource[], requested: ReadonlyMap<Layer, Wanted>): VoiceEvents[15] {
  const bySsrc: Record<string, number> = {}
  const pixelCounts: Record<string, number> = {}
  for (const { declared, active } of sources) {
    for (const { ssrc = 0 } of declared?.streams ?? []) if (ssrc > 0) bySsrc[ssrc] = 0
    for (const [layer, { ssrc = layer.ssrc }] of active) {
      const { want, pixels } = requested.get(layer) ?? UNWANTED
      bySsrc[ssrc] = want
      if (pixels > 0) pixelCounts[ssrc] = pixels
    }
  }
  const any = Math.max(0, ...[...requested.values()].map(({ want }) => want))
  return Object.keys(pixelCounts).length > 0 ? { any, ...bySsrc, pixelCounts } : { any, ...bySsrc }
}
