// Browsers on links of their own: packets are stamped, feedback limits the layers, probes find more, and others notice nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRtp } from '@parley/protocol'
import type { BrowserViewer } from '../testing/link/browser-viewer.ts'
import { BROWSER_MAPPING, HIGH, LOW, PACKET, STEP, VideoCall } from '../testing/link/video-call.ts'
import { ssrcOf } from '../testing/plain-lane.ts'

const KILOBIT = 1_000

/** Kilobits per second of video, without padding. */
const rateOf = (browser: BrowserViewer, time: number) => (browser.take(HIGH) * 8) / time

test('a browser is sent the layer that its link carries', () => {
  const call = new VideoCall()
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
    const call = new VideoCall()
    const strong = call.join(3, 5_000 * KILOBIT)
    if (isJoined) call.join(2, 300 * KILOBIT)
    call.run(8_000)
    return strong.take(HIGH)
  })
  assert.equal(received[0], received[1])
})

test('probes raise the layer after the link has recovered', () => {
  const call = new VideoCall()
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
  const call = new VideoCall()
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
  const call = new VideoCall()
  const browser = call.join(2, 50_000 * KILOBIT, { ...BROWSER_MAPPING, extensions: {} })
  call.run(1_000)
  assert.ok(browser.unstamped > 150, String(browser.unstamped))
  assert.equal(browser.stamps.length, 0)
  assert.equal(call.lane.router.inspect().viewers, 0)
})

test('a large frame leaves to a browser on a weak link over a while, in order, and audio does not wait', () => {
  const call = new VideoCall()
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
