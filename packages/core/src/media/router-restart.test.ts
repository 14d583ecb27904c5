// Senders that start their sequences over under the same SSRC and key: libraries do so with every track.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtcp, decodeRtp, encodeReceiverReport, encodeRtp } from '@parley/protocol'
import fc from 'fast-check'
import type { RtpMappingDescription } from '../lane/commands.ts'
import type { Sent } from '../testing/plain-io.ts'
import { home, PlainLane, sealedWith, ssrcOf } from '../testing/plain-lane.ts'

const VIDEO: RtpMappingDescription = {
  payloadTypes: [
    [120, 120],
    [105, 101],
    [106, 102],
  ],
  extensions: {},
}
const WEBRTC: RtpMappingDescription = {
  payloadTypes: [
    [120, 111],
    [105, 96],
    [106, 97],
  ],
  extensions: {},
}
const FRAME = 20

const opus = (sequence: number, timestamp: number) =>
  encodeRtp({ payloadType: 120, sequence, timestamp, ssrc: ssrcOf(1), payload: Uint8Array.of(1, 2, 3, 4) })

/** Discord client 1 sends audio and video to Discord client 2 and WebRTC client 3. */
class Scene extends PlainLane {
  nonce = 1
  /** Sealed datagrams of client 1, in the order in which they were sent. */
  readonly recorded: Uint8Array[] = []

  constructor() {
    super()
    for (const peer of [1, 2]) this.connectNative(peer, VIDEO)
    this.connectWebrtcPeer(3, WEBRTC)
    this.listen(1, 2, 3)
    this.routeAudio(1)
    this.routeVideo(1)
  }

  seal(plain: Uint8Array): Uint8Array {
    const datagram = sealedWith(this.nonce++, 1, plain)
    this.recorded.push(datagram)
    return datagram
  }

  send(plain: Uint8Array): Sent[] {
    const sent = this.receive(home(1), this.seal(plain))
    this.now += FRAME
    return sent
  }

  /** A track of audio. Returns what was sent. */
  track(frames: number, sequence: number, timestamp: number): Sent[] {
    return Array.from({ length: frames }, (_, index) =>
      this.send(opus((sequence + index) & 0xffff, (timestamp + index * 960) >>> 0)),
    ).flat()
  }
}

const numbers = (sent: readonly Sent[], receiver: number) =>
  sent
    .filter(({ peer }) => peer === receiver)
    .map(({ bytes }) => decodeRtp(bytes)!)
    .map(({ sequence, timestamp }) => [sequence, timestamp])

test('a second track that starts over is forwarded, and continues the numbers of every receiver', () => {
  const scene = new Scene()
  scene.track(500, 0, 0)
  const second = scene.track(400, 0, 0)
  for (const receiver of [2, 3]) {
    const received = numbers(second, receiver)
    assert.equal(received.length, 400)
    assert.deepEqual(received[0], [500, 500 * 960])
    assert.deepEqual(received[399], [899, 899 * 960])
  }
  assert.deepEqual(scene.drops(), {})
})

test('a short track is followed by another one, within the replay window', () => {
  const scene = new Scene()
  scene.track(30, 0, 0)
  const second = scene.track(30, 0, 0)
  assert.deepEqual(
    numbers(second, 3).map(([sequence]) => sequence),
    Array.from({ length: 30 }, (_, index) => 30 + index),
  )
})

test('after a pause the timestamps of a new track advance by its length', () => {
  const scene = new Scene()
  scene.track(10, 0, 5_000)
  scene.now += 3_000
  const [[sequence, timestamp] = []] = numbers(scene.track(1, 0, 0), 2)
  assert.deepEqual([sequence, timestamp], [10, 5_000 + 9 * 960 + 48 * (FRAME + 3_000)])
})

test('timestamps alone that start over are continued too', () => {
  const scene = new Scene()
  scene.track(200, 0, 0)
  assert.deepEqual(numbers(scene.track(1, 200, 0), 2), [[200, 200 * 960]])
})

test('recorded packets are not forwarded again, from any address, before and after a restart', () => {
  const scene = new Scene()
  scene.track(100, 0, 0)
  scene.track(100, 0, 0)
  const recorded = [...scene.recorded]
  scene.track(100, 30_000, 7)
  for (const from of [home(1), '192.0.2.9 7'])
    for (const datagram of recorded) assert.deepEqual(scene.receive(from, datagram), [])
  assert.equal(scene.drops().replayed, 400)
})

