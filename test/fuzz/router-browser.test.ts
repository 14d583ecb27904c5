// Fuzz: a lane with WebRTC clients that receives arbitrary datagrams. It never throws and sends only to verified addresses.
import assert from 'node:assert/strict'
import type { RtpMappingDescription } from '@parley/core'
import { encodeRtp } from '@parley/protocol'
import { checkOf, home, PlainLane, sealed, ssrcOf, unhex } from '../../packages/core/src/testing/plain-lane.ts'
import { fuzz } from './harness.ts'

const RTX = 97
const MAPPING: RtpMappingDescription = {
  payloadTypes: [
    [120, 111],
    [105, 96],
    [106, RTX],
  ],
  extensions: { audioLevel: 1, videoOrientation: 13, playoutDelay: 5, transportSequence: 3, rid: 10, repairedRid: 11 },
}
const PEERS = [1, 2]
const ownOf = (peer: number) => 0xaa00_0000 + peer * 4
const u32 = (value: number) => value.toString(16).padStart(8, '0')

const lane = new PlainLane()
for (const peer of PEERS) {
  lane.connectWebrtcPeer(peer, MAPPING)
  lane.listen(peer)
  lane.routeAudio(peer)
  lane.routeVideo(peer, ownOf(peer) + 1)
  lane.command({ kind: 'mapSsrc', peer, clientSsrc: ownOf(peer), ssrc: ssrcOf(peer) })
}
lane.io.take()

/** Maps the camera to a previously unknown SSRC, then back. */
function announce(peer: number): void {
  for (const offset of [3, 1])
    lane.command({ kind: 'mapSsrc', peer, clientSsrc: ownOf(peer) + offset, ssrc: ssrcOf(peer) + 1 })
}

const elements = Uint8Array.of(0x10, 0xb2, 0x31, 0, 9, 0xd0, 1, 0)
const rtp = (peer: number, offset: number, payloadType: number, sequence: number) =>
  encodeRtp({
    ...{
      payloadType,
      sequence,
      timestamp: sequence * 960,
      ssrc: ownOf(peer) + offset,
      payload: new Uint8Array(20).fill(7),
    },
    extension: { profile: 0xbede, elements },
  })

fuzz('a lane with WebRTC clients keeps its invariants on arbitrary datagrams', {
  covers: [
    'core/media/ingress.ts',
    'core/media/webrtc/ice.ts',
    'core/media/rtcp-input.ts',
    'core/media/webrtc/webrtc-peers.ts',
  ],
  corpus: [
    ...PEERS.flatMap(peer => [
      checkOf(peer),
      sealed(peer, rtp(peer, 0, 111, 5)),
      sealed(peer, rtp(peer, 1, 96, 9)),
      sealed(peer, rtp(peer, 2, RTX, 3)),
      sealed(peer, rtp(peer, 3, 96, 3)),
      sealed(peer, unhex(`81cd0003${u32(1)}${u32(ssrcOf(3 - peer) + 1)}00090005`)),
      sealed(peer, unhex(`81ce0002${u32(1)}${u32(ssrcOf(3 - peer) + 1)}`)),
      sealed(peer, unhex(`80c80006${u32(ownOf(peer))}${'00'.repeat(20)}`)),
      // Transport-wide feedback: packets 0 to 19 are missing.
      sealed(peer, unhex(`8fcd0005${u32(1)}${u32(ssrcOf(3 - peer) + 1)}000000140000010000140000`)),
    ]),
    Uint8Array.from([22, 0xfe, 0xff, ...new Array(40).fill(1)]),
  ],
  run(bytes) {
    const answered = lane.receive(home((bytes[5] ?? 0) & 3), bytes)
    // Occasionally the gateway announces another SSRC, which releases its held packets.
    if ((bytes[6] ?? 0) === 9) announce(1 + ((bytes[7] ?? 0) & 1))
    for (const { peer, bytes: sent } of [...answered, ...lane.wait(3)]) {
      assert.ok(peer === 0 || PEERS.includes(peer))
      // The lane's own probes are padding, in packets of RTX.
      const isProbe = (sent[1]! & 0x7f) === RTX
      const isRtcp = sent[1]! >= 192 && sent[1]! <= 223
      if (peer !== 0 && !isRtcp && !isProbe) assert.equal(sent[0]! & 0x2f, 0, 'padding or CSRCs left')
    }
    for (const event of lane.events()) if (event.kind === 'datagram') assert.ok(PEERS.includes(event.peer))
    const { peers, routes, webrtcPeers, webrtcAddresses } = lane.router.inspect()
    assert.deepEqual([peers, routes, webrtcPeers], [2, 4, 2])
    assert.ok(webrtcAddresses <= 8)
    assert.ok(!Number.isNaN(lane.router.deadline), 'the lane would not wait')
  },
})
