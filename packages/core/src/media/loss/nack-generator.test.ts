// Video packets lost on the way to the lane: requested, forwarded when they arrive, and finally given up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtp, nackBits, nackEntries, nackSequence } from '@parley/protocol'
import {
  again,
  nackOf,
  OWN_VIDEO,
  sentTo,
  u32,
  VIDEO,
  VideoLane,
  video,
} from '../../../../../test/contract/video-lane.ts'
import { LIMITS } from '../../limits.ts'
import { hex, ssrcOf, unhex } from '../../testing/plain-lane.ts'
import { seededRandom } from '../../testing/seeded-random.ts'

test('a lost packet is requested from its source by the client SSRC before any receiver sends a NACK', () => {
  const lane = new VideoLane()
  lane.send(1)
  lane.send(4)
  assert.equal(lane.router.deadline, lane.now + LIMITS.nackDelay)
  assert.deepEqual(sentTo(1, lane.wait(LIMITS.nackDelay - 1)), [])
  assert.deepEqual(sentTo(1, lane.wait(1)), [nackOf(2, 1)])
  const [repaired, ...others] = lane.packets(1, again(0, 2))
  assert.equal(others.length, 0)
  const { ssrc, payloadType, sequence, timestamp, payload } = decodeRtp(repaired!.bytes)!
  assert.deepEqual([repaired!.peer, ssrc, payloadType, sequence, timestamp], [2, VIDEO, 120, 2, 0])
  assert.equal(hex(payload), '100202')
  assert.deepEqual(lane.packets(1, again(1, 2)), [], 'a duplicate is not forwarded')
  assert.deepEqual(sentTo(1, lane.wait(200)), [nackOf(3, 0)])
})

test('reordered packets are not requested', () => {
  const lane = new VideoLane()
  for (const sequence of [1, 4, 2, 3]) assert.equal(lane.send(sequence).length, 1)
  assert.deepEqual(sentTo(1, lane.wait(500)), [])
})

test('a NACK from a receiver triggers the request at once, further receivers trigger no more', () => {
  const lane = new VideoLane()
  lane.listen(3)
  lane.send(1)
  lane.send(4)
  assert.deepEqual(sentTo(1, lane.nack(2, 2, 1)), [nackOf(2, 1)])
  assert.deepEqual(lane.nack(3, 2, 1), [])
  assert.deepEqual(lane.nack(3, 900), [], 'a packet that was never sent is not requested')
})

test('a packet that arrives too late for its sequence is sent to all receivers on the RTX SSRC', () => {
  const lane = new VideoLane()
  lane.send(1)
  for (let sequence = 3; sequence < 80; sequence++) lane.send(sequence)
  const [repaired, ...others] = lane.packets(1, again(0, 2))
  assert.equal(others.length, 0)
  const { ssrc, payloadType, payload } = decodeRtp(repaired!.bytes)!
  assert.deepEqual([ssrc, payloadType, hex(payload)], [VIDEO + 1, 124, '0002100202'])
  assert.deepEqual(lane.packets(1, again(1, 2)), [])
})

test('a packet that does not arrive after all requests triggers a keyframe request', () => {
  const lane = new VideoLane()
  lane.send(1)
  lane.send(3)
  const sent = Array.from({ length: 200 }, () => sentTo(1, lane.wait(10))).flat()
  const nacks = sent.filter(bytes => bytes === nackOf(2, 0))
  assert.ok(nacks.length > 3 && nacks.length <= LIMITS.nackTries, `${nacks.length} requests`)
  assert.deepEqual(
    sent.filter(bytes => bytes.startsWith('81ce')),
    [`81ce000200000001${u32(OWN_VIDEO)}`],
  )
  assert.deepEqual(sentTo(1, lane.nack(2, 2)), [], 'a NACK from a receiver does not trigger another request')
})

test('loss beyond the retransmission limit triggers a keyframe request instead of a NACK', () => {
  const lane = new VideoLane()
  lane.send(1)
  lane.send(2 + LIMITS.missingPackets + 1)
  assert.deepEqual(sentTo(1, lane.wait(LIMITS.nackDelay)), [`81ce000200000001${u32(OWN_VIDEO)}`])
  lane.send(2 + LIMITS.missingPackets + 2)
  assert.deepEqual(sentTo(1, lane.wait(500)), [])
})