test('a track starts over only from the address that its sender is bound to', () => {
  const scene = new Scene()
  scene.track(100, 5_000, 0)
  const moved = scene.seal(opus(0, 0))
  assert.deepEqual(scene.receive('192.0.2.9 7', moved), [])
  assert.equal(numbers(scene.receive(home(1), moved), 2).length, 1)
})

test('a sender that starts its nonces over too is dropped until its timestamps pass the newest one', () => {
  const scene = new Scene()
  scene.track(100, 0, 0)
  scene.nonce = 1
  assert.deepEqual(scene.track(50, 0, 0), [])
  assert.equal(numbers(scene.track(1, 40_000, 200_000), 2).length, 1)
})

test('a video that starts over continues, and its packets are found for retransmission', () => {
  const scene = new Scene()
  const frame = (sequence: number, timestamp: number) =>
    encodeRtp({ payloadType: 101, sequence, timestamp, ssrc: ssrcOf(1) + 1, payload: Uint8Array.of(9, sequence) })
  for (let sequence = 0; sequence < 100; sequence++) scene.send(frame(sequence, sequence * 1_800))
  const restarted = [0, 1, 2].flatMap(sequence => scene.send(frame(sequence, sequence * 1_800)))
  assert.deepEqual(numbers(restarted, 3), [
    [100, 100 * 1_800],
    [101, 101 * 1_800],
    [102, 102 * 1_800],
  ])
  const nack = Uint8Array.from(
    Buffer.from(`81cd000300000009${(ssrcOf(1) + 1).toString(16).padStart(8, '0')}00650000`, 'hex'),
  )
  const [again] = scene.packets(3, nack)
  const { payloadType, payload } = decodeRtp(again!.bytes)!
  assert.deepEqual([payloadType, [...payload]], [97, [0, 101, 9, 1]])
})

test('receiver reports count the loss of each track, not the step between two', () => {
  const scene = new Scene()
  scene.track(100, 60_000, 0)
  scene.track(100, 0, 0)
  const report = scene.wait(10_000).find(({ peer, bytes }) => peer === 1 && bytes[1] === 201)
  const [read] = decodeRtcp(report!.bytes)!
  assert.ok(read?.kind === 'receiverReport')
  assert.deepEqual([read.blocks[0]?.packetsLost, read.blocks[0]?.highestSequence], [0, 99])
})

test('a replayed report moves no peer once the order of its nonces is known', () => {
  const scene = new Scene()
  const report = encodeReceiverReport(ssrcOf(1), [])
  const reports = Array.from({ length: 5 }, () => scene.seal(report))
  for (const datagram of reports) scene.receive(home(1), datagram)
  scene.events()
  scene.wait(60_000)
  assert.deepEqual(scene.receive('192.0.2.9 7', reports[2]!), [])
  assert.deepEqual(
    scene.events().filter(({ kind }) => kind === 'addressBound'),
    [],
  )
  scene.receive('192.0.2.9 7', scene.seal(report))
  assert.equal(scene.events()[0]?.kind, 'addressBound')
})

test('whatever tracks are sent, receivers get every frame, and their numbers only advance', () => {
  const track = fc.record({
    frames: fc.integer({ min: 4, max: 120 }),
    sequence: fc.nat(0xffff),
    timestamp: fc.nat(0xffff_ffff),
    pause: fc.nat(20_000),
  })
  fc.assert(
    fc.property(fc.array(track, { minLength: 1, maxLength: 6 }), tracks => {
      const scene = new Scene()
      const sent = tracks.flatMap(({ frames, sequence, timestamp, pause }) => {
        scene.check(3)
        scene.now += pause
        scene.check(3)
        return scene.track(frames, sequence, timestamp)
      })
      const expected = tracks.reduce((sum, { frames }) => sum + frames, 0)
      for (const receiver of [2, 3]) {
        const received = numbers(sent, receiver)
        assert.equal(received.length, expected)
        for (const [index, [sequence = 0, timestamp = 0]] of received.entries()) {
          const [before = sequence - 1, then = timestamp - 1] = received[index - 1] ?? []
          const step = (sequence - before) & 0xffff
          assert.ok(step > 0 && step < 0x8000, `sequence ${before} → ${sequence}`)
          assert.ok(((timestamp - then) | 0) > 0, `timestamp ${then} → ${timestamp}`)
        }
      }
    }),
    { numRuns: 100 },
  )
})
