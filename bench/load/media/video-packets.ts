// Video as an encoder and its pacer send it: frames of a constant rate, a larger keyframe every few seconds, each frame divided into
// packets of about the same length, and these sent in bursts somewhat faster than the bit rate. H.264, one NAL unit per packet.
import { VIDEO_PAYLOAD_TYPES } from '@parley/protocol'
import type { VideoLayer } from '../video-plan.ts'
import type { Packets } from './packets.ts'

export const H264_TYPE = VIDEO_PAYLOAD_TYPES.h264!
/** The longest payload: with headers and tag below the MTU of most paths, as clients choose it. */
const LONGEST = 1_100
/** Bytes of a keyframe, in frames of average size. */
const KEYFRAME = 5
/** Milliseconds between keyframes. */
const KEYFRAME_INTERVAL = 3_000
/** A sender's pacer sends at this multiple of the bit rate, in bursts (as that of libwebrtc, every 5 ms). */
const PACE = 2.5
const BURST_INTERVAL = 5
const CLOCK = 90_000
/** Headers of NAL units: parameter sets, which begin a keyframe, and a slice of any other kind (RFC 6184 §1.3). */
const PARAMETERS = 0x67
const SLICE = 0x61

interface Sizes {
  /** Packets of a frame, and bytes of each payload. */
  packets: number
  length: number
}

export class VideoPackets implements Packets {
  readonly payloadType = H264_TYPE
  timestamp = 0
  /** Frames since the latest keyframe. */
  #frame = 0
  /** Packets of the frame before this one. */
  #packet = 0
  readonly #keyframe: Sizes
  readonly #delta: Sizes
  readonly #framesPerKeyframe: number
  /** Milliseconds between frames. */
  readonly #interval: number
  /** Packets of a burst. */
  readonly #burst: number
  #inBurst = 0
  /** Milliseconds that the pacer is behind the beginning of the frame. */
  #behind = 0

  constructor({ framesPerSecond, bitsPerSecond, keyframeInterval = KEYFRAME_INTERVAL }: VideoLayer) {
    const bytes = bitsPerSecond / 8
    const frames = Math.round((framesPerSecond * keyframeInterval) / 1_000)
    const keyframe = (KEYFRAME * bytes) / framesPerSecond
    this.#framesPerKeyframe = frames
    this.#interval = 1_000 / framesPerSecond
    this.#keyframe = divided(keyframe)
    this.#delta = divided(((bytes * keyframeInterval) / 1_000 - keyframe) / (frames - 1))
    this.#burst = Math.max(1, Math.floor((PACE * bytes * BURST_INTERVAL) / 1_000 / LONGEST))
  }

  get first(): number {
    return this.#frame === 0 && this.#packet === 0 ? PARAMETERS : SLICE
  }
  get length(): number {
    return this.#sizes.length
  }
  get isMarked(): boolean {
    return this.#packet === this.#sizes.packets - 1
  }

  next(): number {
    return this.isMarked ? this.#nextFrame() : this.#nextPacket()
  }

  period(): number {
    return this.#interval
  }

  get #sizes(): Sizes {
    return this.#frame === 0 ? this.#keyframe : this.#delta
  }

  /** A frame that the pacer has no time for waits for those before it. */
  #nextFrame(): number {
    this.#frame = (this.#frame + 1) % this.#framesPerKeyframe
    this.#packet = 0
    this.timestamp = (this.timestamp + Math.round((CLOCK * this.#interval) / 1_000)) >>> 0
    const wait = this.#interval - this.#behind
    this.#behind = Math.max(0, -wait)
    if (wait <= 0) return this.#paced()
    this.#inBurst = 0
    return wait
  }

  #nextPacket(): number {
    this.#packet++
    return this.#paced()
  }

  #paced(): number {
    this.#inBurst++
    if (this.#inBurst < this.#burst) return 0
    this.#inBurst = 0
    this.#behind += BURST_INTERVAL
    return BURST_INTERVAL
  }
}

function divided(bytes: number): Sizes {
  const packets = Math.max(1, Math.ceil(bytes / LONGEST))
  return { packets, length: Math.ceil(bytes / packets) }
}
