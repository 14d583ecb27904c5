// Layers of a source: which one each viewer is sent, and when it changes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtp, encodeRtp } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { NATIVE_MAPPING } from '../testing/mappings.ts'
import { hex, PlainLane, ssrcOf, TARGETS } from '../testing/plain-lane.ts'

const HIGH = ssrcOf(1) + 1
const LOW = ssrcOf(1) + 3

/** Discord client 1 sends a camera in two layers; 2 and 3 watch. */
class LayersLane extends PlainLane {
  readonly #sequences = new Map<number, number>()
  constructor() {
    super()
    for (const peer of [1, 2, 3]) this.connectNative(peer, NATIVE_MAPPING)
    this.listen(2, 3)
    this.route(true, true)
    this.io.take()
  }
  route(high: boolean, low: boolean): void {
    this.command({
      kind: 'setRoute',
      ssrc: HIGH,
      owner: 1,
      media: 'video',
      targets: TARGETS,
      layers: [
        { ssrc: HIGH, quality: 100, isActive: high },
        { ssrc: LOW, quality: 50, isActive: low },
      ],
    })
  }
  want(peer: number, any: number, ...wants: [number, number][]): string[] {
    this.command({ kind: 'setWants', peer, any, wants, pixelCounts: [] })
    return this.io.take().map(({ peer, bytes }) => `${peer} ${hex(bytes).slice(0, 4)} ${hex(bytes).slice(-8)}`)
  }
  /** A packet of a layer; returns who was sent it. */
  send(ssrc: number, isKeyframe = false): number[] {
    const payload = Uint8Array.of(0x10, isKeyframe ? 0 : 1, 7)
    const sequence = this.#sequences.get(ssrc) ?? 0
    this.#sequences.set(ssrc, sequence + 1)
    const packet = encodeRtp({ payloadType: 103, sequence, timestamp: sequence * 3_000, ssrc, payload, marker: true })
    const sent = this.packets(1, packet).filter(({ peer }) => peer !== 1)
    for (const { bytes } of sent) assert.equal(decodeRtp(bytes)!.ssrc, ssrc)
    return sent.map(({ peer }) => peer).sort()
  }
}
const pli = (ssrc: number) => `1 81ce ${ssrc.toString(16).padStart(8, '0')}`

test('viewers are sent the best layer, and nothing of the others', () => {
  const lane = new LayersLane()
  assert.deepEqual([lane.send(HIGH), lane.send(LOW)], [[2, 3], []])
})

test('a viewer that wants another layer continues with the old one until a keyframe of the new one, which is requested', () => {
  const lane = new LayersLane()
  lane.send(HIGH)
  assert.deepEqual(lane.want(2, 50), [pli(LOW)])
  assert.deepEqual([lane.send(HIGH), lane.send(LOW), lane.send(HIGH)], [[2, 3], [], [2, 3]])
  assert.deepEqual([lane.send(LOW, true), lane.send(HIGH), lane.send(LOW)], [[2], [3], [2]])
})

test('the keyframe request is repeated while a viewer waits, at most once per layer and interval', () => {
  const lane = new LayersLane()
  lane.send(HIGH)
  lane.want(2, 50)
  assert.deepEqual(lane.want(3, 50), [])
  let requests = 0
  for (let time = 0; time < 3 * LIMITS.keyframeInterval; time += 50) {
    lane.send(HIGH)
    lane.send(LOW)
    requests += lane.wait(50).filter(({ bytes }) => hex(bytes).startsWith('81ce')).length
  }
  assert.equal(requests, 3)
})

test('wants of single SSRCs choose between layers, and none of them ends the video', () => {
  const lane = new LayersLane()
  lane.send(HIGH)
  lane.want(2, 100, [HIGH, 0])
  lane.send(LOW, true)
  assert.deepEqual([lane.send(HIGH), lane.send(LOW)], [[3], [2]])
  lane.want(2, 0)
  assert.deepEqual([lane.send(HIGH), lane.send(LOW)], [[3], []])
})

test('a layer that its sender ends is replaced at the next keyframe of another, and nothing of it is sent until then', () => {
  const lane = new LayersLane()
  lane.send(HIGH)
  lane.route(false, true)
  assert.deepEqual([lane.send(HIGH), lane.send(LOW), lane.send(LOW, true)], [[], [], [2, 3]])
  lane.route(true, true)
  assert.deepEqual([lane.send(LOW), lane.send(HIGH), lane.send(HIGH, true), lane.send(LOW)], [[2, 3], [], [2, 3], []])
})

test('a layer without packets is replaced by one that flows, and returns with its next keyframe', () => {
  const lane = new LayersLane()
  lane.send(HIGH)
  for (let time = 0; time <= LIMITS.layerSilence + 200; time += 100) {
    lane.send(LOW)
    lane.wait(100)
  }
  assert.deepEqual(lane.send(LOW, true), [2, 3])
  assert.deepEqual([lane.send(HIGH), lane.send(HIGH, true), lane.send(LOW)], [[], [2, 3], []])
})

test('viewers that have received nothing are sent the layer that flows, until a better one has a keyframe', () => {
  const lane = new LayersLane()
  lane.connectNative(4, NATIVE_MAPPING)
  lane.send(LOW)
  lane.listen(4)
  assert.deepEqual([lane.send(LOW), lane.send(HIGH, true), lane.send(LOW)], [[2, 3, 4], [2, 3, 4], []])
})

test('a source that ends leaves nothing behind, and can begin again', () => {
  const lane = new LayersLane()
  lane.send(HIGH)
  lane.command({ kind: 'removeRoute', ssrc: HIGH, silence: false })
  assert.deepEqual([lane.send(HIGH), lane.send(LOW)], [[], []])
  const { routes, videos } = lane.router.inspect()
  assert.deepEqual([routes, videos, lane.router.deadline === Infinity], [0, 0, false])
  lane.route(true, true)
  assert.deepEqual(lane.send(HIGH), [2, 3])
})
