// Seals the frames of one sender.
import type { DaveCodec } from '../voice/dave/dave.ts'
import type { DaveHost } from './dave-host.ts'
import type { EncodedFrame } from './encoded-frame.ts'

/**
 * Codecs whose sealed frames browsers packetise and depacketise without changes. Not AV1: its last OBU would have to be without a
 * size, and browsers add one.
 */
const CODECS: ReadonlyMap<string, DaveCodec> = new Map(
  (['opus', 'VP8', 'VP9', 'H264'] as const).map(codec => [codec.toLowerCase(), codec]),
)

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
    const sealed = this.#host.seal(plain, this.#codecOf(frame))
    if (sealed === undefined) {
      this.#hasGap = true
      return false
    }
    if (this.#hasGap && frame.type === 'delta') this.#requestKeyframe()
    this.#hasGap = false
    if (sealed !== plain) frame.data = Uint8Array.from(sealed).buffer
    return true
  }

  #codecOf(frame: EncodedFrame): DaveCodec | undefined {
    const { mimeType, payloadType } = frame.getMetadata()
    const name = mimeType?.slice(mimeType.indexOf('/') + 1) ?? this.#host.codecOf(payloadType)
    return name === undefined ? undefined : CODECS.get(name.toLowerCase())
  }
}
