// A call on the virtual clock: a Discord client sends a camera in two layers, browsers watch it, each behind an emulated link.
import type { RtpMappingDescription } from '@parley/core'
import { encodeRtp } from '@parley/protocol'
import { PlainIo, type Sent } from '../plain-io.ts'
import { PlainLane, ssrcOf, TARGETS } from '../plain-lane.ts'
import { BrowserViewer } from './browser-viewer.ts'

const STAMP = 3
export const BROWSER_MAPPING = {
  payloadTypes: [
    [120, 111],
    [105, 96],
    [106, 97],
  ],
  extensions: { transportSequence: STAMP, videoOrientation: 13 },
} as const
const SENDER = {
  payloadTypes: [
    [120, 120],
    [105, 103],
    [106, 104],
  ],
  extensions: {},
} as const
/** The SSRCs of the layers. Browsers get both on the first. */
export const HIGH = ssrcOf(1) + 1
export const LOW = ssrcOf(1) + 3
const RATES = new Map([
  [HIGH, 1_600_000],
  [LOW, 200_000],
])
/** Milliseconds between two turns of the lane. */
export const STEP = 5
/** Bytes of a payload. */
export const PACKET = 1_000
/** Temporal layers of the frames in turn, where there are three. */
const TEMPORALS = [0, 2, 1, 2]

export class VideoCall {
  readonly lane = new PlainLane(undefined, new PlainIo())
  readonly #browsers = new Map<number, BrowserViewer>()
  readonly #sequences = new Map([...RATES.keys()].map(ssrc => [ssrc, 0]))
  #isKeyframe = new Map<number, boolean>()
  readonly #hasTemporals: boolean
  #frames = 0

  /** With `hasTemporals` each layer has three temporal layers, otherwise one. */
  constructor({ hasTemporals = false }: { hasTemporals?: boolean } = {}) {
    this.#hasTemporals = hasTemporals
    this.lane.connectNative(1, SENDER)
    const layers = [
      { ssrc: HIGH, quality: 100, isActive: true },
      { ssrc: LOW, quality: 50, isActive: true },
    ]
    this.lane.command({ kind: 'setRoute', ssrc: HIGH, owner: 1, media: 'video', targets: TARGETS, layers })
  }

  join(peer: number, rate: number, mapping: RtpMappingDescription = BROWSER_MAPPING): BrowserViewer {
    this.lane.connectWebrtcPeer(peer, mapping)
    this.lane.listen(peer)
    const link = { rate, delay: 30, queue: (rate * 0.3) / 8, loss: 0 }
    const browser = new BrowserViewer(this.lane, peer, STAMP, link)
    this.#browsers.set(peer, browser)
    return browser
  }

  run(time: number): void {
    for (const end = this.lane.now + time; this.lane.now < end; ) {
      const sent = [...this.#media(), ...this.lane.wait(STEP)]
      if (this.lane.now % 2_000 < STEP) for (const peer of this.#browsers.keys()) this.lane.check(peer)
      this.#answerKeyframes(sent)
      for (const browser of this.#browsers.values()) browser.step(sent, this.lane.now)
    }
  }

  /** Sends a frame of each layer 25 times a second. */
  #media(): Sent[] {
    if (this.lane.now % 40 >= STEP) return []
    this.#frames++
    return [...RATES].flatMap(([ssrc, rate]) => {
      const isKeyframe = this.#isKeyframe.get(ssrc) ?? true
      this.#isKeyframe.set(ssrc, false)
      const packets = Math.round(rate / 25 / 8 / PACKET)
      return isKeyframe ? this.#keyframe(ssrc, packets) : this.frame(ssrc, packets)
    })
  }

  #keyframe(ssrc: number, packets: number): Sent[] {
    return Array.from({ length: packets }, (_, index) => this.#packet(ssrc, true, index)).flat()
  }

  /** Sends a frame of so many packets. */
  frame(ssrc: number, packets: number): Sent[] {
    return Array.from({ length: packets }, (_, index) => this.#packet(ssrc, false, index)).flat()
  }

  #packet(ssrc: number, isKeyframe: boolean, index: number): Sent[] {
    const sequence = this.#sequences.get(ssrc)!
    this.#sequences.set(ssrc, sequence + 1)
    const payload = new Uint8Array(PACKET)
    payload.set(this.#descriptor(index === 0, isKeyframe))
    const timestamp = this.lane.now * 90
    return this.lane.packets(1, encodeRtp({ payloadType: 103, sequence: sequence & 0xffff, timestamp, ssrc, payload }))
  }

  /** The payload descriptor of VP8 (RFC 7741 §4.2) and the first byte of the frame. */
  #descriptor(isStart: boolean, isKeyframe: boolean): number[] {
    const first = isStart ? 0x10 : 0
    const frame = isKeyframe ? 0 : 1
    if (!this.#hasTemporals) return [first, frame]
    const temporal = isKeyframe ? 0 : TEMPORALS[this.#frames % 4]!
    const isSync = this.#frames % 4 !== 3
    const id = [0x80 | ((this.#frames >> 8) & 0x7f), this.#frames & 0xff]
    return [0x80 | first, 0xe0, ...id, (this.#frames >> 2) & 0xff, (temporal << 6) | (isSync ? 0x20 : 0), frame]
  }

  /** The sender answers a PLI with a keyframe. */
  #answerKeyframes(sent: readonly Sent[]): void {
    for (const { peer, bytes } of sent)
      if (peer === 1 && bytes[1] === 206)
        this.#isKeyframe.set(new DataView(bytes.buffer, bytes.byteOffset).getUint32(8), true)
  }
}