test('a keyframe request shortly after another is delayed, not dropped', () => {
  const lane = new VideoLane()
  lane.send(1)
  lane.packets(2, unhex(`81ce0002 00000009 ${u32(VIDEO)}`))
  lane.send(1_000)
  assert.deepEqual(sentTo(1, lane.wait(LIMITS.keyframeInterval - 1)), [])
  assert.deepEqual(sentTo(1, lane.wait(1)), [`81ce000200000001${u32(OWN_VIDEO)}`])
})

test('request intervals grow with the response time of the source', () => {
  const lane = new VideoLane()
  lane.send(1)
  for (let round = 0; round < 20; round++) {
    lane.send(3 + 2 * round)
    lane.wait(LIMITS.nackDelay)
    lane.now += 200
    lane.packets(1, again(round, 2 + 2 * round))
  }
  lane.send(43)
  assert.equal(sentTo(1, lane.wait(LIMITS.nackDelay)).length, 1)
  assert.equal(sentTo(1, lane.wait(200)).length, 0)
  assert.equal(sentTo(1, lane.wait(100)).length, 1)
})

test('a source that restarts its sequences is forwarded, and earlier packets are not requested', () => {
  const lane = new VideoLane()
  const later = { timestamp: 0x7000_0000 }
  lane.send(30_000)
  lane.send(30_002)
  assert.equal(lane.send(5, later).length, 1)
  assert.equal(lane.send(6, later).length, 1)
  assert.deepEqual(sentTo(1, lane.wait(500)), [])
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: 77, ssrc: VIDEO })
  assert.equal(lane.send(60_000, { ssrc: 77, timestamp: 1 }).length, 1)
})

test('an RTX packet on the audio SSRC of another client repairs nothing', () => {
  const lane = new VideoLane()
  lane.listen(3)
  lane.routeVideo(2, 0xdd00_0000)
  lane.send(1)
  lane.send(3)
  lane.wait(LIMITS.nackDelay)
  lane.command({ kind: 'mapSsrc', peer: 2, clientSsrc: 5, ssrc: ssrcOf(2) })
  const foreign = video(1, { payloadType: 124, ssrc: 5, payload: Uint8Array.of(0, 2, 0x66) })
  assert.deepEqual(lane.packets(2, foreign), [])
  assert.deepEqual(lane.drops(), { noRoute: 1 })
})

test('a Discord client is sent NACKs only if it declared an RTX payload type', () => {
  for (const rtx of [[106, 102] as const, undefined]) {
    const lane = new VideoLane()
    const payloadTypes = [[120, 120], [105, 101], ...(rtx === undefined ? [] : [rtx])] as const
    lane.connectNative(4, { payloadTypes, extensions: { speaker: 9 } })
    lane.routeVideo(4)
    const ssrc = ssrcOf(4) + 1
    for (const sequence of [1, 3]) lane.packets(4, video(sequence, { payloadType: 101, ssrc }))
    const nacks = sentTo(4, lane.wait(LIMITS.nackDelay))
    assert.deepEqual(nacks, rtx === undefined ? [] : [nackOf(2, 0, ssrc)])
    const retransmission = video(1, { payloadType: 102, ssrc: ssrc + 1, payload: Uint8Array.of(0, 2, 0x10) })
    assert.equal(lane.packets(4, retransmission).length, rtx === undefined ? 0 : 1)
  }
})

/** Runs scheduled actions in steps of one millisecond. */
class Timeline {
  readonly #due = new Map<number, (() => void)[]>()
  now = 0
  after(delay: number, run: () => void): void {
    const at = this.now + Math.round(delay)
    this.#due.set(at, [...(this.#due.get(at) ?? []), run])
  }
  step(): void {
    this.now++
    for (const run of this.#due.get(this.now) ?? []) run()
    this.#due.delete(this.now)
  }
}

/** The sequences requested by a NACK. */
function requestedBy(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: nackEntries(bytes.length) }, (_, entry) => {
    const first = nackSequence(view, 0, entry)
    const bits = (nackBits(view, 0, entry) << 1) | 1
    return Array.from({ length: 17 }, (_, bit) => bit)
      .filter(bit => ((bits >> bit) & 1) === 1)
      .map(bit => (first + bit) & 0xffff)
  }).flat()
}

