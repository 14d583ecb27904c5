// A call on the virtual clock: a Discord client sends a camera in two layers, browsers watch it, each behind an emulated link.
import type { RtpMappingDescription } from '@parley/core'
import { BROWSER_TYPES } from '../mappings.ts'
import { PlainIo } from '../plain-io.ts'
import { PlainLane } from '../plain-lane.ts'
import { BrowserViewer } from './browser-viewer.ts'
import { CameraSender, layersOf, PACKET } from './camera-sender.ts'

const STAMP = 3
export const BROWSER_MAPPING = {
  payloadTypes: BROWSER_TYPES,
  extensions: { transportSequence: STAMP, videoOrientation: 13 },
} as const
const SENDER = 1
/** The SSRCs of the layers. Browsers get both on the first. */
export const [HIGH, LOW] = layersOf(SENDER)
/** Bits per second of the layers, the better one first. */
const RATES = [1_600_000, 200_000]
/** Milliseconds between two turns of the lane, and between two frames. */
export const STEP = 5
const FRAME_INTERVAL = 40

/** Frames of both layers are whole packets; a keyframe is no larger. */
const sizeOf = (layer: number) => PACKET * Math.round((RATES[layer]! * FRAME_INTERVAL) / 8_000 / PACKET)

export class VideoCall {
  readonly lane = new PlainLane(undefined, new PlainIo())
  readonly camera: CameraSender
  readonly #browsers = new Map<number, BrowserViewer>()

  /** With `hasTemporals` each layer has three temporal layers, otherwise one. `sends`: the layers that are sent. */
  constructor({ hasTemporals = false, sends = [HIGH, LOW] }: { hasTemporals?: boolean; sends?: number[] } = {}) {
    this.camera = new CameraSender(this.lane, SENDER, { sizeOf, hasTemporals, sends })
  }

  join(peer: number, rate: number, mapping: RtpMappingDescription = BROWSER_MAPPING): BrowserViewer {
    this.lane.connectWebrtcPeer(peer, mapping)
    this.lane.listen(peer)
    const link = { rate, delay: 30, queue: (rate * 0.3) / 8, loss: 0 }
    const browser = new BrowserViewer(this.lane, peer, STAMP, link)
    this.#browsers.set(peer, browser)
    return browser
  }

  /** Sends a frame of each layer 25 times a second. */
  run(time: number): void {
    for (const end = this.lane.now + time; this.lane.now < end; ) {
      const frames = this.lane.now % FRAME_INTERVAL < STEP ? this.camera.frames() : []
      const sent = [...frames, ...this.lane.wait(STEP)]
      if (this.lane.now % 2_000 < STEP) for (const peer of this.#browsers.keys()) this.lane.check(peer)
      this.camera.answer(sent)
      for (const browser of this.#browsers.values()) browser.step(sent, this.lane.now)
    }
  }
}
