// Lanes forward frames sealed by a DAVE library unmodified for every codec, and distinguish them from unsealed frames.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtp, encodeRtp } from '@parley/protocol'
import { looksSealed } from '../../packages/core/src/media/forward/sealed-frame.ts'
import { addDatagram, makeBatch } from '../../packages/core/src/testing/plain-io.ts'
import { PlainLane, ssrcOf, TARGETS } from '../../packages/core/src/testing/plain-lane.ts'
import { seededRandom } from '../../packages/core/src/testing/seeded-random.ts'
import { DaveyCall } from '../dave/davey-call.ts'

/** Media types of the library. */
const AUDIO = 0
const VIDEO = 1
const OPUS = 120
/** A node payload type for video. */
const VIDEO_TYPE = 103
/** Frame bytes per packet. */
const LONGEST = 1_100

const body = (length: number) => Array.from({ length }, (_, index) => (index * 7 + 1) & 0xff)

/** One frame of each codec, as far as a DAVE library parses it; some bytes stay unencrypted. The library drops AV1 OBU sizes. */
const FRAMES: Record<string, { codec: number; media: number; frame: number[] }> = {
  Opus: { codec: 1, media: AUDIO, frame: [0x78, ...body(80)] },
  'VP8, a keyframe': {
    codec: 2,
    media: VIDEO,
    frame: [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 2, 0xe0, 1, ...body(3_000)],
  },
  'VP8, another': { codec: 2, media: VIDEO, frame: [0x31, ...body(500)] },
  VP9: { codec: 3, media: VIDEO, frame: [0x82, ...body(2_500)] },
  'H.264': { codec: 4, media: VIDEO, frame: [0, 0, 0, 1, 0x67, ...body(20), 0, 0, 0, 1, 0x65, 0x88, ...body(3_000)] },
  'H.265': {
    codec: 5,
    media: VIDEO,
    frame: [0, 0, 0, 1, 0x40, 1, ...body(20), 0, 0, 0, 1, 0x26, 1, 0xaf, ...body(3_000)],
  },
  AV1: { codec: 6, media: VIDEO, frame: [0x30, ...body(500)] },
}

/** Two members of a group that are peers 1 and 2 of a lane. */
function scene() {
  const call = new DaveyCall()
  const [ana, ben] = [call.join(1), call.join(2)]
  call.run()
  call.assertConverged()
  const lane = new PlainLane()
  for (const peer of [1, 2]) lane.connectNative(peer)
  lane.listen(1, 2)
  lane.command({ kind: 'setRoute', ssrc: ssrcOf(1), owner: 1, media: 'audio', targets: TARGETS, sealedOnly: true })
  lane.routeVideo(1)
  return { ana: ana.library!, ben: ben.library!, lane }
}

/** The frame split into packets; the last video packet has the marker. */
function packetsOf(frame: Uint8Array, media: number, sequence: number): Uint8Array[] {
  const packets: Uint8Array[] = []
  for (let start = 0; start < frame.length; start += LONGEST)
    packets.push(
      encodeRtp({
        payloadType: media === AUDIO ? OPUS : VIDEO_TYPE,
        marker: media === VIDEO && start + LONGEST >= frame.length,
        sequence: sequence + packets.length,
        timestamp: sequence,
        ssrc: ssrcOf(1) + media,
        payload: frame.subarray(start, start + LONGEST),
      }),
    )
  return packets
}

for (const [name, { codec, media, frame }] of Object.entries(FRAMES))
  test(`${name}: the lane forwards sealed frames unmodified, and they open`, () => {
    const { ana, ben, lane } = scene()
    const plain = Buffer.from(frame)
    for (let count = 0; count < 3; count++) {
      const sealed = ana.encrypt(media, codec, plain)
      assert.ok(!sealed.equals(plain))
      const sent = lane.packets(1, ...packetsOf(sealed, media, 10 + count * 10))
      assert.deepEqual(new Set(sent.map(({ peer }) => peer)), new Set([2]))
      const received = Buffer.concat(sent.map(({ bytes }) => decodeRtp(bytes)!.payload))
      assert.deepEqual(received, sealed)
      assert.deepEqual(ben.decrypt('1', media, received), plain)
      const last = makeBatch()
      addDatagram(last, sent.at(-1)!.bytes, [0, 0, 0, 0, 0])
      assert.ok(looksSealed(last, 0, 12))
    }
    assert.deepEqual(lane.drops(), {})
  })

test('at most 1 in 50,000 unsealed frames is mistaken for a sealed one', () => {
  const random = seededRandom(1)
  const batch = makeBatch()
  const bytes = encodeRtp({ payloadType: OPUS, sequence: 1, timestamp: 1, ssrc: 1, payload: new Uint8Array(100) })
  addDatagram(batch, bytes, [0, 0, 0, 0, 0])
  let mistaken = 0
  for (let count = 0; count < 500_000; count++) {
    for (let index = 0; index < 3; index++) batch.bytes[12 + 97 + index] = Math.floor(random() * 256)
    if (looksSealed(batch, 0, 12)) mistaken++
  }
  // Expected: two marker bytes and a length between 12 and 100, so 500 000 × 89 / 2^24 = 2.7.
  assert.ok(mistaken <= 10, `${mistaken} of 500 000`)
})