/** A receiver like a browser: it requests missing packets a bounded number of times. */
class Viewer {
  readonly has = new Set<number>()
  readonly #tries = new Map<number, number>()
  #first: number | undefined
  #newest: number | undefined
  /** Missing packets between the first and the last received one. */
  get missed(): number {
    const span = (this.#newest ?? 0) - (this.#first ?? 0) + 1
    return [...this.has].reduce((missed, sequence) => missed - (sequence >= (this.#first ?? 0) ? 1 : 0), span)
  }
  came(bytes: Uint8Array): void {
    const { ssrc, sequence, payload } = decodeRtp(bytes)!
    const original = ssrc === VIDEO ? sequence : (payload[0]! << 8) | payload[1]!
    this.has.add(original)
    this.#tries.delete(original)
    if (ssrc !== VIDEO || (this.#newest !== undefined && sequence <= this.#newest)) return
    for (let missing = (this.#newest ?? sequence) + 1; missing < sequence; missing++)
      if (!this.has.has(missing)) this.#tries.set(missing, 0)
    this.#newest = sequence
    this.#first ??= sequence
  }
  asks(): number[] {
    const requested = [...this.#tries.keys()]
    for (const [sequence, tries] of this.#tries)
      if (tries < 10) this.#tries.set(sequence, tries + 1)
      else this.#tries.delete(sequence)
    return requested
  }
}

const PACKETS = 3_000

function lossyCall(seed: number, loss: number, latency: number) {
  const random = seededRandom(seed)
  const timeline = new Timeline()
  const lane = new VideoLane()
  lane.listen(3)
  const viewers = new Map([2, 3].map(peer => [peer, new Viewer()]))
  let rtxSequence = 0
  let keyframes = 0
  let requested = 0
  const travel = (arrive: () => void) => {
    if (random() >= loss) timeline.after(latency * (1 + random() / 10), arrive)
  }
  const toLane = (peer: number, plain: Uint8Array) => travel(() => fromLane(lane.packets(peer, plain)))
  const toSender = (bytes: Uint8Array) => {
    if (bytes[1] === 206) keyframes++
    if (bytes[1] !== 205 || (bytes[0]! & 31) !== 1) return
    for (const sequence of requestedBy(bytes)) {
      requested++
      toLane(1, again(rtxSequence++ & 0xffff, sequence))
    }
  }
  const fromLane = (sent: ReturnType<VideoLane['wait']>) => {
    for (const { peer, bytes } of sent)
      travel(() => {
        if (peer === 1) return toSender(bytes)
        if (bytes[1]! < 192 || bytes[1]! > 223) viewers.get(peer)?.came(bytes)
      })
  }
  for (let time = 0; time < PACKETS * 3 + 3_000; time++) {
    timeline.step()
    if (time % 3 === 0 && time < PACKETS * 3) toLane(1, video((time / 3) & 0xffff))
    if (time % 40 === 0)
      for (const [peer, viewer] of viewers)
        for (const sequence of viewer.asks())
          toLane(peer, unhex(`81cd0003 00000009 ${u32(VIDEO)} ${u32(sequence).slice(4)}0000`))
    lane.now++
    if (lane.now >= lane.router.deadline) lane.router.tick(lane.now)
    fromLane(lane.io.take())
    if (time % 1_000 === 0) for (const peer of [1, 2, 3]) lane.check(peer)
  }
  const missed = [...viewers.values()].map(viewer => viewer.missed)
  return { missed, keyframes, requested }
}

for (const [loss, latency, mayFail] of [
  [0.02, 40, false],
  [0.1, 10, false],
  [0.1, 40, false],
  [0.1, 120, true],
] as const)
  test(`${loss * 100} % loss on each leg, ${latency} ms each way: viewers receive everything, or a keyframe is requested`, context => {
    for (const seed of [1, 2, 3]) {
      const { missed, keyframes, requested } = lossyCall(seed, loss, latency)
      const result = `seed ${seed}: missed ${missed}, ${keyframes} keyframes, ${requested} packets requested`
      context.diagnostic(result)
      assert.ok(keyframes === 0 || mayFail, result)
      assert.ok(keyframes > 0 || missed.every(each => each === 0), result)
      assert.ok(requested < loss * PACKETS * 1.5, result)
    }
  })
