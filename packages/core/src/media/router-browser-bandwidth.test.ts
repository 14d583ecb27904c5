// Browsers on links of their own: packets are stamped, feedback limits the layers, probes find more, and others notice nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RtpMappingDescription } from '@parley/core'
import { encodeRtp } from '@parley/protocol'
import { BrowserViewer } from '../testing/link/browser-viewer.ts'
import { PlainIo, type Sent } from '../testing/plain-io.ts'
import { PlainLane, ssrcOf, TARGETS } from '../testing/plain-lane.ts'

const STAMP = 3
const MAPPING = {
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
const HIGH = ssrcOf(1) + 1
const LOW = ssrcOf(1) + 3
const RATES = new Map([
  [HIGH, 1_600_000],
  [LOW, 200_000],
])
const STEP = 5
const PACKET = 1_000
const KILOBIT = 1_000

/** Discord client 1 sends two layers; browsers watch, each behind its link. */
class Call {
  readonly lane = new PlainLane(undefined, new PlainIo())
  readonly #browsers = new Map<number, BrowserViewer>()
  readonly #sequences = new Map([...RATES.keys()].map(ssrc => [ssrc, 0]))
  #isKeyframe = new Map<number, boolean>()

  constructor() {
    this.lane.connectNative(1, SENDER)
    const layers = [
      { ssrc: HIGH, quality: 100, isActive: true },
      { ssrc: LOW, quality: 50, isActive: true },
    ]
    this.lane.command({ kind: 'setRoute', ssrc: HIGH, owner: 1, media: 'video', targets: TARGETS, layers })
  }

  join(peer: number, rate: number, mapping: RtpMappingDescription = MAPPING): BrowserViewer {
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
    payload[0] = index === 0 ? 0x10 : 0
    payload[1] = isKeyframe ? 0 : 1
    const timestamp = this.lane.now * 90
    return this.lane.packets(1, encodeRtp({ payloadType: 103, sequence: sequence & 0xffff, timestamp, ssrc, payload }))
  }

  /** The sender answers a PLI with a keyframe. */
  #answerKeyframes(sent: readonly Sent[]): void {
    for (const { peer, bytes } of sent)
      if (peer === 1 && bytes[1] === 206)
        this.#isKeyframe.set(new DataView(bytes.buffer, bytes.byteOffset).getUint32(8), true)
  }
}

/** Kilobits per second of video, without padding. */
const rateOf = (browser: BrowserViewer, time: number) => (browser.take(HIGH) * 8) / time

test('a browser is sent the layer that its link carries', () => {
  const call = new Call()
  const weak = call.join(2, 500 * KILOBIT)
  const strong = call.join(3, 5_000 * KILOBIT)
  call.run(6_000)
  for (const browser of [weak, strong]) browser.take(HIGH)
  call.run(4_000)
  const rates = [rateOf(weak, 4_000), rateOf(strong, 4_000)]
  assert.ok(rates[0]! > 150 && rates[0]! < 260, String(rates))
  assert.ok(rates[1]! > 1_500 && rates[1]! < 1_800, String(rates))
})

test('a browser on a weak link changes nothing for the others', () => {
  const received = [false, true].map(isJoined => {
    const call = new Call()
    const strong = call.join(3, 5_000 * KILOBIT)
    if (isJoined) call.join(2, 300 * KILOBIT)
    call.run(8_000)
    return strong.take(HIGH)
  })
  assert.equal(received[0], received[1])
})

test('probes raise the layer after the link has recovered', () => {
  const call = new Call()
  const browser = call.join(2, 500 * KILOBIT)
  call.run(6_000)
  browser.link.setRate(5_000 * KILOBIT, call.lane.now)
  call.run(6_000)
  browser.take(HIGH)
  call.run(2_000)
  const rate = rateOf(browser, 2_000)
  assert.ok(rate > 1_500, String(rate))
  assert.ok((browser.bytes.get(HIGH + 1) ?? 0) > 0, 'padding arrives on the RTX SSRC')
})

test('every packet of video to a browser with the extension is stamped, with consecutive numbers', () => {
  const call = new Call()
  const browser = call.join(2, 50_000 * KILOBIT)
  call.run(1_000)
  assert.ok(browser.stamps.length > 150, String(browser.stamps.length))
  assert.deepEqual(
    browser.stamps,
    browser.stamps.map((_, index) => index),
  )
  assert.equal(browser.unstamped, 0)
})

test('a browser without the extension is sent packets without it, and its bandwidth is not estimated', () => {
  const call = new Call()
  const browser = call.join(2, 50_000 * KILOBIT, { ...MAPPING, extensions: {} })
  call.run(1_000)
  assert.ok(browser.unstamped > 150, String(browser.unstamped))
  assert.equal(browser.stamps.length, 0)
  assert.equal(call.lane.router.inspect().viewers, 0)
})

test('a large frame leaves to a browser on a weak link over a while, in order, and audio does not wait', () => {
  const call = new Call()
  const browser = call.join(2, 600 * KILOBIT)
  call.lane.routeAudio(1)
  call.run(6_000)
  const before = browser.stamps.length
  const atOnce = call.frame(LOW, 30).filter(({ peer }) => peer === 2).length
  const audio = encodeRtp({ payloadType: 120, sequence: 1, timestamp: 1, ssrc: ssrcOf(1), payload: new Uint8Array(80) })
  assert.equal(call.lane.packets(1, audio).filter(({ peer }) => peer === 2).length, 1)
  assert.ok(atOnce < 6, String(atOnce))
  const times: number[] = []
  for (let count = atOnce; count < 30; ) {
    const sent = call.lane.wait(STEP).filter(({ peer, bytes }) => peer === 2 && bytes.length > PACKET)
    count += sent.length
    if (sent.length > 0) times.push(call.lane.now)
    assert.ok(call.lane.now < 10_000)
  }
  assert.ok(times.at(-1)! - times[0]! > 60, times.join())
  assert.ok(before > 0)
})
