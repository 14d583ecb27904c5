// A Discord client on a test lane that sends a camera in layers: frames of VP8 of given sizes, and a keyframe for each request.
import { encodeRtp } from '@parley/protocol'
import { NATIVE_MAPPING } from '../mappings.ts'
import type { Sent } from '../plain-io.ts'
import { type PlainLane, ssrcOf, TARGETS } from '../plain-lane.ts'

/** Bytes of a payload at most. */
export const PACKET = 1_000
const PICTURE_LOSS = 206
/** Temporal layers of the frames in turn, where there are three. */
const TEMPORALS = [0, 2, 1, 2]

interface SentLayer {
  readonly ssrc: number
  sequence: number
  isKeyframeDue: boolean
}

export interface CameraOptions {
  /** Bytes of the next frame of a layer, 0 being the best. */
  sizeOf: (layer: number, isKeyframe: boolean, now: number) => number
  /** Each layer has three temporal layers, otherwise one. */
  hasTemporals?: boolean
  /** Of the layers that are sent; all unless given. */
  sends?: readonly number[]
}

export class CameraSender {
  /** Of both layers, the better one first. Browsers get both on the first. */
  readonly ssrcs: readonly [high: number, low: number]
  readonly #lane: PlainLane
  readonly #peer: number
  readonly #options: CameraOptions
  readonly #layers: readonly SentLayer[]
  #frames = 0

  /** Connects the peer, and opens its route. */
  constructor(lane: PlainLane, peer: number, options: CameraOptions) {
    this.#lane = lane
    this.#peer = peer
    this.#options = options
    this.ssrcs = layersOf(peer)
    this.#layers = this.ssrcs.map(ssrc => ({ ssrc, sequence: 0, isKeyframeDue: true }))
    lane.connectNative(peer, NATIVE_MAPPING)
    const [high, low] = this.ssrcs
    const layers = [
      { ssrc: high, quality: 100, isActive: true },
      { ssrc: low, quality: 50, isActive: true },
    ]
    lane.command({ kind: 'setRoute', ssrc: high, owner: peer, media: 'video', targets: TARGETS, layers })
  }

  /** Sends the next frame of each layer. Returns what the lane sent. */
  frames(): Sent[] {
    this.#frames++
    const { sends = this.ssrcs, sizeOf } = this.#options
    return this.#layers.flatMap((layer, index) => {
      if (!sends.includes(layer.ssrc)) return []
      const isKeyframe = layer.isKeyframeDue
      layer.isKeyframeDue = false
      return this.#send(layer, sizeOf(index, isKeyframe, this.#lane.now), isKeyframe)
    })
  }

  /** Sends one more frame of so many bytes. */
  frame(ssrc: number, bytes: number): Sent[] {
    return this.#send(this.#layers.find(layer => layer.ssrc === ssrc)!, bytes, false)
  }

  /** Answers keyframe requests among what the lane sent. */
  answer(sent: readonly Sent[]): void {
    for (const { peer, bytes } of sent) {
      if (peer !== this.#peer || bytes[1] !== PICTURE_LOSS) continue
      const ssrc = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8)
      const layer = this.#layers.find(each => each.ssrc === ssrc)
      if (layer !== undefined) layer.isKeyframeDue = true
    }
  }

  #send(layer: SentLayer, size: number, isKeyframe: boolean): Sent[] {
    const sent: Sent[] = []
    for (let left = size; left > 0; left -= PACKET) {
      const payload = new Uint8Array(Math.max(MOST_DESCRIPTOR, Math.min(PACKET, left)))
      payload.set(this.#descriptor(left === size, isKeyframe))
      const sequence = layer.sequence++ & 0xffff
      const packet = { payloadType: 103, sequence, timestamp: this.#lane.now * 90, ssrc: layer.ssrc, payload }
      sent.push(...this.#lane.packets(this.#peer, encodeRtp(packet)))
    }
    return sent
  }

  /** The payload descriptor of VP8 (RFC 7741 §4.2) and the first byte of the frame, whose lowest bit is 0 in a keyframe. */
  #descriptor(isStart: boolean, isKeyframe: boolean): number[] {
    const first = isStart ? 0x10 : 0
    const frame = isKeyframe ? 0 : 1
    if (this.#options.hasTemporals !== true) return [first, frame]
    const temporal = isKeyframe ? 0 : TEMPORALS[this.#frames % 4]!
    const isSync = this.#frames % 4 !== 3
    const id = [0x80 | ((this.#frames >> 8) & 0x7f), this.#frames & 0xff]
    return [0x80 | first, 0xe0, ...id, (this.#frames >> 2) & 0xff, (temporal << 6) | (isSync ? 0x20 : 0), frame]
  }
}

/** Of what `#descriptor` returns. */
const MOST_DESCRIPTOR = 7

/** The SSRCs of a peer's layers, the better one first. */
export const layersOf = (peer: number): [high: number, low: number] => [ssrcOf(peer) + 1, ssrcOf(peer) + 3]
