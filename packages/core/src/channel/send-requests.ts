// What a sender of video is told of its viewers: how much they want of it at most, so that nobody encodes for nobody (op 15).
import { type VoiceEvents, VoiceOp } from '@parley/protocol'
import type { Deadlines, Timed } from '../deadlines.ts'
import { LIMITS } from '../limits.ts'
import type { ChannelSession } from './channel.ts'
import { type Listener, wantOf } from './media-routes.ts'

/** What viewers want of one source: the most of each. */
interface Wanted {
  readonly want: number
  /** 0 if nobody told. */
  readonly pixels: number
}

interface Told extends Wanted {
  readonly text: string
  /** When it is told that less is wanted; `Infinity` while as much is. */
  lowerAt: number
}

/**
 * More is told at once, less after a while, all of it at most so often: viewers scroll. Only who sends is told; anybody else
 * has heard once, when it came, that it may.
 */
export class SendRequests implements Timed {
  readonly #viewers: () => Iterable<Listener>
  readonly #deadlines: Deadlines
  /** Sessions whose video is forwarded; undefined before they were told. */
  readonly #senders = new Map<ChannelSession, Told | undefined>()
  #isStale = false
  #lookedAt = -Infinity
  #lowerAt = Infinity

  constructor(viewers: () => Iterable<Listener>, deadlines: Deadlines) {
    this.#viewers = viewers
    this.#deadlines = deadlines
  }

  get deadline(): number {
    const lookAt = this.#isStale ? this.#lookedAt + LIMITS.videoUpdateInterval : Infinity
    return Math.min(lookAt, this.#lowerAt)
  }

  tick(now: number): void {
    if (now < this.deadline) return
    this.#isStale = false
    this.#lookedAt = now
    this.#lowerAt = Infinity
    for (const [sender, told] of this.#senders) this.#look(sender, told, now)
  }

  /** The session's video is forwarded from now on, or it declared it anew: it is told even what it knows. */
  declared(sender: ChannelSession): void {
    this.#senders.set(sender, undefined)
    this.changed()
  }

  ended(sender: ChannelSession): void {
    this.#senders.delete(sender)
  }

  /** Viewers came, left, or want something else. */
  changed(): void {
    if (this.#senders.size === 0) return
    this.#isStale = true
    this.#deadlines.update(this)
  }

  /** Nobody is told of anything any more. */
  close(): void {
    this.#senders.clear()
    this.#isStale = false
    this.#lowerAt = Infinity
    this.#deadlines.remove(this)
  }

  #look(sender: ChannelSession, told: Told | undefined, now: number): void {
    const wanted = this.#wantedOf(sender)
    if (told !== undefined && isLess(wanted, told)) {
      told.lowerAt = Math.min(told.lowerAt, now + LIMITS.videoLessDelay)
      if (now < told.lowerAt) {
        this.#lowerAt = Math.min(this.#lowerAt, told.lowerAt)
        return
      }
    }
    const text = JSON.stringify(wantsEvent(sender, wanted))
    if (text !== told?.text && sender.version >= 5) sender.sendText(VoiceOp.MediaSinkWants, text)
    this.#senders.set(sender, { ...wanted, text, lowerAt: Infinity })
  }

  #wantedOf({ camera: { peer, ssrc } }: ChannelSession): Wanted {
    let want = 0
    let pixels = 0
    for (const viewer of this.#viewers()) {
      const own = viewer.peer === peer ? 0 : wantOf(viewer.wants, ssrc)
      if (own === 0) continue
      want = Math.max(want, own)
      pixels = Math.max(pixels, viewer.wants.pixelCounts.get(ssrc) ?? 0)
    }
    return { want, pixels }
  }
}

const isLess = (wanted: Wanted, told: Wanted) =>
  wanted.want < told.want || (wanted.want === told.want && wanted.pixels < told.pixels)

/** By the sender's own SSRCs, as it declared them. Layers that are not forwarded are not wanted. */
function wantsEvent({ layer, video }: ChannelSession, { want, pixels }: Wanted): VoiceEvents[15] {
  const forwarded = layer?.ssrc ?? video?.video_ssrc ?? 0
  const others = (video?.streams ?? []).flatMap(({ ssrc = 0 }) => (ssrc > 0 && ssrc !== forwarded ? [[ssrc, 0]] : []))
  const bySsrc = Object.fromEntries([[forwarded, want], ...others])
  return { any: want, ...bySsrc, ...(pixels > 0 && { pixelCounts: { [forwarded]: pixels } }) }
}
