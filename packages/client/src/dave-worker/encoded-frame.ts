// The parts of WebRTC Encoded Transform that the worker uses (https://www.w3.org/TR/webrtc-encoded-transform/).
import type { TransformOptions } from '../browser/worker-messages.ts'

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
