// Opens the frames of one receiver. Frames that arrive before their key, or before the user of their SSRC is known, wait.
import { LIMITS } from '../limits.ts'
import { type DaveMedia, isSilence } from '../voice/dave/dave.ts'
import { withoutLastSize } from './av1-frame.ts'
import type { DaveHost } from './dave-host.ts'
import { codecOf, type EncodedFrame } from './encoded-frame.ts'

export interface FrameOpenerOutlet {
  /** Passes a frame to the decoder. Browsers drop frames that are not written in order of arrival. */
  write(frame: EncodedFrame): void
  /** Requests a keyframe: a dropped frame is missing to those that follow. */
  requestKeyframe(): void
}

interface Waiting {
  readonly frame: EncodedFrame
  readonly until: number
}

export class FrameOpener {
  readonly #host: DaveHost
  readonly #media: DaveMedia
  readonly #outlet: FrameOpenerOutlet
  /** In order of arrival; none of them could be opened. */
  #waiting: Waiting[] = []
  /** Whether frames of video were dropped since the last keyframe. */
  #hasGap = false

  constructor(host: DaveHost, media: DaveMedia, outlet: FrameOpenerOutlet) {
    this.#host = host
    this.#media = media
    this.#outlet = outlet
  }

  /** Opens the next frame, or keeps it for up to `LIMITS.earlyFrameWait`. */
  receive(frame: EncodedFrame, now: number): void {
    this.#expire(now)
    // Silence needs no key, but must not overtake the talkspurt that it ends.
    const isEarly = this.#media === 'audio' && this.#waiting.length > 0 && isSilence(new Uint8Array(frame.data))
    const opened = isEarly ? undefined : this.#open(frame, false)
    if (opened === undefined) return this.#keep(frame, now)
    this.#flush(true)
    this.#write(frame, opened)
  }

  /** There may be new keys: opens the frames that wait, as far as possible. */
  retry(now: number): void {
    this.#expire(now)
    this.#flush(false)
  }

  /** Writes the frames that can be opened. The first one that cannot ends it, or is dropped if a later frame has been opened. */
  #flush(isOvertaken: boolean): void {
    while (this.#waiting.length > 0) {
      const { frame } = this.#waiting[0]!
      const opened = this.#open(frame, true)
      if (opened === undefined && !isOvertaken) return
      this.#waiting.shift()
      if (opened === undefined) this.#dropped()
      else this.#write(frame, opened)
    }
  }

  #open(frame: EncodedFrame, isRetry: boolean): Uint8Array | undefined {
    const received = new Uint8Array(frame.data)
    const sealed = codecOf(frame, this.#host) === 'AV1' ? withoutLastSize(received) : received
    const opened = this.#host.open(sealed, frame.getMetadata().synchronizationSource, this.#media, isRetry)
    return opened === sealed ? received : opened
  }

  #write(frame: EncodedFrame, opened: Uint8Array): void {
    if (opened.buffer !== frame.data) frame.data = Uint8Array.from(opened).buffer
    if (frame.type === 'key') this.#hasGap = false
    if (this.#hasGap) this.#outlet.requestKeyframe()
    this.#outlet.write(frame)
  }

  #keep(frame: EncodedFrame, now: number): void {
    this.#waiting.push({ frame, until: now + LIMITS.earlyFrameWait })
    if (this.#waiting.length <= LIMITS.earlyFrames) return
    this.#waiting.shift()
    this.#dropped()
  }

  #expire(now: number): void {
    while (this.#waiting.length > 0 && this.#waiting[0]!.until <= now) {
      this.#waiting.shift()
      this.#dropped()
    }
  }

  #dropped(): void {
    this.#host.report.unopened++
    this.#hasGap = this.#media === 'video'
  }
}
