// Which frames of a layer one viewer is sent: those of temporal layers up to its limit. The limit changes where a decoder can follow.
import type { VideoPayload } from '@parley/protocol'
import { ALL_FRAMES } from '../layers/layer-choice.ts'

/** One per viewer and source. Per packet: no allocation. */
export class TemporalFilter {
  /** The highest temporal layer that is sent. */
  #highest: number = ALL_FRAMES

  /** Packets of another layer follow, or of a sender that starts over. */
  begin({ isKeyframe }: VideoPayload, limit: number): void {
    this.#highest = isKeyframe ? limit : ALL_FRAMES
  }

  /** Whether the packet is sent; it is newer than all before. Fewer frames begin with any frame, more where the codec permits it. */
  admits({ descriptor, isKeyframe }: VideoPayload, limit: number): boolean {
    if (descriptor === undefined) return true
    if (descriptor.isStart && limit !== this.#highest) {
      const isAtOnce = limit < this.#highest || isKeyframe
      this.#highest = isAtOnce ? limit : Math.min(limit, descriptor.highestAfter(this.#highest))
    }
    return descriptor.temporal <= this.#highest
  }
}
