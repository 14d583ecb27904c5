// WebRTC clients on a lane: ICE checks verify addresses, and SSRCs and RTP mappings are translated in both directions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeRtcp,
  decodeRtp,
  encodeDiscoveryRequest,
  encodeRtp,
  encodeStunRequest,
  type RtpPacket,
} from '@parley/protocol'
import type { RtpMappingDescription } from '../lane/commands.ts'
import { LIMITS } from '../limits.ts'
import { PlainIo } from '../testing/plain-io.ts'
import {
  checkOf as check,
  hex,
  home,
  iceOf,
  PASSWORD,
  PlainLane,
  sealed,
  ssrcOf,
  stunMac,
} from '../testing/plain-lane.ts'
import { Router } from './router.ts'

const CHROMIUM: RtpMappingDescription = {
  payloadTypes: [[120, 111]],
  extensions: { audioLevel: 1, videoOrientation: 13, playoutDelay: 5, transportSequence: 3 },
}
const FIREFOX: RtpMappingDescription = { payloadTypes: [[120, 109]], extensions: { audioLevel: 7 } }
const OWN = 0xdead_beef
const opus = (sequence: number, more: Partial<RtpPacket> = {}) =>
  encodeRtp({ payloadType: 111, sequence, timestamp: 1, ssrc: OWN, payload: Uint8Array.of(1, 2, 3), ...more })

/** A lane with a WebRTC client without a verified address. */
function oneBrowser() {
  const lane = new PlainLane()
  lane.addWebrtcPeer(1, CHROMIUM)
  lane.listen(1)
  lane.routeAudio(1)
  return lane
}

/** A lane with two connected WebRTC clients; the second is Firefox. */
function twoBrowsers() {
  const lane = new PlainLane()
  lane.connectWebrtcPeer(1, CHROMIUM)
  lane.connectWebrtcPeer(2, FIREFOX)
  lane.listen(1, 2)
  lane.routeAudio(1, 2)
  lane.events()
  return lane
}

function addNative(lane: PlainLane, peer: number) {
  lane.connectNative(peer)
  lane.listen(peer)
  lane.routeAudio(peer)
}

test('an authentic check is answered and binds the address; DTLS from it is passed up, and its response is sent', () => {
  const lane = oneBrowser()
  const [answer] = lane.check(1)
  assert.equal(hex(answer?.bytes.subarray(0, 8)), '0101002c2112a442')
  assert.deepEqual(lane.events(), [{ kind: 'addressBound', peer: 1, address: { ip: '10.0.0.1', port: 5000 } }])
  const hello = Uint8Array.from([22, 0xfe, 0xff, ...new Array(20).fill(9)])
  lane.receive(home(1), hello)
  assert.deepEqual(lane.events(), [{ kind: 'datagram', peer: 1, bytes: hello }])
  lane.command({ kind: 'sendDatagram', peer: 1, bytes: Uint8Array.of(22, 1) })
  assert.deepEqual(lane.io.take(), [{ peer: 0, bytes: Uint8Array.of(22, 1) }])
})

test('checks with a wrong password, wrong username or unknown peer are not answered and leave no state behind', () => {
  const lane = oneBrowser()
  const wrong = encodeStunRequest(
    { transaction: new Uint8Array(12), username: 'node1:cli2', useCandidate: true },
    PASSWORD,
    stunMac,
  )
  const broken = check(1)
  broken[30]! ^= 1
  for (const bytes of [check(1, true, new Uint8Array(24)), wrong, check(7), broken])
    assert.deepEqual(lane.receive('10.9.9.9 1', bytes), [])
  assert.deepEqual(lane.events(), [])
  assert.equal(lane.router.inspect().webrtcAddresses, 0)
  assert.deepEqual(lane.drops(), { authentication: 1, unknownSender: 2, malformed: 1 })
})

test('a flood of forged checks with a client’s address does not use up the rate of its own checks', () => {
  const lane = oneBrowser()
  const forged = encodeStunRequest(
    { transaction: new Uint8Array(12), username: 'other:other', useCandidate: true },
    new Uint8Array(24),
    stunMac,
  )
  for (let count = 0; count < 2 * LIMITS.checksPerSecond; count++) lane.receive(home(1), forged, forged.slice(0, 28))
  assert.equal(lane.check(1).length, 1)
  assert.equal(lane.drops().rateLimited, undefined)
})

