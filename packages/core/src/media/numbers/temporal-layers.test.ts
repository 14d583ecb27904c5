// Temporal layers of VP8 and VP9 towards one WebRTC viewer: frames that are left out leave no gaps in what the viewer counts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DependencyDescriptor, VIDEO_PAYLOAD_TYPES, VideoPayload } from '@parley/protocol'
import fc from 'fast-check'
import { LayerNumbers, type NumberedStream } from './layer-numbers.ts'

const STREAM: NumberedStream = { ssrc: 1, clockRate: 90, received: undefined, numbers: { timestampOffset: 0 } }
/** Temporal layers of the frames in turn. The last of four depends on the third. */
const PATTERN = [0, 2, 1, 2]

interface Packet {
  sequence: number
  frame: number
  bytes: Uint8Array
}
interface Received {
  /** The viewer's, and the layer's. */
  out: number
  sequence: number
  frame: number
  temporal: number
  picture: number
  tl0: number
}

/** A camera in three temporal layers, and what the viewer is sent of it. */
class Viewer {
  readonly numbers = new LayerNumbers()
  readonly #type: number
  readonly #isVp8: boolean
  readonly #payload = new VideoPayload()
  #sequence = 0xfff0
  #frame = 0
  #tl0 = 0
  now = 0
  /** The highest temporal layer that the viewer may be sent. */
  limit = 7

  constructor(codec: 'vp8' | 'vp9' = 'vp8') {
    this.#type = VIDEO_PAYLOAD_TYPES[codec]!
    this.#isVp8 = codec === 'vp8'
  }

