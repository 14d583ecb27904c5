// Tells senders of video the highest want of their viewers (op 15), so that clients do not encode video without viewers.
import { type VoiceEvents, VoiceOp } from '@parley/protocol'
import type { Deadlines, Timed } from '../../deadlines.ts'
import { LIMITS } from '../../limits.ts'
import type { ChannelSession } from '../channel-session.ts'
import { type Listener, wantOf } from '../media-routes.ts'
import type { VideoSource } from './video-source.ts'

/** The highest want and pixel count over all viewers of one source. */
interface Wanted {
  readonly want: number
  /** 0 if no viewer says. */
  readonly pixels: number
}

/** What a sender was last sent about one of its sources. */
interface Requested extends Wanted {
  /** When the sender is sent a lower want; `Infinity` while the want is not lower. */
  lowerAt: number
}

/** A session whose video is forwarded. */
interface Sender {
  readonly requested: Map<VideoSource, Requested>
  /** The last message; undefined if it is to be sent even if unchanged. */
  text: string | undefined
}

/**
 * Increases are sent immediately, decreases after `videoLessDelay`, and at most one message per `videoUpdateInterval`: viewers
 * scroll. An update of many senders with many viewers runs in slices. Only sessions whose video is forwarded are senders; the others were sent `any: 100` when they arrived.
 */
export class SendRequests implements Timed {
  readonly #viewers: () => Iterable<Listener>
  readonly #deadlines: Deadlines
  readonly #senders = new Map<ChannelSession, Sender>()
  /** Senders that the current update has still to look at. */
  #waiting: ChannelSession[] = []
  #nextSlice = -Infinity
  #isStale = false
  #updatedAt = -Infinity
  #lowerAt = Infinity

  constructor(viewers: () => Iterable<Listener>, deadlines: Deadlines) {
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
    for (const source of session.media.sources) if (source.isSending) lookups += this.#updateSource(source, sender, now)
    const text = JSON.stringify(wantsEvent(sender.requested))
    if (text !== sender.text && session.version >= 5) session.sendText(VoiceOp.MediaSinkWants, text)
    sender.text = text
    return lookups
  }

  #updateSource(source: VideoSource, { requested }: Sender, now: number): number {
    const { lookups, ...wanted } = this.#wantedOf(source)
    const last = requested.get(source)
    if (last !== undefined && isLess(wanted, last)) {
      last.lowerAt = Math.min(last.lowerAt, now + LIMITS.videoLessDelay)
      if (now < last.lowerAt) {
        this.#lowerAt = Math.min(this.#lowerAt, last.lowerAt)
        return lookups
      }
    }
    requested.set(source, { ...wanted, lowerAt: Infinity })
    return lookups
  }

  /** What the viewers together want of a source; its own session is no viewer. */
  #wantedOf({ route: { peer, ssrc } }: VideoSource): Wanted & { readonly lookups: number } {
    let lookups = 0
    let want = 0
    let pixels = 0
    for (const viewer of this.#viewers()) {
      lookups++
      const viewerWant = viewer.peer === peer ? 0 : wantOf(viewer.wants, ssrc)
      if (viewerWant === 0) continue
      want = Math.max(want, viewerWant)
      pixels = Math.max(pixels, viewer.wants.pixelCounts.get(ssrc) ?? 0)
    }
    return { want, pixels, lookups }
  }
}

/** Whether a request is lower than the last: it waits, so that a viewer that scrolls by does not stop the encoder. */
const isLess = (wanted: Wanted, last: Wanted) =>
  wanted.want < last.want || (wanted.want === last.want && wanted.pixels < last.pixels)

/** By the SSRCs that the sender declared. Layers that are not forwarded have want 0. */
function wantsEvent(requested: ReadonlyMap<VideoSource, Wanted>): VoiceEvents[15] {
  const bySsrc: Record<string, number> = {}
  const pixelCounts: Record<string, number> = {}
  for (const [{ declared, sent }, { want, pixels }] of requested) {
    const forwarded = sent?.ssrc ?? declared?.video_ssrc ?? 0
    for (const { ssrc = 0 } of declared?.streams ?? []) if (ssrc > 0) bySsrc[ssrc] = 0
    bySsrc[forwarded] = want
    if (pixels > 0) pixelCounts[forwarded] = pixels
  }
  const any = Math.max(0, ...[...requested.values()].map(({ want }) => want))
  return Object.keys(pixelCounts).length > 0 ? { any, ...bySsrc, pixelCounts } : { any, ...bySsrc }
}
