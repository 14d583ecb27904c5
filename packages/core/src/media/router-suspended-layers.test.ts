// Layers that their sender does not send: they take nothing from the bandwidth of a viewer until they return.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRtp } from '@parley/protocol'
import { NATIVE_MAPPING } from '../testing/mappings.ts'
import { PlainLane, rembOf, ssrcOf, TARGETS } from '../testing/plain-lane.ts'

const VIEWER = 2
const STEP = 10
/** Bits per second of the layers of the cameras of peers 1 and 3, in packets of 1,000 bytes. */
const RATES = new Map([
  [1, { high: 2_000_000, low: 160_000 }],
  [3, { high: 800_000, low: 160_000 }],
])
const highOf = (peer: number) => ssrcOf(peer) + 1
const lowOf = (peer: number) => ssrcOf(peer) + 3

/** Discord clients 1 and 3 send two layers each; Discord client 2 watches both. */
class TwoCameras extends PlainLane {
  readonly #sequences = new Map<number, number>()
  /** Bits per second that the viewer reports. */
  readonly estimate: number
  /** SSRCs of layers that their sender does not send. */
  readonly suspended = new Set<number>()
  /** Those that the viewer was sent. */
  readonly #ssrcs = new Set<number>()

  constructor(estimate: number) {
    super()
    this.estimate = estimate
    for (const peer of [1, 2, 3]) this.connectNative(peer, NATIVE_MAPPING)
    this.listen(VIEWER)
    for (const peer of RATES.keys()) this.declare(peer, true, true)
    this.io.take()
  }

  /** The layers that the sender declares to send. */
  declare(peer: number, high: boolean, low: boolean): void {
    const layers = [
      { ssrc: highOf(peer), quality: 100, isActive: high },
      { ssrc: lowOf(peer), quality: 50, isActive: low },
    ]
    this.command({ kind: 'setRoute', ssrc: highOf(peer), owner: peer, media: 'video', targets: TARGETS, layers })
  }

  /** All layers that are not suspended for this long, each with a keyframe every half second. */
  stream(time: number): void {
    for (const end = this.now + time; this.now < end; ) {
      if (this.now % 1_000 < STEP) this.packets(VIEWER, rembOf(this.estimate))
      for (const [peer, { high, low }] of RATES) {
        this.#sendDue(peer, highOf(peer), high)
        this.#sendDue(peer, lowOf(peer), low)
      }
      this.#count(this.wait(STEP))
    }
  }

  /** Streams for this long. Returns the layer of each camera that the viewer is sent all of that time. */
  layersFor(time: number): string[] {
    this.#ssrcs.clear()
    this.stream(time)
    return [...RATES.keys()].map(peer => {
      const [high, low] = [this.#ssrcs.has(highOf(peer)), this.#ssrcs.has(lowOf(peer))]
      return high && low ? 'both' : high ? 'high' : low ? 'low' : 'none'
    })
  }

  /** Why the viewer is not sent the best layer of each camera. */
  reasons(): (string | undefined)[] {
    this.command({ kind: 'report' })
    const reports = this.events().flatMap(event => (event.kind === 'layers' ? event.layers : []))
    return [...RATES.keys()].map(peer => reports.findLast(({ ssrc }) => ssrc === highOf(peer))?.reason)
  }

  #sendDue(peer: number, ssrc: number, rate: number): void {
    if (this.suspended.has(ssrc)) return
    const dueAt = (time: number) => Math.floor((time * rate) / 8_000_000)
    for (let left = dueAt(this.now + STEP) - dueAt(this.now); left > 0; left--) {
      const sequence = this.#sequences.get(ssrc) ?? 0
      this.#sequences.set(ssrc, sequence + 1)
      const payload = new Uint8Array(1_000)
      payload[0] = 0x10
      payload[1] = this.now % 500 < 50 ? 0 : 1
      const timestamp = this.now * 90
      this.#count(this.packets(peer, encodeRtp({ payloadType: 103, sequence, timestamp, ssrc, payload })))
    }
  }

  #count(sent: ReturnType<PlainLane['packets']>): void {
    for (const { peer, bytes } of sent) {
      if (peer === VIEWER) this.#ssrcs.add(new DataView(bytes.buffer, bytes.byteOffset).getUint32(8))
    }
  }
}

test('a lowest layer that its sender no longer declares leaves its bandwidth to another camera', () => {
  const lane = new TwoCameras(860_000)
  lane.stream(3_000)
  assert.deepEqual(lane.layersFor(2_000), ['low', 'low'])
  lane.suspended.add(lowOf(1))
  lane.declare(1, true, false)
  lane.stream(4_000)
  assert.deepEqual(lane.layersFor(2_000), ['none', 'high'])
  assert.deepEqual(lane.reasons(), ['bandwidth', undefined])
  lane.suspended.clear()
  lane.declare(1, true, true)
  lane.stream(2_000)
  assert.deepEqual(lane.layersFor(2_000), ['low', 'low'])
})

test('a better layer that its sender no longer declares leaves its bandwidth to another camera', () => {
  const lane = new TwoCameras(2_300_000)
  lane.stream(4_000)
  assert.deepEqual(lane.layersFor(2_000), ['high', 'low'])
  lane.suspended.add(highOf(1))
  lane.declare(1, false, true)
  lane.stream(4_000)
  assert.deepEqual(lane.layersFor(2_000), ['low', 'high'])
  assert.deepEqual(lane.reasons(), ['paused-by-sender', undefined])
})

test('a camera that falls silent leaves its bandwidth to another one, and returns at once in its lowest layer', () => {
  const lane = new TwoCameras(2_400_000)
  lane.stream(4_000)
  assert.deepEqual(lane.layersFor(2_000), ['high', 'low'])
  lane.suspended.add(highOf(1)).add(lowOf(1))
  lane.stream(4_000)
  assert.deepEqual(lane.layersFor(2_000), ['none', 'high'])
  assert.deepEqual(lane.reasons(), ['paused-by-sender', undefined])
  lane.suspended.clear()
  assert.equal(lane.layersFor(500)[0], 'low')
  lane.stream(2_000)
  assert.deepEqual(lane.layersFor(2_000), ['high', 'low'])
})