test('checks of a client are answered up to their rate', () => {
  const lane = oneBrowser()
  let answers = 0
  for (let count = 0; count < 2 * LIMITS.checksPerSecond; count++) answers += lane.check(1).length
  assert.equal(answers, LIMITS.checksPerSecond)
})

test('a flood of ClientHellos from unverified addresses creates no events and no state', () => {
  const lane = oneBrowser()
  lane.check(1)
  lane.events()
  const before = lane.router.inspect()
  const hello = Uint8Array.from([22, 0xfe, 0xff, ...new Array(1_200).fill(9)])
  for (let host = 0; host < 2_000; host++) lane.receive(`172.16.${host >> 8}.${host & 255} 9`, hello)
  assert.deepEqual(lane.events(), [])
  assert.deepEqual(lane.router.inspect(), before)
})

test('DTLS datagrams of a WebRTC client are limited per second', () => {
  const lane = oneBrowser()
  lane.check(1)
  lane.events()
  const record = Uint8Array.from([22, 0xfe, 0xfd, ...new Array(20).fill(9)])
  for (let count = 0; count < LIMITS.dtlsPerSecond + 20; count++) lane.receive(home(1), record)
  assert.equal(lane.events().length, LIMITS.dtlsPerSecond)
})

test('packets of a WebRTC client are translated to the node SSRC and each receiver’s RTP mapping', () => {
  const lane = twoBrowsers()
  addNative(lane, 3)
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: OWN, ssrc: ssrcOf(1) })
  const elements = Uint8Array.of(0x10, 0xb2, 0x31, 0, 9, 0, 0, 0)
  const sent = lane.receive(home(1), sealed(1, opus(5, { extension: { profile: 0xbede, elements }, padding: 3 })))
  assert.deepEqual(
    sent.map(({ peer }) => peer),
    [3, 2],
  )
  const [native, firefox] = sent.map(({ bytes }) => decodeRtp(bytes)!)
  assert.equal(native!.ssrc, ssrcOf(1))
  assert.equal(native!.payloadType, 120)
  assert.equal(native!.sequence, 5)
  assert.deepEqual(native!.extension, { profile: 0xbede, elements: Uint8Array.of(0x10, 0xb2, 0, 0) })
  assert.equal(firefox!.ssrc, ssrcOf(1))
  assert.equal(firefox!.payloadType, 109)
  assert.deepEqual(firefox!.extension, { profile: 0xbede, elements: Uint8Array.of(0x70, 0xb2, 0, 0) })
  for (const packet of [native!, firefox!]) assert.equal(hex(packet.payload), '010203')
})

test('packets of a Discord client are translated to each WebRTC client’s RTP mapping, without unknown extensions', () => {
  const lane = twoBrowsers()
  addNative(lane, 3)
  const elements = Uint8Array.of(0x10, 0x55, 0x90, 4, 0x62, 1, 2, 3)
  const packet = opus(9, { ssrc: ssrcOf(3), payloadType: 120, extension: { profile: 0xbede, elements } })
  const sent = lane.receive(home(3), sealed(3, packet))
  assert.deepEqual(
    sent.map(({ peer }) => peer),
    [1, 2],
  )
  const [chromium, firefox] = sent.map(({ bytes }) => decodeRtp(bytes)!)
  assert.deepEqual([chromium!.payloadType, firefox!.payloadType], [111, 109])
  assert.equal(hex(chromium!.extension?.elements), '105552010203'.padEnd(16, '0'))
  assert.equal(hex(firefox!.extension?.elements), '70550000')
  assert.deepEqual([chromium!.sequence, chromium!.ssrc, hex(chromium!.payload)], [9, ssrcOf(3), '010203'])
})

test('a Discord client after WebRTC clients in a target list receives packets in the Discord mapping', () => {
  const lane = twoBrowsers()
  addNative(lane, 3)
  lane.command({ kind: 'refuseSealed', peer: 3 })
  const elements = Uint8Array.of(0x10, 0xb2, 0, 0)
  const sent = lane.receive(home(1), sealed(1, opus(5, { extension: { profile: 0xbede, elements } })))
  const received = new Map(sent.map(({ peer, bytes }) => [peer, decodeRtp(bytes)!]))
  assert.deepEqual([...received.keys()].sort(), [2, 3])
  assert.deepEqual([received.get(2)!.payloadType, received.get(3)!.payloadType], [109, 120])
  assert.deepEqual(received.get(3)!.extension?.elements, elements)
})

