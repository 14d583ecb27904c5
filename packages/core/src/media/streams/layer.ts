// One simulcast layer of a source on the lane: its stream, its viewers, and how it arrives.
import { LIMITS } from '../../limits.ts'
import { FrameRates } from '../layers/frame-rates.ts'
import { ALL_FRAMES, type LayerView } from '../layers/layer-choice.ts'
import type { ReceiveStream, StreamLayer } from './receive-stream.ts'
import { TargetList } from './target-list.ts'

export class Layer implements LayerView, StreamLayer {
  readonly stream: ReceiveStream
  /** 0 to 100. */
  readonly quality: number
  /** The viewers that are sent this layer. */
  readonly targets = new TargetList()
  /** The sender declared that it sends the layer. */
  isDeclared = true
  /** That of the last packet, in node numbering; 0 before the first. */
  payloadType = 0
  /** That of any layer of the source; 0 before the first packet. */
  codec = 0
  /** Viewers that are sent this layer from its next keyframe on. */
  waiting = 0
  /** A viewer is to get the layer, and nothing arrives. */
  #isSilent = false
  /** When the last packet arrived; when a check first found viewers and no packets. */
  #arrivedAt = -Infinity
  #missedAt = Infinity
  readonly #rates = new FrameRates()

  constructor(stream: ReceiveStream, quality: number) {
    this.stream = stream
    this.quality = quality
  }

  get isAvailable(): boolean {
    return this.isDeclared && !this.#isSilent
  }

  bitrate(now: number): number {
    return this.#rates.upTo(ALL_FRAMES, now)
  }

  bitrateUpTo(temporal: number, now: number): number {
    return this.#rates.upTo(temporal, now)
  }

  peakUpTo(temporal: number, now: number): number {
    return this.#rates.peakUpTo(temporal, now)
  }

  highestTemporal(now: number): number {
    return this.#rates.highest(now)
  }

  hasArrivedSince(time: number): boolean {
    return this.#arrivedAt >= time
  }

  /** Whether packets arrive. */
  isFlowing(now: number): boolean {
    return now - this.#arrivedAt < LIMITS.layerSilence
  }

  /** Returns whether the layer was silent, or had another codec. Per packet: no allocation. */
  arrived(type: number, temporal: number, bytes: number, now: number): boolean {
    this.#rates.add(temporal, bytes, now)
    this.#arrivedAt = now
    this.#missedAt = Infinity
    const isChanged = this.#isSilent || this.payloadType !== type
    this.#isSilent = false
    this.payloadType = type
    return isChanged
  }

  /** Whether the layer falls silent with this check. A sender that has suspended the layer gets time to start it. */
  fallsSilent(now: number): boolean {
    if (this.isFlowing(now) || (this.waiting === 0 && this.targets.count === 0)) {
      this.#missedAt = Infinity
      return false
    }
    this.#missedAt = Math.min(this.#missedAt, now)
    const hasStopped = this.targets.count > 0 && this.#arrivedAt !== -Infinity && this.#missedAt < now
    if (this.#isSilent || !(hasStopped || now - this.#missedAt >= LIMITS.layerStart)) return false
    this.#isSilent = true
    return true
  }
}
