// The parts of WebRTC Encoded Transform that the worker uses (https://www.w3.org/TR/webrtc-encoded-transform/).
import type { TransformOptions } from '../browser/worker-messages.ts'
import type { DaveCodec } from '../voice/dave/dave.ts'
import type { DaveHost } from './dave-host.ts'

/** RTCEncodedAudioFrame or RTCEncodedVideoFrame. */
export interface EncodedFrame {
  data: ArrayBuffer
  /** Of video only: `key`, `delta` or `empty`. */
  readonly type?: string
  getMetadata(): {
    synchronizationSource?: number
    payloadType?: number
    /** Such as `video/VP8`. Firefox does not have it. */
    mimeType?: string
  }
}

/** RTCRtpScriptTransformer: the worker's end of an RTCRtpScriptTransform. */
export interface Transformer {
  readonly readable: ReadableStream<EncodedFrame>
  readonly writable: WritableStream<EncodedFrame>
  readonly options: TransformOptions
  /** Of senders of video. */
  generateKeyFrame?(): Promise<unknown>
  /** Of receivers of video. */
  sendKeyFrameRequest?(): Promise<unknown>
}

/** Codecs whose sealed frames browsers packetise. */
const CODECS: ReadonlyMap<string, DaveCodec> = new Map(
  (['opus', 'VP8', 'VP9', 'H264', 'AV1'] as const).map(codec => [codec.toLowerCase(), codec]),
)

/** Undefined for other codecs, and where neither the browser nor the page has named it. */
export function codecOf(frame: EncodedFrame, host: DaveHost): DaveCodec | undefined {
  const { mimeType, payloadType } = frame.getMetadata()
  const name = mimeType?.slice(mimeType.indexOf('/') + 1) ?? host.codecOf(payloadType)
  return name === undefined ? undefined : CODECS.get(name.toLowerCase())
}
