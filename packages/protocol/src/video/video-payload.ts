// What the lane reads of a video payload, whatever its codec: where keyframes and frames begin, and the numbers to rewrite.
import { VIDEO_PAYLOAD_TYPES } from '../rtp/video-types.ts'
import { isAv1Keyframe } from './av1.ts'
import type { DependencyDescriptor } from './dependency-descriptor.ts'
import { isH264Keyframe, isH265Keyframe } from './nal-units.ts'
import { Vp8Descriptor } from './vp8.ts'
import { Vp9Descriptor } from './vp9.ts'

const { h264: H264, h265: H265, vp8: VP8, vp9: VP9, av1: AV1 } = VIDEO_PAYLOAD_TYPES

/** Reused for each packet: valid until the next `parse`. */
export class VideoPayload {
  /** The packet begins a keyframe. */
  isKeyframe = false
  /** Of VP8 and VP9; the dependency descriptor where the payload has no picture ids; undefined without either. */
  descriptor: Vp8Descriptor | Vp9Descriptor | DependencyDescriptor | undefined
  readonly #vp8 = new Vp8Descriptor()
  readonly #vp9 = new Vp9Descriptor()

  /**
   * Parses the payload of `length` bytes at `offset`; `type` is the node's payload type. `dependencies` is the dependency descriptor of
   * a packet that has one: Chromium sends it with any codec, where it is negotiated, and then leaves picture ids out of VP8. Per packet: no allocation, no throw.
   */
  parse(view: DataView, offset: number, length: number, type: number, dependencies?: DependencyDescriptor): void {
    this.descriptor = undefined
    if (type === VP8) this.#use(this.#vp8, this.#vp8.parse(view, offset, length))
    else if (type === VP9) this.#use(this.#vp9, this.#vp9.parse(view, offset, length))
    else if (type === H264) this.isKeyframe = isH264Keyframe(view, offset, length)
    else if (type === H265) this.isKeyframe = isH265Keyframe(view, offset, length)
    else if (type !== AV1) this.isKeyframe = false
    else this.isKeyframe = dependencies?.isKeyframe ?? isAv1Keyframe(view, offset, length)
    if (dependencies !== undefined && !this.#isNumbered) this.descriptor = dependencies
  }

  /** A payload with picture ids says itself what is to be rewritten. */
  get #isNumbered(): boolean {
    return this.descriptor !== undefined && (this.descriptor.pictureIdPlace >= 0 || this.descriptor.tl0Place >= 0)
  }

  #use(descriptor: Vp8Descriptor | Vp9Descriptor, isValid: boolean): void {
    this.isKeyframe = isValid && descriptor.isKeyframe
    if (isValid) this.descriptor = descriptor
  }
}