test('without a declared SSRC the first Opus source of a WebRTC client is forwarded, and no other source', () => {
  const lane = twoBrowsers()
  assert.equal(lane.receive(home(1), sealed(1, opus(1))).length, 1)
  assert.deepEqual(lane.events(), [{ kind: 'firstPacket', peer: 1, ssrc: ssrcOf(1) }])
  assert.equal(lane.receive(home(1), sealed(1, opus(1, { ssrc: 5 }))).length, 0)
  assert.equal(lane.receive(home(2), sealed(2, opus(1, { ssrc: 6, payloadType: 96 }))).length, 0)
  lane.wait(LIMITS.holdTimeout)
  assert.deepEqual(lane.drops(), { foreignSsrc: 2 })
})

test('a newly mapped SSRC replaces the previous one, whatever its sequences', () => {
  const lane = twoBrowsers()
  lane.receive(home(1), sealed(1, opus(30_000, { timestamp: 1_000_000 })))
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: 77, ssrc: ssrcOf(1) })
  assert.equal(lane.receive(home(1), sealed(1, opus(5, { ssrc: 77 }))).length, 1)
  assert.equal(lane.receive(home(1), sealed(1, opus(30_001, { timestamp: 1_000_960 }))).length, 0)
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: 78, ssrc: ssrcOf(2) })
  assert.equal(lane.receive(home(1), sealed(1, opus(5, { ssrc: 78 }))).length, 0)
})

test('replayed packets, packets with another key and packets from unverified addresses are dropped', () => {
  const lane = twoBrowsers()
  const packet = sealed(1, opus(5))
  assert.equal(lane.receive(home(1), packet).length, 1)
  assert.equal(lane.receive(home(1), packet).length, 0)
  assert.equal(lane.receive(home(1), sealed(9, opus(6))).length, 0)
  assert.equal(lane.receive('10.9.9.9 1', sealed(1, opus(7))).length, 0)
  assert.equal(lane.receive('10.9.9.9 1', sealed(1, opus(7, { ssrc: ssrcOf(1) }))).length, 0)
  assert.deepEqual(lane.drops(), { replayed: 1, authentication: 1, unknownSender: 2 })
})

test('bandwidth probes are neither forwarded nor counted as drops', () => {
  const lane = twoBrowsers()
  assert.equal(lane.receive(home(1), sealed(1, opus(5, { payload: new Uint8Array(0), padding: 200 }))).length, 0)
  assert.deepEqual(lane.drops(), {})
})

test('a nominated check moves a WebRTC client to a new address, discovery does not, and the old address stays accepted', () => {
  const lane = twoBrowsers()
  assert.equal(lane.receive('10.0.0.1 6000', encodeDiscoveryRequest(ssrcOf(1))).length, 1)
  assert.deepEqual(lane.events(), [])
  lane.check(1, '192.0.2.5 7000')
  assert.deepEqual(lane.events(), [{ kind: 'addressBound', peer: 1, address: { ip: '192.0.2.5', port: 7000 } }])
  assert.equal(lane.receive(home(1), sealed(1, opus(5))).length, 1)
  assert.equal(lane.receive('192.0.2.5 7000', sealed(1, opus(6))).length, 1)
  lane.check(1, home(1), false)
  assert.deepEqual(
    lane.events().map(({ kind }) => kind),
    ['firstPacket'],
  )
})

test('a WebRTC client without checks loses consent and receives nothing until the next check', () => {
  const lane = twoBrowsers()
  const start = lane.now
  const speak = (sequence: number) => lane.receive(home(2), sealed(2, opus(sequence, { payloadType: 109 })))
  for (lane.now = start; lane.now < start + LIMITS.consentTimeout; lane.now += 1_000) {
    lane.check(2)
    lane.router.tick(lane.now)
  }
  assert.deepEqual(lane.events(), [])
  assert.equal(speak(1).length, 1)
  lane.now += 2_000
  lane.check(2)
  lane.router.tick(lane.now)
  assert.ok(lane.events().some(event => event.kind === 'consentLost' && event.peer === 1))
  assert.equal(speak(2).length, 0)
  lane.check(1)
  assert.equal(speak(3).length, 1)
})

