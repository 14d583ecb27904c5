// Browsers on links of their own: packets are stamped, feedback limits the layers, probes find more, and others notice nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtp, encodeRtp, VIDEO_PAYLOAD_TYPES, VideoPayload } from '@parley/protocol'
import type { BrowserViewer } from '../testing/link/browser-viewer.ts'
import { CameraSender, PACKET } from '../testing/link/camera-sender.ts'
import { BROWSER_MAPPING, HIGH, LOW, STEP, VideoCall } from '../testing/link/video-call.ts'
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

test('a client that negotiates transport-wide feedback and sends none is sent the better layer after three seconds', () => {
  const call = new VideoCall()
  const silent = call.join(2, 5_000 * KILOBIT)
  silent.sendsFeedback = false
  call.run(2_500)
  assert.ok(rateOf(silent, 2_500) < 300)
  call.run(1_500)
  silent.take(HIGH)
  call.run(2_000)
  assert.ok(rateOf(silent, 2_000) > 1_500)
})

test('a browser that reports every packet as lost does not keep the lane from waiting', () => {
  const call = new VideoCall()
  call.lane.connectWebrtcPeer(2, BROWSER_MAPPING)
  call.lane.listen(2)
  const feedback = new Uint8Array(24)
  const view = new DataView(feedback.buffer)
  // Transport-wide feedback: 8 packets from `base` on, in one run of missing ones.
  view.setUint32(0, 0x8fcd_0005)
  view.setUint16(14, 8)
  view.setUint16(20, 8)
  for (let base = 0; base < 400; base += 8) {
    call.run(40)
    view.setUint16(12, base)
    call.lane.packets(2, feedback)
    const { deadline } = call.lane.router
    assert.ok(deadline > call.lane.now - 1_000, `packet ${base}: ${deadline}`)
  }
  assert.ok(call.lane.router.inspect().viewers > 0)
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

/** Of what arrived: frames, gaps in the sequences, and gaps in the picture ids. */
function watch(browser: BrowserViewer) {
  const seen = { frames: 0, gaps: 0, pictureGaps: 0 }
  const payload = new VideoPayload()
  let sequence: number | undefined
  let picture: number | undefined
  browser.onPacket = bytes => {
    const packet = decodeRtp(bytes)!
    if (packet.ssrc !== HIGH) return
    const { buffer, byteOffset, length } = packet.payload
    payload.parse(new DataView(buffer, byteOffset, length), 0, length, VIDEO_PAYLOAD_TYPES.vp8!)
    const { pictureId } = payload.descriptor!
    if (sequence !== undefined && packet.sequence !== ((sequence + 1) & 0xffff)) seen.gaps++
    if (pictureId !== picture) seen.frames++
    if (picture !== undefined && pictureId !== picture && pictureId !== ((picture + 1) & 0x7fff)) seen.pictureGaps++
    sequence = packet.sequence
    picture = pictureId
  }
  return seen
}

for (const [link, kilobits, layer, temporal, rates, frames] of [
  ['that carries half of the lowest layer', 150, 0, 1, [85, 120], 12.5],
  ['that carries half of the best layer', 1_250, 1, 1, [750, 950], 12.5],
  ['that carries all', 5_000, 1, undefined, [1_500, 1_800], 25],
] as const)
  test(`a browser on a link ${link} is sent ${frames} frames a second of it, without a gap`, () => {
    const call = new VideoCall({ hasTemporals: true })
    const browser = call.join(2, kilobits * KILOBIT)
    call.run(10_000)
    browser.take(HIGH)
    const seen = watch(browser)
    call.lane.events()
    call.run(8_000)
    const rate = rateOf(browser, 8_000)
    assert.ok(rate > rates[0] && rate < rates[1], `${rate} kbit/s`)
    assert.ok(Math.abs(seen.frames / 8 - frames) < 1, `${seen.frames / 8} frames a second`)
    assert.deepEqual([seen.gaps, seen.pictureGaps], [0, 0])
    call.lane.command({ kind: 'report' })
    const [report] = call.lane.events().flatMap(event => (event.kind === 'layers' ? event.layers : []))
    assert.deepEqual([report?.current, report?.temporal, report?.reason], [layer, temporal, temporal && 'bandwidth'])
    assert.ok(Math.abs(report!.bitrate / KILOBIT / rate - 1) < 0.2, `${report!.bitrate} bit/s`)
  })

test('a browser on a slow link is sent the lowest layer before a probe has measured the link, whose queue never overflows', () => {
  const call = new VideoCall()
  call.join(3, 50_000 * KILOBIT)
  call.run(2_000)
  const browser = call.join(2, 300 * KILOBIT)
  call.run(6_000)
  assert.equal(browser.link.overflowed, 0)
  assert.ok(rateOf(browser, 6_000) > 120, 'it is sent the lowest layer')
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

test('probes reach a browser of a source whose first layer is never sent', () => {
  const call = new VideoCall({ sends: [LOW] })
  const browser = call.join(2, 5_000 * KILOBIT)
  call.run(6_000)
  assert.ok((browser.bytes.get(HIGH + 1) ?? 0) > 0, 'padding arrives on the RTX SSRC')
  assert.deepEqual(
    browser.stamps,
    browser.stamps.map((_, index) => index),
  )
  browser.take(HIGH)
  call.run(4_000)
  assert.ok(rateOf(browser, 4_000) > 190, `${rateOf(browser, 4_000)} kbit/s`)
})

test('probes reach a browser after the camera that it was sent first has ended', () => {
  const call = new VideoCall()
  const browser = call.join(2, 5_000 * KILOBIT)
  const ended = new CameraSender(call.lane, 5, { sizeOf: () => PACKET })
  assert.ok(ended.frames().some(({ peer }) => peer === 2))
  call.lane.command({ kind: 'removeRoute', ssrc: ended.ssrcs[0], silence: false })
  call.run(6_000)
  assert.ok((browser.bytes.get(HIGH + 1) ?? 0) > 0, 'padding arrives on the RTX SSRC')
  browser.take(HIGH)
  call.run(2_000)
  assert.ok(rateOf(browser, 2_000) > 1_500, `${rateOf(browser, 2_000)} kbit/s`)
})

/** A browser that negotiated no retransmission: nothing can carry padding to it. */
const RTX = VIDEO_PAYLOAD_TYPES.vp8! + 1
const WITHOUT_RTX = { ...BROWSER_MAPPING, payloadTypes: BROWSER_MAPPING.payloadTypes.filter(([type]) => type !== RTX) }

test('a browser without RTX, which cannot be probed, is sent the best layer that its link carries after a while', () => {
  const call = new VideoCall()
  const weak = call.join(2, 500 * KILOBIT, WITHOUT_RTX)
  const strong = call.join(3, 5_000 * KILOBIT, WITHOUT_RTX)
  call.run(40_000)
  for (const browser of [weak, strong]) browser.take(HIGH)
  call.run(10_000)
  const rates = [rateOf(weak, 10_000), rateOf(strong, 10_000)]
  assert.ok(rates[0]! > 150 && rates[0]! < 400, String(rates))
  assert.ok(rates[1]! > 1_500 && rates[1]! < 1_800, String(rates))
  assert.deepEqual(
    strong.stamps,
    strong.stamps.map((_, index) => index),
    'no number is spent on padding that is not sent',
  )
})

test('a browser without RTX whose link carried no layer is sent video again after the link has recovered', () => {
  const call = new VideoCall()
  const browser = call.join(2, 500 * KILOBIT, WITHOUT_RTX)
  call.run(6_000)
  browser.link.setRate(40 * KILOBIT, call.lane.now)
  call.run(20_000)
  browser.take(HIGH)
  call.run(2_000)
  assert.equal(browser.take(HIGH), 0)
  browser.link.setRate(5_000 * KILOBIT, call.lane.now)
  call.run(26_000)
  browser.take(HIGH)
  call.run(4_000)
  assert.ok(rateOf(browser, 4_000) > 150, String(rateOf(browser, 4_000)))
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
  const atOnce = call.camera.frame(LOW, 30 * PACKET).filter(({ peer }) => peer === 2).length
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
