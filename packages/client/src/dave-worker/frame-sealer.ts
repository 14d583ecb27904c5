// Seals the frames of one sender.
import type { DaveHost } from './dave-host.ts'
import { codecOf, type EncodedFrame } from './encoded-frame.ts'

export class FrameSealer {
  readonly #host: DaveHost
  readonly #requestKeyframe: () => void
  /** Whether the last frame was not sent: later ones refer to it. */
  #hasGap = false

  constructor(host: DaveHost, requestKeyframe: () => void) {
    this.#host = host
    this.#requestKeyframe = requestKeyframe
  }

  /** Replaces the frame's data. Returns false if the frame must not be sent. */
  seal(frame: EncodedFrame): boolean {
    const plain = new Uint8Array(frame.data)
    const sealed = this.#host.seal(plain, codecOf(frame, this.#host))
    if (sealed === undefined) {
      this.#hasGap = true
      return false
    }
    if (this.#hasGap && frame.type === 'delta') this.#requestKeyframe()
    this.#hasGap = false
    if (sealed !== plain) frame.data = Uint8Array.from(sealed).buffer
    return true
  }
}
