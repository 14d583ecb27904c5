// Cameras whose senders all send audio, as browsers do while their users are silent: a viewer on a link that does not carry all of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRtp } from '@parley/protocol'
import { BrowserViewer } from '../testing/link/browser-viewer.ts'
import { CameraSender, layersOf, PACKET } from '../testing/link/camera-sender.ts'
import { BROWSER_MAPPING } from '../testing/link/video-call.ts'
import { PlainIo, type Sent } from '../testing/plain-io.ts'
import { PlainLane, ssrcOf } from '../testing/plain-lane.ts'
import { seededRandom } from '../testing/seeded-random.ts'

const SENDERS = [1, 2, 3]
const VIEWER = 9
const STEP = 5
const FRAME_INTERVAL = 40
/** Of a link that carries audio, and the lowest layers of two of the cameras, of 200 kbit/s each. */
const RATE = 660_000
const random = seededRandom(11)

test('while several members are heard, the camera that fits the link stays the same', () => {
  const lane = new PlainLane(undefined, new PlainIo())
  const cameras = SENDERS.map(peer => new CameraSender(lane, peer, { sizeOf: layer => (layer === 0 ? 8 : 1) * PACKET }))
  lane.routeAudio(...SENDERS)
  lane.connectWebrtcPeer(VIEWER, BROWSER_MAPPING)
  lane.listen(VIEWER)
  const link = { rate: RATE, delay: 30, queue: (RATE * 0.3) / 8, loss: 0 }
  const browser = new BrowserViewer(lane, VIEWER, BROWSER_MAPPING.extensions.transportSequence, link)
  let sequence = 0
  /** Every 20 ms on average. */
  const audio = (peer: number): Sent[] => {
    if (random() > STEP / 20) return []
    const packet = { payloadType: 120, sequence: sequence++, timestamp: lane.now * 48, ssrc: ssrcOf(peer) }
    return lane.packets(peer, encodeRtp({ ...packet, payload: new Uint8Array(80).fill(1) }))
  }
  const run = (time: number) => {
    for (const end = lane.now + time; lane.now < end; ) {
      const frames = lane.now % FRAME_INTERVAL < STEP ? cameras.flatMap(camera => camera.frames()) : []
      const sent = [...frames, ...SENDERS.flatMap(audio), ...lane.wait(STEP)]
      if (lane.now % 2_000 < STEP) lane.check(VIEWER)
      for (const camera of cameras) camera.answer(sent)
      browser.step(sent, lane.now)
    }
  }
  run(8_000)
  /** By camera: in how many seconds it was sent. */
  const seconds = SENDERS.map(() => 0)
  browser.bytes.clear()
  for (let second = 0; second < 20; second++) {
    run(1_000)
    for (const [index, peer] of SENDERS.entries()) if (browser.take(layersOf(peer)[0]) > 0) seconds[index]!++
  }
  seconds.sort((one, other) => other - one)
  assert.ok(seconds[1]! >= 19 && seconds[2]! <= 1, seconds.join())
})
