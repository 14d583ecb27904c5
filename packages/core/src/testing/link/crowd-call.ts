// A call of 25 on a real router and the virtual clock: 24 Discord clients send a camera in two layers, one of them speaks, and browsers
// watch all of them, each behind an emulated link.
import { encodeRtp } from '@parley/protocol'
import { PlainIo, type Sent } from '../plain-io.ts'
import { PlainLane, ssrcOf } from '../plain-lane.ts'
import { BrowserViewer } from './browser-viewer.ts'
import { CameraSender } from './camera-sender.ts'
import type { LinkOptions } from './link-emulator.ts'
import { BROWSER_MAPPING } from './video-call.ts'
import { aimedLink } from './viewer-scenarios.ts'

const SENDERS = Array.from({ length: 24 }, (_, index) => index + 1)
const SPEAKER = 1
/** Milliseconds between two turns of the lane, between two frames, and between two packets of audio. */
const TURN = 5
const FRAME_INTERVAL = 40
const AUDIO_INTERVAL = 20
const CHECK_INTERVAL = 2_000
/** Bytes of a frame of each layer, the better one first: 600 and 150 kbit/s. A keyframe has so many times as many. */
const FRAMES = [3_000, 750]
const KEYFRAME = 4
const AUDIO = 80

const sizeOf = (layer: number, isKeyframe: boolean) => FRAMES[layer]! * (isKeyframe ? KEYFRAME : 1)

export class CrowdCall {
  readonly lane = new PlainLane(undefined, new PlainIo())
  readonly #cameras: readonly CameraSender[]
  readonly #browsers = new Map<number, BrowserViewer>()
  #audioSequence = 0

  constructor() {
    this.#cameras = SENDERS.map(peer => new CameraSender(this.lane, peer, { sizeOf }))
    this.lane.routeAudio(SPEAKER)
  }

  /** A browser that watches all cameras. Peers up to 24 send. */
  join(peer: number, link: LinkOptions): BrowserViewer {
    this.lane.connectWebrtcPeer(peer, BROWSER_MAPPING)
    this.lane.listen(peer)
    const browser = new BrowserViewer(this.lane, peer, BROWSER_MAPPING.extensions.transportSequence, link)
    this.#browsers.set(peer, browser)
    return browser
  }

  run(time: number): void {
    for (const end = this.lane.now + time; this.lane.now < end; ) {
      const sent = [...this.#media(), ...this.lane.wait(TURN)]
      if (this.lane.now % CHECK_INTERVAL < TURN) for (const peer of this.#browsers.keys()) this.lane.check(peer)
      for (const camera of this.#cameras) camera.answer(sent)
      for (const browser of this.#browsers.values()) browser.step(sent, this.lane.now)
    }
  }

  /** The senders start their frames at different times. */
  #media(): Sent[] {
    const turn = Math.round(this.lane.now / TURN)
    const sent: Sent[] = []
    if (this.lane.now % AUDIO_INTERVAL < TURN) sent.push(...this.#audio())
    for (const [index, camera] of this.#cameras.entries())
      if ((turn + SENDERS[index]!) % (FRAME_INTERVAL / TURN) === 0) sent.push(...camera.frames())
    return sent
  }

  #audio(): Sent[] {
    const sequence = this.#audioSequence++ & 0xffff
    const packet = { payloadType: 120, sequence, timestamp: this.lane.now * 48, ssrc: ssrcOf(SPEAKER) }
    return this.lane.packets(SPEAKER, encodeRtp({ ...packet, payload: new Uint8Array(AUDIO).fill(1) }))
  }
}

/** What is measured begins after this time. */
const SETTLED = 6_000
const FIRST_VIEWER = 101

export interface CrowdResult {
  /** Bytes of video that arrived, and the parts of the link that these and padding took. */
  bytes: number
  media: number
  padding: number
  audioSent: number
  /** Packets of audio, and of everything, that found the queue full. */
  audioDropped: number
  dropped: number
}

/** Viewers on links of these rates, in one call for so many seconds. */
export function runCrowd(rates: readonly number[], loss: number, seconds: number): CrowdResult[] {
  const call = new CrowdCall()
  const browsers = rates.map((rate, index) => call.join(FIRST_VIEWER + index, aimedLink(rate, loss)))
  call.run(SETTLED)
  const before = browsers.map(browser => ({
    audioSent: browser.audioSent,
    audioDropped: browser.audioDropped,
    dropped: browser.link.overflowed,
  }))
  for (const { bytes } of browsers) bytes.clear()
  call.run(seconds * 1_000)
  return browsers.map((browser, index) => {
    const [bytes, padding] = [1, 2].map(offset => bytesOf(browser, offset))
    const bits = (rates[index]! / 8) * seconds
    return {
      bytes: bytes!,
      media: bytes! / bits,
      padding: padding! / bits,
      audioSent: browser.audioSent - before[index]!.audioSent,
      audioDropped: browser.audioDropped - before[index]!.audioDropped,
      dropped: browser.link.overflowed - before[index]!.dropped,
    }
  })
}

/** Browsers get all layers of a camera on its first SSRC, padding on the next. */
const bytesOf = (browser: BrowserViewer, offset: number): number =>
  SENDERS.reduce((sum, peer) => sum + (browser.bytes.get(ssrcOf(peer) + offset) ?? 0), 0)
