// Senders without RTX: what the lane requested returns on its own SSRC, among packets that are hundreds of sequences newer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtp, type RtpPacket } from '@parley/protocol'
import fc from 'fast-check'
import { again, nackOf, OWN_VIDEO, sentTo, VIDEO, VideoLane, video } from '../../../../test/contract/video-lane.ts'
import type { RtpMappingDescription } from '../lane/commands.ts'
import { LIMITS } from '../limits.ts'
import type { Sent } from '../testing/plain-io.ts'
import { home, PlainLane, sealed, sealedWith, ssrcOf } from '../testing/plain-lane.ts'

const DISCORD: RtpMappingDescription = {
  payloadTypes: [
    [120, 120],
    [105, 105],
    [106, 106],
  ],
  extensions: {},
}
/** Milliseconds between two packets: 1,000 of them take less than `LIMITS.missingLife`. */
const STEP = 0.9
const HALF_CYCLE = 0x8000

/** Original sequence and last byte of the payload of what a receiver was sent, and whether it was sent as RTX. */
function media(sent: readonly Sent[], receiver: number) {
  return sent
    .filter(({ peer, bytes }) => peer === receiver && (bytes[1]! < 192 || bytes[1]! > 223))
    .map(({ bytes }) => decodeRtp(bytes)!)
    .map(({ ssrc, sequence, payload }) => {
      const isRtx = ssrc === VIDEO + 1
      return { sequence: isRtx ? (payload[0]! << 8) | payload[1]! : sequence, data: payload.at(-1)!, isRtx }
    })
}

/** WebRTC client 1 sends; 2 is a WebRTC client, 4 a Discord client. */
class BrowserScene extends VideoLane {
  opened = 0

  constructor() {
    super()
    this.connectNative(4, DISCORD)
    this.listen(4)
    const open = this.io.open.bind(this.io)
    this.io.open = (...args) => {
      this.opened++
      return open(...args)
    }
  }

  /** Sends `count` packets from `first` on. Returns what was sent in response. */
  stream(first: number, count: number): Sent[] {
    return Array.from({ length: count }, (_, index) => {
      const sent = this.send((first + index) & 0xffff, { timestamp: (first + index) * 3_000 })
      return [...sent, ...this.wait(STEP)]
    }).flat()
  }
}

for (const behind of [64, 200, 500, 1_000])
  for (const first of [700, 65_535 - (behind >> 1)])
    test(`a requested packet that returns ${behind} packets later, after ${first}, is opened and forwarded once`, () => {
      const scene = new BrowserScene()
      const lost = first + 1
      scene.stream(first, 1)
      const before = scene.stream(first + 2, behind)
      assert.ok(sentTo(1, before).includes(nackOf(lost & 0xffff, 0)))
      scene.opened = 0
      const late = video(lost & 0xffff, { timestamp: lost * 3_000 })
      const sent = scene.packets(1, late, late)
      assert.equal(scene.opened, 1)
      const toBrowser = (sequence: number) => (sequence - first + (first % HALF_CYCLE)) & 0xffff
      const repaired = { sequence: lost & 0xffff, data: lost & 0xff, isRtx: true }
      assert.deepEqual(media(sent, 4), [repaired])
      assert.deepEqual(media(sent, 2), [{ ...repaired, sequence: toBrowser(lost) }])
      assert.deepEqual(scene.drops(), { replayed: 1 })

      const newest = lost + behind + 1
      const after = scene.stream(newest, 100)
      const expected = Array.from({ length: 100 }, (_, index) => newest + index)
      assert.deepEqual(
        media(after, 4),
        expected.map(each => ({ sequence: each & 0xffff, data: each & 0xff, isRtx: false })),
      )
      assert.deepEqual(
        media(after, 2).map(({ sequence }) => sequence),
        expected.map(toBrowser),
      )
      assert.deepEqual(sentTo(1, after), [], 'nothing is requested again')
      assert.deepEqual(scene.packets(1, late), [])
    })

