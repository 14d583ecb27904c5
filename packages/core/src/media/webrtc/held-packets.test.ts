// Media that arrives before its SSRC is announced on the gateway: held briefly, within bounds, then dropped.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtp, encodeRtp } from '@parley/protocol'
import { again, OWN_RTX, OWN_VIDEO, RECEIVER, SENDER, VIDEO, video } from '../../../../../test/contract/video-lane.ts'
import { LIMITS } from '../../limits.ts'
import type { Sent } from '../../testing/plain-io.ts'
import { hex, home, PlainLane, sealed, ssrcOf } from '../../testing/plain-lane.ts'

/** WebRTC clients 1 and 2. Only the audio of client 1 is announced and routed. */
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

test('video that arrives before op 12 is forwarded in order once its SSRC and route are known', () => {
  const lane = makeLane()
  assert.deepEqual(lane.packets(1, video(7), video(8), video(9)), [])
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: OWN_VIDEO, ssrc: VIDEO })
  assert.deepEqual(lane.io.take(), [], 'there is no route yet')
  lane.wait(LIMITS.holdTimeout - 1)
  lane.routeVideo(1)
  const sent = lane.io.take()
  assert.deepEqual(sequences(sent), [7, 8, 9])
  assert.equal(decodeRtp(sent[0]!.bytes)!.ssrc, VIDEO)
  assert.deepEqual(sequences(lane.packets(1, video(10))), [10])
  assert.deepEqual(lane.packets(1, video(8)), [], 'a duplicate is not forwarded')
  lane.wait(LIMITS.holdTimeout)
  assert.deepEqual(lane.drops(), { replayed: 1 })
})

test('packets of SSRCs that are still unknown stay held when another becomes known', () => {
  const lane = makeLane()
  lane.packets(1, video(7), again(0, 6), video(5, { ssrc: 99 }), video(8))
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: OWN_VIDEO, ssrc: VIDEO })
  lane.routeVideo(1)
  assert.deepEqual(sequences(lane.io.take()), [7, 8])
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: OWN_RTX, ssrc: VIDEO + 1 })
  lane.wait(LIMITS.holdTimeout)
  assert.deepEqual(lane.drops(), { foreignSsrc: 1 }, 'the packet with SSRC 99')
})

test('audio on a new SSRC is forwarded from its first packet on once op 5 announces it', () => {
  const lane = makeLane()
  const opus = encodeRtp({ payloadType: 111, sequence: 3, timestamp: 9, ssrc: 77, payload: Uint8Array.of(1, 2) })
  assert.deepEqual(lane.packets(1, opus), [])
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: 77, ssrc: ssrcOf(1) })
  const [forwarded] = lane.io.take()
  assert.equal(hex(decodeRtp(forwarded!.bytes)!.payload), '0102')
})

test('held packets are limited in number, time and clients', () => {
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

test('a backend whose clients hold all that may be held leaves another its share, and its own oldest are dropped', () => {
  const lane = makeLane()
  const connect = (peer: number, backend: string) =>
    lane.connectWebrtcPeer(peer, SENDER, { backend, from: `10.0.1.${peer} 5000` })
  const early = (peer: number) => lane.receive(`10.0.1.${peer} 5000`, sealed(peer, video(7)))
  const first = 10
  const victim = first + LIMITS.holdingWebrtcPeers
  for (let peer = first; peer < victim; peer++) {
    connect(peer, 'busy')
    early(peer)
  }
  for (let peer = victim; peer <= victim + LIMITS.holdingWebrtcPeers; peer++) {
    connect(peer, 'other')
    early(peer)
  }
  const isForwarded = (peer: number) => {
    lane.routeVideo(peer)
    lane.command({ kind: 'mapSsrc', peer, clientSsrc: OWN_VIDEO, ssrc: ssrcOf(peer) + 1 })
    return sequences(lane.io.take()).length === 1
  }
  const share = LIMITS.holdingWebrtcPeers / 2
  assert.deepEqual(
    [isForwarded(first), isForwarded(first + share - 1), isForwarded(first + share), isForwarded(victim - 1)],
    [false, false, true, true],
  )
  assert.deepEqual(
    [isForwarded(victim), isForwarded(victim + share - 1), isForwarded(victim + share)],
    [true, true, false],
  )
})

test('the clients of one address hold packets for a few of them, and leave other addresses theirs', () => {
  for (const [same, other] of [
    ['192.0.2.1', '192.0.2.2'],
    ['2001:db8::', '2001:db8:0:1::'],
  ] as const) {
    const lane = makeLane()
    const early = (peer: number, from: string) => {
      lane.connectWebrtcPeer(peer, SENDER, { from })
      lane.receive(from, sealed(peer, video(7)))
      return lane.drops().foreignSsrc ?? 0
    }
    const isIpv6 = same.includes(':')
    const addressOf = (peer: number) => (isIpv6 ? `${same}${peer.toString(16)} 5000` : `${same} ${5_000 + peer}`)
    for (let peer = 10; peer < 10 + LIMITS.holdingWebrtcPeersPerAddress; peer++)
      assert.equal(early(peer, addressOf(peer)), 0, `peer ${peer}`)
    assert.equal(early(200, addressOf(200)), 1)
    assert.equal(early(201, `${other}${isIpv6 ? '1' : ''} 5000`), 1)
    lane.wait(LIMITS.holdTimeout)
    const dropped = lane.drops().foreignSsrc
    assert.equal(early(202, addressOf(202)), dropped)
  }
})

test('held packets are authenticated on release, and payload types that were not offered are not held', () => {
  const lane = makeLane()
  lane.receive(home(1), sealed(9, video(7)), sealed(1, video(8, { payloadType: 50 })), sealed(1, video(9)))
  assert.deepEqual(lane.drops(), { foreignSsrc: 1 })
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: OWN_VIDEO, ssrc: VIDEO })
  lane.routeVideo(1)
  assert.deepEqual(sequences(lane.io.take()), [9])
  assert.deepEqual(lane.drops(), { foreignSsrc: 1, authentication: 1 })
})

test('a removed client releases its held packets', () => {
  for (const kind of ['removeWebrtcPeer', 'removePeer'] as const) {
    const lane = makeLane()
    lane.packets(1, video(7))
    lane.command({ kind, peer: 1 })
    assert.deepEqual(lane.drops(), { foreignSsrc: 1 })
  }
})