  /** The packets of the next frame. */
  frame(packets = 2): Packet[] {
    const frame = this.#frame++
    const temporal = PATTERN[frame % 4]!
    if (temporal === 0) this.#tl0 = (this.#tl0 + 1) & 0xff
    // Layer sync (VP8), switching up (VP9).
    const sync = frame % 4 === 3 ? 0 : 1
    const id = [0x80 | ((frame >> 8) & 0x7f), frame & 0xff]
    return Array.from({ length: packets }, (_, index) => {
      const start = index === 0 ? 1 : 0
      const vp8 = [0x80 | (start << 4), 0xe0, ...id, this.#tl0, (temporal << 6) | (sync << 5), frame === 0 ? 0 : 1]
      const vp9 = [(frame === 0 ? 0xa0 : 0xe0) | (start << 3), ...id, (temporal << 5) | (sync << 4), this.#tl0, 1]
      const sequence = this.#sequence
      this.#sequence = (sequence + 1) & 0xffff
      return { sequence, frame, bytes: Uint8Array.from(this.#isVp8 ? vp8 : vp9) }
    })
  }

  take(...packets: Packet[]): Received[] {
    return packets.flatMap(({ sequence, frame, bytes }) => {
      this.now += 2
      const view = new DataView(bytes.slice().buffer)
      this.#payload.parse(view, 0, bytes.length, this.#type)
      const out = this.numbers.place(STREAM, sequence, frame * 3_000, this.#payload, this.now, this.limit)
      if (out < 0) return []
      this.numbers.rewrite(this.numbers.ageOf(STREAM, sequence), sequence, view, this.#payload, 1)
      this.#payload.parse(view, 0, bytes.length, this.#type)
      const { pictureId: picture, tl0, temporal } = this.#payload.descriptor!
      return [{ out, sequence, frame, temporal, picture, tl0 }]
    })
  }

  frames(count: number, packets = 2): Received[] {
    return Array.from({ length: count }, () => this.take(...this.frame(packets))).flat()
  }
}
const framesOf = (received: readonly Received[]) => [...new Set(received.map(({ frame }) => frame))]
const picturesOf = (received: readonly Received[]) => [...new Set(received.map(({ picture }) => picture))]

function assertContinuous(received: readonly Received[]): void {
  for (const [index, { out }] of received.slice(1).entries())
    assert.equal((out - received[index]!.out) & 0xffff, 1, `packet ${index + 1}`)
}

for (const codec of ['vp8', 'vp9'] as const)
  test(`frames of ${codec} above the limit are left out whole, and the viewer's numbers have no gap`, () => {
    const viewer = new Viewer(codec)
    const received = viewer.frames(4)
    viewer.limit = 1
    received.push(...viewer.frames(8))
    viewer.limit = 0
    received.push(...viewer.frames(8))
    assert.deepEqual(framesOf(received), [0, 1, 2, 3, 4, 6, 8, 10, 12, 16])
    assertContinuous(received)
    // Frames of VP9 name others by the distance of their picture ids.
    assert.deepEqual(picturesOf(received), codec === 'vp8' ? [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] : framesOf(received))
    assert.deepEqual([...new Set(received.map(({ tl0 }) => tl0))], [1, 2, 3, 4, 5])
  })

test('frames of AV1 are left out by their dependency descriptors, and return with a frame that is a switch', () => {
  // Of Chromium: a keyframe with its structure, then the templates of its temporal layers.
  const keyframe = '8000018002044eaaaf2860414d34538a0940409fc077c0'
  const templates = [2, 5, 3, 5]
  const dependencies = new DependencyDescriptor()
  const payload = new VideoPayload()
  const numbers = new LayerNumbers()
  const received: [frame: number, out: number][] = []
  for (let frame = 0; frame < 16; frame++)
    for (const isStart of [true, false]) {
      const first = (isStart ? 0x80 : 0x40) | templates[frame % 4]!
      const later = Uint8Array.of(first, 0, frame + 1)
      const bytes = frame === 0 && isStart ? Uint8Array.from(Buffer.from(keyframe, 'hex')) : later
      assert.ok(dependencies.parse(new DataView(bytes.buffer), 0, bytes.length))
      payload.parse(new DataView(new ArrayBuffer(2)), 0, 2, VIDEO_PAYLOAD_TYPES.av1!, dependencies)
      const sequence = 2 * frame + (isStart ? 0 : 1)
      const limit = frame < 4 ? 7 : frame < 11 ? 0 : 7
      const out = numbers.place(STREAM, sequence, frame * 3_000, payload, frame, limit)
      if (out >= 0) received.push([frame, out])
    }
  assert.deepEqual([...new Set(received.map(([frame]) => frame))], [0, 1, 2, 3, 4, 8, 12, 14, 15])
  assert.deepEqual(
    received.map(([, out]) => out),
    received.map((_, index) => index),
  )
  assert.equal(numbers.isRewritten(0, 31), false, 'nothing in the packets is rewritten')
})

test('the limit begins with a frame, not within one', () => {
  const viewer = new Viewer()
  viewer.frames(1)
  const [first, ...rest] = viewer.frame(3)
  const received = viewer.take(first!)
  viewer.limit = 0
  received.push(...viewer.take(...rest), ...viewer.frames(3))
  assert.deepEqual([framesOf(received), received.length], [[1, 4], 5])
  assertContinuous(received)
})

test('a temporal layer of VP8 returns with a frame that depends on layer 0 only, one layer after the other', () => {
  const viewer = new Viewer()
  viewer.limit = 0
  viewer.frames(3)
  viewer.limit = 7
  // Frame 3 has no layer sync, 5 would skip layer 1; 6 adds layer 1, 9 adds layer 2.
  const received = viewer.frames(9)
  assert.deepEqual(framesOf(received), [4, 6, 8, 9, 10, 11])
  assertContinuous(received)
})

test('temporal layers of VP9 return with a frame from which no lower frame is needed', () => {
  const viewer = new Viewer('vp9')
  viewer.limit = 0
  viewer.frames(3)
  viewer.limit = 7
  assert.deepEqual(framesOf(viewer.frames(4)), [4, 5, 6])
})

test('a keyframe of another layer begins with the limit, and continues the picture ids', () => {
  const viewer = new Viewer()
  viewer.limit = 1
  const received = viewer.frames(8)
  viewer.numbers.interrupt()
  received.push(...viewer.frames(5))
  assertContinuous(received)
  assert.deepEqual(picturesOf(received), [0, 1, 2, 3, 4, 5, 6])
})

test('NACKs name packets by the numbers that the viewer knows, in every part of two cycles', () => {
  const viewer = new Viewer()
  viewer.frames(1)
  for (let round = 0; round < 9_000; round++) {
    viewer.limit = round % 50 < 40 ? 1 : 0
    const received = viewer.frames(4, 4)
    for (const { out, sequence } of received) {
      const age = viewer.numbers.find(out)
      assert.equal(age, 0)
      assert.equal(viewer.numbers.toStream(age, out), sequence, `round ${round}`)
      assert.equal(viewer.numbers.toReceiver(STREAM, sequence), out)
    }
  }
})

test('a late packet keeps its place, and one of a frame that was left out is dropped', () => {
  const viewer = new Viewer()
  viewer.limit = 1
  const received = viewer.frames(4)
  const [early, late] = viewer.frame()
  received.push(...viewer.take(early!))
  const upper = viewer.frame(3)
  assert.deepEqual(viewer.take(upper[0]!, upper[2]!), [])
  const next = viewer.take(...viewer.frame())
  assert.deepEqual(viewer.take(upper[1]!), [])
  assertContinuous([...received, ...viewer.take(late!), ...next])
})

test('no number is given twice, whatever is lost, late or limited', () => {
  const step = fc.record({
    limit: fc.integer({ min: 0, max: 3 }),
    packets: fc.integer({ min: 1, max: 4 }),
    lost: fc.nat(6),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), steps => {
      const viewer = new Viewer()
      const received: Received[] = []
      const missing: Packet[] = []
      for (const { limit, packets, lost } of steps) {
        viewer.limit = limit
        const frame = viewer.frame(packets)
        received.push(...viewer.take(...frame.filter((_, index) => index !== lost)))
        missing.push(...frame.filter((_, index) => index === lost))
        if (lost === 5) received.push(...viewer.take(...missing.splice(0, 1)))
      }
      received.push(...viewer.take(...missing))
      assert.equal(new Set(received.map(({ out }) => out)).size, received.length)
      for (const { out, sequence } of received) {
        const age = viewer.numbers.find(out)
        // A packet before the first one cannot be requested.
        if (age >= 0) assert.equal(viewer.numbers.toStream(age, out), sequence)
      }
    }),
    { numRuns: 300 },
  )
})