/** The scene with receivers without RTX: 5 is a WebRTC client, 6 a Discord client. */
class PlainScene extends BrowserScene {
  constructor() {
    super()
    this.connectWebrtcPeer(5, { payloadTypes: [[105, 98]], extensions: {} })
    this.connectNative(6, { payloadTypes: [[105, 105]], extensions: {} })
    this.listen(5, 6)
  }
}

for (const behind of [31, 32, 40, 63])
  test(`a receiver without RTX is sent a packet that returns ${behind} packets late, on the SSRC of the video`, () => {
    const scene = new PlainScene()
    scene.stream(700, 1)
    scene.stream(702, behind)
    const sent = scene.packets(1, again(1, 701, { timestamp: 701 * 3_000 }))
    for (const receiver of [5, 6])
      assert.deepEqual(media(sent, receiver), [{ sequence: 701, data: 701 & 0xff, isRtx: false }])
    for (const receiver of [2, 4])
      assert.deepEqual(
        media(sent, receiver).map(({ isRtx }) => isRtx),
        [behind > 31],
      )
  })

test('a receiver without RTX is sent nothing that its window may not cover', () => {
  const scene = new PlainScene()
  scene.stream(700, 1)
  scene.stream(702, 64)
  const sent = scene.packets(1, again(1, 701, { timestamp: 701 * 3_000 }))
  assert.deepEqual(
    [5, 6].map(receiver => media(sent, receiver).length),
    [0, 0],
  )
  assert.deepEqual(
    [2, 4].map(receiver => media(sent, receiver).length),
    [1, 1],
  )
})

test('a packet that was not requested, or no longer is, is refused before it is opened once it is older than the window', () => {
  const scene = new BrowserScene()
  scene.stream(10, 1)
  scene.stream(12, 80)
  const older = video(9)
  assert.deepEqual(scene.packets(1, older), [])
  scene.stream(92, 1_200)
  scene.opened = 0
  assert.deepEqual(scene.packets(1, older, video(11)), [])
  assert.equal(scene.opened, 0)
  assert.equal(scene.drops().replayed, 3)
})

test('a retransmission that does not verify leaves its packet missing', () => {
  const scene = new BrowserScene()
  scene.stream(10, 1)
  scene.stream(12, 300)
  assert.deepEqual(scene.receive(home(1), sealed(9, video(11))), [])
  assert.equal(media(scene.packets(1, video(11)), 4).length, 1)
})

test('a receiver report counts a packet that returned as received, and no cycle of sequences for it', () => {
  const scene = new BrowserScene()
  scene.stream(10, 1)
  scene.stream(12, 300)
  scene.packets(1, video(11))
  scene.stream(312, 10)
  scene.now += LIMITS.receiverReportInterval
  scene.check(1)
  const report = scene.wait(0).find(({ peer, bytes }) => peer === 1 && bytes[1] === 201)
  const view = new DataView(report!.bytes.buffer, report!.bytes.byteOffset)
  assert.deepEqual([view.getUint32(8), view.getInt32(12), view.getUint32(16)], [OWN_VIDEO, 0, 321])
})

const frame = (sequence: number, more: Partial<RtpPacket> = {}) =>
  video(sequence & 0xffff, { payloadType: 105, ssrc: ssrcOf(1) + 1, timestamp: sequence * 3_000, ...more })

/** Discord client 1 sends, under a nonce of its own for each datagram; 2 is a Discord client, 3 a WebRTC client. */
class DiscordScene extends PlainLane {
  #nonce = 1

  constructor() {
    super()
    this.connectNative(1, DISCORD)
    this.connectNative(2, DISCORD)
    this.connectWebrtcPeer(3, DISCORD)
    this.listen(2, 3)
    this.routeVideo(1)
  }

