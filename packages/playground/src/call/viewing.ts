// What the page shows and plays of the other members, and what it therefore wants of them (op 15).
import { Remembered } from '../memory/remembered.ts'
import type { Playback } from '../sound/playback.ts'
import type { RemoteSource } from '../voice/remote-source.ts'
import { type PictureView, pictureKey } from './call-view.ts'
import { isQuality, type Quality, wantsOf } from './wants.ts'

/** Milliseconds without a change before wants are sent: sizes change many times while a window is resized. */
const SETTLE = 150

export interface ViewingObserver {
  picturesChanged(): void
  /** Returns whether the message could be sent. */
  sendWants(wants: Record<string, unknown>): boolean
}

export class Viewing {
  readonly #playback: Playback
  readonly #observer: ViewingObserver
  /** By SSRC. */
  readonly #pictures = new Map<number, PictureView>()
  /** Voices and sounds of screens: the user of each SSRC. */
  readonly #voices = new Map<number, string>()
  /** By key of the picture, whether it is sent or not; `auto` where absent. */
  readonly #qualities = new Remembered('qualities', isQuality)
  readonly #pixels = new Map<string, number>()
  #isDeafened = false
  #isHidden = false
  #timer: number | undefined
  /** The message that the node has. */
  #sent = ''

  constructor(playback: Playback, observer: ViewingObserver) {
    this.#playback = playback
    this.#observer = observer
  }

  get pictures(): readonly PictureView[] {
    return [...this.#pictures.values()]
  }
  get qualities(): ReadonlyMap<string, Quality> {
    return this.#qualities.entries
  }

  /** Audio is played at once, video is shown. */
  add({ role, ssrc, userId }: RemoteSource, track: MediaStreamTrack): void {
    if (role === 'voice' || role === 'sound') {
      this.#voices.set(ssrc, userId)
      this.#playback.add(ssrc, userId, track)
    } else {
      this.#pictures.set(ssrc, { key: pictureKey(userId, role), userId, role, track })
      this.#observer.picturesChanged()
    }
    this.#changed()
  }

  remove({ role, ssrc }: RemoteSource): void {
    if (role === 'voice' || role === 'sound') {
      this.#voices.delete(ssrc)
      this.#playback.remove(ssrc)
    } else {
      this.#pictures.delete(ssrc)
      this.#observer.picturesChanged()
    }
    this.#changed()
  }

  /** Before another session. */
  clear(): void {
    window.clearTimeout(this.#timer)
    this.#pictures.clear()
    this.#voices.clear()
    this.#pixels.clear()
    this.#playback.clear()
    this.#sent = ''
  }

  /** The node may have a new session, which has no wants. */
  reconnected(): void {
    this.#sent = ''
    this.#changed()
  }

  setQuality(key: string, quality: Quality): void {
    if (quality === 'auto') this.#qualities.delete(key)
    else this.#qualities.set(key, quality)
    this.#changed()
  }

  /** The picture is shown with this many pixels of the display; undefined: no longer. */
  setPixels(key: string, pixels: number | undefined): void {
    if (pixels === undefined) this.#pixels.delete(key)
    else this.#pixels.set(key, pixels)
    this.#changed()
  }

  /** 0 to 2. What is not played is not received. */
  setVolume(userId: string, volume: number): void {
    this.#playback.setVolume(userId, volume)
    this.#changed()
  }

  set isDeafened(isDeafened: boolean) {
    this.#isDeafened = isDeafened
    this.#playback.isDeafened = isDeafened
    this.#changed()
  }

  /** A page that is not seen receives no video. */
  set isHidden(isHidden: boolean) {
    this.#isHidden = isHidden
    this.#changed()
  }

  #changed(): void {
    window.clearTimeout(this.#timer)
    this.#timer = window.setTimeout(() => this.#send(), SETTLE)
  }

  #send(): void {
    const pictures = Array.from(this.#pictures, ([ssrc, { key, role }]) => {
      const quality = this.#isHidden ? 'off' : (this.#qualities.get(key) ?? 'auto')
      return { ssrc, role, quality, pixels: this.#pixels.get(key) }
    })
    const isSilent = (userId: string) => this.#isDeafened || this.#playback.volumeOf(userId) === 0
    const silent = Array.from(this.#voices).flatMap(([ssrc, userId]) => (isSilent(userId) ? [ssrc] : []))
    const wants = wantsOf(pictures, silent)
    const text = JSON.stringify(wants)
    if (text !== this.#sent && this.#observer.sendWants(wants)) this.#sent = text
  }
}
