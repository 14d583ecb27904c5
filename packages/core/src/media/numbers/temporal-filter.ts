// Which frames of a layer one viewer is sent: those of temporal layers up to its limit. The limit changes where a decoder can follow.
import type { VideoPayload } from '@parley/protocol'
import { ALL_FRAMES } from '../layers/layer-choice.ts'

/** One per viewer and source. Per packet: no allocation. */
export class TemporalFilter {
  /** The highest temporal layer that is sent. */
  #highest: number = ALL_FRAMES
  /** The picture id of the last frame; bit n: the frame n before it was sent. */
  #newest = 0
  #sent = 0

  /** Packets of another layer follow, or of a sender that starts over. */
  begin({ descriptor, isKeyframe }: VideoPayload, limit: number): void {
    this.#newest = descriptor?.pictureId ?? 0
    this.#sent = 1
    this.#highest = isKeyframe ? limit : ALL_FRAMES
  }

  /** Whether the packet is sent; it is newer than all before. Fewer frames begin with any frame, more where the codec permits it. */
  admits({ descriptor, isKeyframe }: VideoPayload, limit: number): boolean {
    if (descriptor === undefined) return true
    if (!descriptor.isStart) return descriptor.temporal <= this.#highest
    const sent = this.#sentBefore(descriptor.pictureId)
    if (limit < this.#highest || isKeyframe) this.#highest = limit
    else if (limit > this.#highest) this.#highest = Math.min(limit, descriptor.highestAfter(this.#highest, sent))
    const isSent = descriptor.temporal <= this.#highest
    this.#sent = (sent << 1) | (isSent ? 1 : 0)
    return isSent
  }

  /** Bit n: the frame n + 1 before this one was sent. Frames that did not arrive were not. */
  #sentBefore(pictureId: number): number {
    const distance = (pictureId - this.#newest) & 0xffff
    this.#newest = pictureId
    return distance > 0 && distance < 32 ? this.#sent << (distance - 1) : 0
  }
}
