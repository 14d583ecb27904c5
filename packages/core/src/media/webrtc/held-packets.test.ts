// Media that overtakes what the gateway says of it: held for a moment, within bounds, and then gone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtp, encodeRtp } from '@parley/protocol'
import { again, OWN_RTX, OWN_VIDEO, RECEIVER, SENDER, VIDEO, video } from '../../../../../test/contract/video-lane.ts'
import { LIMITS } from '../../limits.ts'
import type { Sent } from '../../testing/plain-io.ts'
import { hex, home, PlainLane, sealed, ssrcOf } from '../../testing/plain-lane.ts'

/** Browser 1, heard and not seen yet, and browser 2. Nothing of 1 was announced but its sound. */
function makeLane() {
  const lane = new PlainLane()
  lane.connectWebrtcPeer(1, SENDER)
  lane.connectWebrtcPeer(2, RECEIVER)
  lane.listen(2)
  lane.routeAudio(1)
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: 1, ssrc: ssrcOf(1) })
  return lane
}

const sequences = (sent: readonly Sent[]) =>
  sent.filter(({ peer }) => peer === 2).map(({ bytes }) => decodeRtp(bytes)!.sequence)

test('video that overtakes op 12 is passed on once its SSRC and its route are known, in its order', () => {
  const lane = makeLane()
  assert.deepEqual(lane.packets(1, video(7), video(8), video(9)), [])
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: OWN_VIDEO, ssrc: VIDEO })
  assert.deepEqual(lane.io.take(), [], 'nobody is to see it yet')
  lane.wait(LIMITS.holdTimeout - 1)
  lane.routeVideo(1)
  const sent = lane.io.take()
  assert.deepEqual(sequences(sent), [7, 8, 9])
  assert.equal(decodeRtp(sent[0]!.bytes)!.ssrc, VIDEO)
  assert.deepEqual(sequences(lane.packets(1, video(10))), [10])
  assert.deepEqual(lane.packets(1, video(8)), [], 'nor does a copy of it come through')
  lane.wait(LIMITS.holdTimeout)
  assert.deepEqual(lane.drops(), { replayed: 1 })
})

test('what is still unknown when something else becomes known goes on waiting', () => {
  const lane = makeLane()
  lane.packets(1, video(7), again(0, 6), video(5, { ssrc: 99 }), video(8))
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: OWN_VIDEO, ssrc: VIDEO })
  lane.routeVideo(1)
  assert.deepEqual(sequences(lane.io.take()), [7, 8])
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: OWN_RTX, ssrc: VIDEO + 1 })
  lane.wait(LIMITS.holdTimeout)
  assert.deepEqual(lane.drops(), { foreignSsrc: 1 }, 'the one with SSRC 99')
})

test('a microphone that was changed is heard from its first packet on, once op 5 has told of it', () => {
  const lane = makeLane()
  const opus = encodeRtp({ payloadType: 111, sequence: 3, timestamp: 9, ssrc: 77, payload: Uint8Array.of(1, 2) })
  assert.deepEqual(lane.packets(1, opus), [])
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: 77, ssrc: ssrcOf(1) })
  const [heard] = lane.io.take()
  assert.equal(hex(decodeRtp(heard!.bytes)!.payload), '0102')
})

test('only so many are held, for so long, of so many browsers', () => {
  const lane = makeLane()
  for (let sequence = 0; sequence < LIMITS.heldPackets + 5; sequence++) lane.packets(1, video(sequence))
  assert.deepEqual(lane.drops(), { foreignSsrc: 5 })
  for (let peer = 10; peer < 10 + LIMITS.holdingWebrtcPeers; peer++) {
    lane.connectWebrtcPeer(peer, SENDER)
    lane.packets(peer, video(1))
  }
  assert.deepEqual(lane.drops(), { foreignSsrc: 6 })
  assert.ok(lane.router.deadline <= lane.now + LIMITS.holdTimeout)
  lane.wait(LIMITS.holdTimeout)
  assert.deepEqual(lane.drops(), { foreignSsrc: 5 + LIMITS.heldPackets + LIMITS.holdingWebrtcPeers })
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: OWN_VIDEO, ssrc: VIDEO })
  lane.routeVideo(1)
  assert.deepEqual(lane.io.take(), [])
})

test('what is held is believed no more than anything else, and types that were not offered are not held', () => {
  const lane = makeLane()
  lane.receive(home(1), sealed(9, video(7)), sealed(1, video(8, { payloadType: 50 })), sealed(1, video(9)))
  assert.deepEqual(lane.drops(), { foreignSsrc: 1 })
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: OWN_VIDEO, ssrc: VIDEO })
  lane.routeVideo(1)
  assert.deepEqual(sequences(lane.io.take()), [9])
  assert.deepEqual(lane.drops(), { foreignSsrc: 1, authentication: 1 })
})

test('with its browser goes what was held of it', () => {
  for (const kind of ['removeWebrtcPeer', 'removePeer'] as const) {
    const lane = makeLane()
    lane.packets(1, video(7))
    lane.command({ kind, peer: 1 })
    assert.deepEqual(lane.drops(), { foreignSsrc: 1 })
  }
})