test('an address without checks expires', () => {
  const lane = twoBrowsers()
  lane.check(1, '192.0.2.5 7000')
  const until = lane.now + LIMITS.iceAddressLife + 2_000
  for (; lane.now < until; lane.now += 1_000) {
    lane.check(1, '192.0.2.5 7000')
    lane.router.tick(lane.now)
  }
  assert.equal(lane.receive(home(1), sealed(1, opus(5))).length, 0)
  assert.equal(lane.receive('192.0.2.5 7000', sealed(1, opus(6))).length, 0)
  lane.check(2)
  assert.equal(lane.receive('192.0.2.5 7000', sealed(1, opus(7))).length, 1)
})

test('receiver reports to a WebRTC client use its client SSRC and include its last sender report', () => {
  const lane = twoBrowsers()
  lane.receive(home(1), sealed(1, opus(5)))
  const report = Uint8Array.from([
    0x80,
    200,
    0,
    6,
    0xde,
    0xad,
    0xbe,
    0xef,
    0,
    0,
    0,
    1,
    0,
    2,
    0,
    0,
    ...new Array(12).fill(0),
  ])
  lane.receive(home(1), sealed(1, report))
  lane.now += LIMITS.receiverReportInterval
  lane.check(1)
  lane.io.take()
  lane.router.tick(lane.now)
  const sent = lane.io.take().filter(({ peer }) => peer === 1)
  assert.equal(sent.length, 1)
  const [received] = decodeRtcp(sent[0]!.bytes)!
  assert.ok(received?.kind === 'receiverReport')
  assert.equal(received.blocks[0]!.ssrc, OWN)
  assert.equal(received.blocks[0]!.lastSenderReport, 0x0001_0002)
})

test('a new offer invalidates the previous ICE credentials, keys and address', () => {
  const lane = twoBrowsers()
  lane.command({ kind: 'addWebrtcPeer', peer: 1, ice: { ...iceOf(1), localUfrag: 'new1' }, mapping: FIREFOX })
  assert.deepEqual(lane.check(1), [])
  assert.equal(lane.receive(home(2), sealed(2, opus(1, { payloadType: 109 }))).length, 0)
  const again = { transaction: new Uint8Array(12), username: 'new1:cli1', useCandidate: true }
  lane.receive(home(1), encodeStunRequest(again, PASSWORD, stunMac))
  lane.protectWebrtcPeer(1)
  const [received] = lane.receive(home(2), sealed(2, opus(2, { payloadType: 109 })))
  assert.equal(decodeRtp(received!.bytes)!.payloadType, 109)
})

test('a removed WebRTC peer neither sends nor receives, and its checks are not answered', () => {
  const lane = twoBrowsers()
  lane.command({ kind: 'removeWebrtcPeer', peer: 1 })
  assert.deepEqual(lane.check(1), [])
  assert.equal(lane.receive(home(1), sealed(1, opus(1))).length, 0)
  assert.equal(lane.receive(home(2), sealed(2, opus(1, { payloadType: 109 }))).length, 0)
})

test('a session may switch from WebRTC to UDP and back', () => {
  const lane = twoBrowsers()
  lane.protectNative(1)
  lane.receive(home(1), encodeDiscoveryRequest(ssrcOf(1)))
  lane.protectNative(1)
  const [received] = lane.receive(home(2), sealed(2, opus(1, { payloadType: 109 })))
  assert.equal(decodeRtp(received!.bytes)!.payloadType, 120)
  assert.deepEqual(lane.check(1), [])
  lane.command({ kind: 'addWebrtcPeer', peer: 1, ice: iceOf(1), mapping: CHROMIUM })
  lane.check(1)
  lane.protectWebrtcPeer(1)
  const [again] = lane.receive(home(2), sealed(2, opus(2, { payloadType: 109 })))
  assert.equal(decodeRtp(again!.bytes)!.payloadType, 111)
})

test('removed WebRTC clients leave no state behind', () => {
  const lane = twoBrowsers()
  for (const peer of [1, 2]) lane.command({ kind: 'removePeer', peer })
  lane.command({ kind: 'closeTargets', targets: 1 })
  assert.ok(Object.values(lane.router.inspect()).every(count => count === 0))
  assert.equal(lane.router.deadline, Infinity)
  assert.deepEqual(lane.check(1), [])
})

test('a lane without a STUN MAC accepts no WebRTC peers', () => {
  const io = new PlainIo()
  const router = new Router(io)
  router.command({ kind: 'addPeer', peer: 1, ssrcs: Int32Array.of(1_000) }, 0)
  router.command({ kind: 'addWebrtcPeer', peer: 1, ice: iceOf(1), mapping: CHROMIUM }, 0)
  assert.equal(router.inspect().webrtcPeers, 0)
})