  seal(plain: Uint8Array): Uint8Array {
    return sealedWith(this.#nonce++, 1, plain)
  }

  /** Sends the datagrams, and waits for the time of one packet. */
  deliver(...datagrams: Uint8Array[]): Sent[] {
    return [...this.receive(home(1), ...datagrams), ...this.wait(STEP)]
  }

  stream(first: number, count: number): Sent[] {
    return Array.from({ length: count }, (_, index) => this.deliver(this.seal(frame(first + index)))).flat()
  }
}

for (const [name, isSealedAgain] of [
  ['under a new nonce', true],
  ['under its nonce', false],
] as const)
  for (const behind of [20, 64, 200, 1_000])
    test(`a Discord client sends a requested packet again ${name}, ${behind} packets later, and again: it is forwarded once`, () => {
      const scene = new DiscordScene()
      scene.stream(0, 10)
      const original = scene.seal(frame(10))
      const again = () => (isSealedAgain ? scene.seal(frame(10)) : original)
      scene.stream(11, behind)
      const sent = scene.deliver(again(), again())
      for (const receiver of [2, 3])
        assert.deepEqual(media(sent, receiver), [{ sequence: 10, data: 10, isRtx: behind >= 32 }])
      assert.deepEqual(media(scene.stream(11 + behind, 1), 2), [
        { sequence: 11 + behind, data: (11 + behind) & 0xff, isRtx: false },
      ])
      assert.deepEqual(scene.deliver(again()), [])
      const next = scene.stream(12 + behind, 50)
      for (const receiver of [2, 3])
        assert.deepEqual(
          media(next, receiver).map(({ sequence }) => sequence),
          Array.from({ length: 50 }, (_, index) => 12 + behind + index),
        )
    })

test('a retransmission under a new nonce that comes after its packet was given up does not start the stream over', () => {
  const scene = new DiscordScene()
  scene.stream(0, 10)
  scene.stream(11, 1_300)
  assert.deepEqual(media(scene.deliver(scene.seal(frame(10))), 2), [])
  assert.deepEqual(
    media(scene.stream(1_311, 3), 2).map(({ sequence }) => sequence),
    [1_311, 1_312, 1_313],
  )
})

test('a sender that starts over after losses is forwarded from its first packet on', () => {
  const scene = new DiscordScene()
  scene.stream(500, 100)
  scene.stream(605, 100)
  const restarted = scene.stream(300, 20)
  for (const receiver of [2, 3])
    assert.deepEqual(
      media(restarted, receiver).map(({ sequence }) => sequence),
      Array.from({ length: 20 }, (_, index) => 705 + index),
    )
})

/** Packets behind the newest at which a packet is surely not given up: after ten requests, each the shortest interval apart. */
const WAITED_FOR = (LIMITS.nackTries * LIMITS.nackInterval) / STEP

test('whatever is lost and however late it returns, each packet is forwarded once at most, and under its own number', () => {
  const fate = fc.oneof(
    { weight: 8, arbitrary: fc.constant([0, 1] as const) },
    // How many packets later it returns, and how often.
    { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 1, max: 1_200 }), fc.integer({ min: 0, max: 3 })) },
  )
  const fates = fc.array(fate, { minLength: 1, maxLength: LIMITS.missingPackets, size: 'max' })
  fc.assert(
    fc.property(fc.nat(0xffff), fates, (start, each) => {
      const scene = new BrowserScene()
      const arrivals = new Map<number, number[]>([[0, [0]]])
      for (const [place, [later, copies]] of each.entries())
        for (let copy = 0; copy < copies; copy++) {
          const at = place + 1 + later
          arrivals.set(at, [...(arrivals.get(at) ?? []), place + 1])
        }
      const forwarded = new Set<number>()
      const due = new Set<number>()
      let newest = 0
      for (let time = 0; time < each.length + 1_300; time++) {
        // After these packets the sender goes on without loss.
        const arriving = [...(arrivals.get(time) ?? []), ...(time > each.length ? [time] : [])]
        for (const index of arriving) {
          if (newest - index < WAITED_FOR) due.add(index)
          newest = Math.max(newest, index)
          const packet = video((start + index) & 0xffff, { timestamp: index * 3_000 })
          for (const { sequence, data } of media(scene.packets(1, packet), 4)) {
            assert.deepEqual([(sequence - start) & 0xffff, data], [index, sequence & 0xff])
            assert.ok(!forwarded.has(index), `packet ${index} was forwarded twice`)
            forwarded.add(index)
          }
        }
        scene.wait(STEP)
      }
      for (const index of due) assert.ok(forwarded.has(index), `packet ${index} was not forwarded`)
    }),
    { numRuns: 15 },
  )
})
