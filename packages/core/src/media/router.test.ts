// A lane without its socket: routing, causes of drops, and cleanup.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtcp, encodeDiscoveryRequest, encodeReceiverReport, encodeRtp, type RtpPacket } from '@parley/protocol'
import { hex, home, laneOf, sealed, ssrcOf, TARGETS } from '../testing/plain-lane.ts'

const opus = (peer: number, sequence: number, more: Partial<RtpPacket> = {}) =>
  encodeRtp({
    payloadType: 120,
    sequence,
    timestamp: sequence * 960,
    ssrc: ssrcOf(peer),
    payload: Uint8Array.of(1, 2, 3, 4),
    ...more,
  })

test('a packet is forwarded to every target but its sender, and the first one emits an event', () => {
  const lane = laneOf(1, 2, 3)
  const sent = lane.receive(home(1), sealed(1, opus(1, 7)))
  assert.deepEqual(
    sent.map(({ peer, bytes }) => [peer, hex(bytes)]),
    [
      [2, hex(opus(1, 7))],
      [3, hex(opus(1, 7))],
    ],
  )
  assert.deepEqual(lane.router.takeEvents(), [{ kind: 'firstPacket', peer: 1, ssrc: ssrcOf(1) }])
  lane.receive(home(1), sealed(1, opus(1, 8)))
  assert.deepEqual(lane.router.takeEvents(), [])
})

test('frames sealed by DAVE, and only those, are not forwarded to peers that refuse them', () => {
  const lane = laneOf(1, 2, 3)
  lane.command({ kind: 'refuseSealed', peer: 2 })
  const tail = [1, 2, 3, 4, 5, 6, 7, 8, 0, 0x0c, 0xfa, 0xfa]
  const packets = [
    opus(1, 7, { payload: Uint8Array.of(9, ...tail) }),
    opus(1, 8),
    opus(1, 9, { payload: Uint8Array.of(0xf8, 0xff, 0xfe) }),
  ]
  const sent = lane.receive(home(1), ...packets.map(packet => sealed(1, packet)))
  const receivedBy = (peer: number) => sent.filter(each => each.peer === peer).map(({ bytes }) => hex(bytes))
  assert.deepEqual(receivedBy(2), packets.slice(1).map(hex))
  assert.deepEqual(receivedBy(3), packets.map(hex))
  assert.deepEqual(lane.drops(), { sealed: 1 })
  lane.command({ kind: 'removePeer', peer: 2 })
  assert.equal(lane.router.inspect().targets, 2)
})

test('the extension of audio is forwarded; marker, padding and CSRCs are removed', () => {
  const lane = laneOf(1, 2)
  const extension = { profile: 0xbede, elements: Uint8Array.of(0x10, 0xb2, 0x90, 4) }
  const packet = opus(1, 7, { marker: true, padding: 3, csrcs: [7, 8], extension })
  const [sent] = lane.receive(home(1), sealed(1, packet))
  assert.equal(hex(sent?.bytes), hex(opus(1, 7, { extension })))
})

test('every drop is counted under its cause', () => {
  const lane = laneOf(1, 2)
  lane.addPeer(3)
  const good = opus(1, 1)
  const expect = (from: string, bytes: Uint8Array, cause: string) => {
    const before = lane.drops()
    assert.deepEqual(lane.receive(from, bytes), [], cause)
    const after = lane.drops()
    assert.deepEqual(after, { ...before, [cause]: (before[cause] ?? 0) + 1 })
  }
  expect(home(1), new Uint8Array(2049).fill(0x80), 'oversize')
  expect(home(1), new Uint8Array(100).fill(0x40), 'unclassified')
  expect('10.9.9.9 1', sealed(1, opus(77, 1)), 'unknownSender')
  expect(home(1), sealed(1, opus(77, 1)), 'foreignSsrc')
  expect(home(2), sealed(2, good), 'foreignSsrc')
  expect(home(3), sealed(3, opus(3, 1)), 'unprotected')
  expect(home(1), sealed(9, good), 'authentication')
  lane.receive(home(1), sealed(1, good))
  expect(home(1), sealed(1, good), 'replayed')
  expect(home(1), sealed(1, opus(1, 2, { payloadType: 100 })), 'malformed')
  expect(home(1), sealed(1, opus(1, 3, { payload: new Uint8Array(0) })), 'malformed')
  const lying = opus(1, 4)
  lying[0] = 0xa0
  expect(home(1), sealed(1, lying), 'malformed')
  expect(home(1), sealed(1, encodeRtp({ ...rtpDefaults, ssrc: ssrcOf(1) + 1 })), 'noRoute')
  lane.command({ kind: 'removeTarget', targets: TARGETS, peer: 2 })
  expect(home(1), sealed(1, opus(1, 5)), 'noRoute')
})
const rtpDefaults: RtpPacket = { payloadType: 101, sequence: 1, timestamp: 0, ssrc: 0, payload: Uint8Array.of(1) }

test('a packet that fails authentication does not consume its sequence', () => {
  const lane = laneOf(1, 2)
  lane.receive(home(1), sealed(9, opus(1, 1)))
  assert.equal(lane.receive(home(1), sealed(1, opus(1, 1))).length, 1)
})

test('video keeps its marker and its payload type', () => {
  const lane = laneOf(1, 2)
  lane.command({ kind: 'setRoute', ssrc: ssrcOf(1) + 1, owner: 1, media: 'video', targets: TARGETS })
  const frame = encodeRtp({ ...rtpDefaults, ssrc: ssrcOf(1) + 1, marker: true })
  assert.equal(hex(lane.receive(home(1), sealed(1, frame))[0]?.bytes), hex(frame))
})

test('discovery is answered with the source address, for known SSRCs only, and rate-limited', () => {
  const lane = laneOf(1)
  const request = encodeDiscoveryRequest(ssrcOf(1))
  const [reply] = lane.receive('203.0.113.77 50123', request)
  assert.equal(
    hex(reply?.bytes),
    `00020046000003f0${Buffer.from('203.0.113.77').toString('hex')}${'00'.repeat(52)}c3cb`,
  )
  assert.deepEqual(lane.receive('203.0.113.77 50123', encodeDiscoveryRequest(ssrcOf(1) + 1)), [])
  assert.deepEqual(lane.receive('203.0.113.77 50123', encodeDiscoveryRequest(5)), [])
  for (let count = 1; count < 20; count++) assert.equal(lane.receive('203.0.113.77 50123', request).length, 1)
  assert.deepEqual(lane.receive('203.0.113.77 50123', request), [])
  assert.equal(lane.receive('203.0.113.77 50124', request).length, 1)
  assert.deepEqual(lane.drops(), { unknownSender: 2, rateLimited: 1 })
})

test('a ping is answered with its sequence and an old discord.js keepalive is echoed; other keepalives are not answered', () => {
  const lane = laneOf(1)
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
  const reply = (from: string, text: string) => hex(lane.receive(from, bytes(text))[0]?.bytes)
  assert.equal(reply('10.9.9.9 1', '1337cafe8000002a'), '1337f00d8000002a')
  assert.equal(reply(home(1), '0500000000000000'), '0500000000000000')
  assert.equal(reply('10.9.9.9 1', '0500000000000000'), '')
  assert.equal(reply(home(1), '0000000000000005'), '')
  assert.equal(reply(home(1), '0000000000000000'), '')
  assert.equal(reply(home(1), '000003f000000000'), '')
  assert.equal(reply(home(1), 'c90000000000000000'), '')
  assert.equal(reply(home(1), '000003f0'), '')
})

test('nothing is sent to a peer before Select Protocol or without a verified address', () => {
  const lane = laneOf(1, 2)
  lane.addPeer(3)
  lane.listen(3)
  lane.receive(home(3), encodeDiscoveryRequest(ssrcOf(3)))
  assert.deepEqual(
    lane.receive(home(1), sealed(1, opus(1, 1))).map(({ peer }) => peer),
    [2],
  )
  lane.addPeer(4)
  lane.protectNative(4, home(4))
  lane.listen(4)
  assert.deepEqual(
    lane.receive(home(1), sealed(1, opus(1, 2))).map(({ peer }) => peer),
    [2],
  )
  assert.deepEqual(lane.drops(), { noAddress: 3 })
})

test('of several addresses that sent discovery requests, the claimed one is bound, otherwise the latest', () => {
  const lane = laneOf()
  const ask = (peer: number, port: number) => lane.receive(`10.0.0.1 ${port}`, encodeDiscoveryRequest(ssrcOf(peer)))
  lane.addPeer(1)
  lane.addPeer(2)
  for (const port of [11, 12, 13]) ask(1, port)
  for (const port of [21, 22, 23, 21]) ask(2, port)
  lane.protectNative(1, '10.0.0.1 12')
  lane.protectNative(2, '10.0.0.1 99')
  assert.deepEqual(lane.router.takeEvents(), [
    { kind: 'addressBound', peer: 1, address: { ip: '10.0.0.1', port: 12 } },
    { kind: 'addressBound', peer: 2, address: { ip: '10.0.0.1', port: 21 } },
  ])
})

test('an authenticated packet from another address moves its peer at once and is forwarded', () => {
  const lane = laneOf(1, 2)
  assert.equal(lane.receive('192.0.2.9 7', sealed(1, opus(1, 1))).length, 1)
  assert.deepEqual(lane.router.takeEvents(), [
    { kind: 'firstPacket', peer: 1, ssrc: ssrcOf(1) },
    { kind: 'addressBound', peer: 1, address: { ip: '192.0.2.9', port: 7 } },
  ])
  assert.equal(lane.router.inspect().addresses, 2)
})

test('replayed packets, keepalives and pings do not move a peer', () => {
  const lane = laneOf(1, 2)
  lane.receive(home(1), sealed(1, opus(1, 1)))
  lane.router.takeEvents()
  lane.receive('192.0.2.9 7', sealed(1, opus(1, 1)))
  lane.receive('192.0.2.9 7', Uint8Array.of(0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 1), new Uint8Array(8))
  assert.deepEqual(lane.router.takeEvents(), [])
})

test('RTCP moves a peer only after its bound address has been silent', () => {
  const lane = laneOf(1, 2)
  const report = sealed(1, encodeReceiverReport(ssrcOf(1), []).slice())
  const longer = sealed(1, encodeReceiverReport(ssrcOf(1), [block(5)]))
  lane.receive(home(1), sealed(1, opus(1, 1)))
  lane.router.takeEvents()
  lane.receive('192.0.2.9 7', longer, report)
  assert.deepEqual(lane.router.takeEvents(), [])
  lane.wait(5_000)
  lane.receive('192.0.2.9 7', longer)
  assert.equal(lane.router.takeEvents()[0]?.kind, 'addressBound')
})
const block = (ssrc: number) => ({
  ssrc,
  fractionLost: 0,
  packetsLost: 0,
  highestSequence: 0,
  jitter: 0,
  lastSenderReport: 0,
  delay: 0,
})

test('an address with many authentication failures is ignored for a while, except the bound address of the peer', () => {
  const lane = laneOf(1, 2)
  for (let count = 0; count <= 100; count++) lane.receive('10.9.9.9 1', sealed(9, opus(1, 1)))
  assert.deepEqual(lane.receive('10.9.9.9 2', sealed(1, opus(1, 1))), [])
  assert.deepEqual(lane.drops(), { authentication: 101, ignoredAddress: 1 })
  for (let count = 0; count <= 100; count++) lane.receive(home(1), sealed(9, opus(1, 1)))
  assert.equal(lane.receive(home(1), sealed(1, opus(1, 1))).length, 1)
  lane.wait(10_000)
  assert.equal(lane.receive('10.9.9.9 2', sealed(1, opus(1, 2))).length, 1)
})

test('a muted speaker ends with five silence frames', () => {
  const lane = laneOf(1, 2)
  lane.receive(home(1), sealed(1, opus(1, 0)))
  lane.command({ kind: 'removeRoute', ssrc: ssrcOf(1), silence: true })
  const { routes, ending, targets } = lane.router.inspect()
  assert.deepEqual([routes, ending, targets], [1, 1, 2])
  const sent = [1, 2, 3, 4, 5, 6, 7].flatMap(sequence => lane.receive(home(1), sealed(1, opus(1, sequence))))
  const silence = [1, 2, 3, 4, 5].map(sequence => opus(1, sequence, { payload: Uint8Array.of(0xf8, 0xff, 0xfe) }))
  assert.deepEqual(
    sent.map(({ bytes }) => hex(bytes)),
    silence.map(bytes => hex(bytes)),
  )
  assert.equal(lane.router.inspect().ending, 0)
})

test('a speaker who was silent when muted sends no silence frames later', () => {
  const lane = laneOf(1, 2)
  lane.command({ kind: 'removeRoute', ssrc: ssrcOf(1), silence: true })
  lane.wait(1_001)
  assert.deepEqual(lane.receive(home(1), sealed(1, opus(1, 1))), [])
  assert.equal(lane.router.inspect().ending, 0)
})

test('a route restored during its silence frames forwards at once', () => {
  const lane = laneOf(1, 2)
  lane.command({ kind: 'removeRoute', ssrc: ssrcOf(1), silence: true })
  lane.routeAudio(1)
  assert.equal(hex(lane.receive(home(1), sealed(1, opus(1, 1)))[0]?.bytes), hex(opus(1, 1)))
})

test('active senders receive a receiver report every five seconds', () => {
  const lane = laneOf(1, 2)
  assert.equal(lane.router.deadline, Infinity)
  for (const sequence of [1, 2, 4]) lane.receive(home(1), sealed(1, opus(1, sequence)))
  assert.equal(lane.router.deadline, 6_000)
  assert.deepEqual(lane.wait(4_999), [])
  const [report, ...others] = lane.wait(1)
  assert.deepEqual(others, [])
  assert.equal(report?.peer, 1)
  const [read] = decodeRtcp(report!.bytes)!
  assert.ok(read?.kind === 'receiverReport' && read.senderSsrc === 1)
  const [block] = read.blocks
  assert.deepEqual(
    [block?.ssrc, block?.packetsLost, block?.fractionLost, block?.highestSequence],
    [ssrcOf(1), 1, 64, 4],
  )
  assert.equal(lane.router.deadline, Infinity)
  assert.deepEqual(lane.wait(60_000), [])
})

test('RTCP of clients is processed and never forwarded', () => {
  const lane = laneOf(1, 2)
  const report = Buffer.from(
    `80c80006${ssrcOf(1).toString(16).padStart(8, '0')}e5c0000080000000000102030000006400001f40`,
    'hex',
  )
  assert.deepEqual(lane.receive(home(1), sealed(1, report), sealed(1, opus(1, 1))).length, 1)
  const [sent] = lane.wait(5_000)
  const [read] = decodeRtcp(sent!.bytes)!
  assert.ok(read?.kind === 'receiverReport')
  assert.deepEqual([read.blocks[0]?.lastSenderReport, read.blocks[0]?.delay], [0x0000_8000, 5 * 65_536])
})

test('a new key resets the replay window', () => {
  const lane = laneOf(1, 2)
  lane.receive(home(1), sealed(1, opus(1, 9_000)))
  lane.protectNative(1)
  assert.equal(lane.receive(home(1), sealed(1, opus(1, 1))).length, 1)
})

test('exhausted nonces emit an event', () => {
  const lane = laneOf(1, 2)
  lane.io.exhausted = [2]
  lane.receive(home(1), sealed(1, opus(1, 1)))
  assert.deepEqual(lane.router.takeEvents()[1], { kind: 'nonceExhausted', peer: 2 })
})

test('closing a target list ends its routes, and a removed peer leaves no state behind', () => {
  const lane = laneOf(1, 2, 3)
  lane.receive(home(1), sealed(1, opus(1, 1)))
  lane.command({ kind: 'removePeer', peer: 1 })
  assert.deepEqual(lane.router.inspect(), {
    peers: 2,
    addresses: 2,
    webrtcPeers: 0,
    webrtcAddresses: 0,
    reports: 0,
    videos: 0,
    viewers: 0,
    limited: 0,
    sendStreams: 0,
    talkspurts: 0,
    ssrcs: 16,
    routes: 2,
    ending: 0,
    targetLists: 1,
    targets: 2,
  })
  lane.command({ kind: 'closeTargets', targets: TARGETS })
  assert.equal(lane.router.inspect().routes, 0)
  lane.router.close()
  assert.ok(Object.values(lane.router.inspect()).every(count => count === 0))
  assert.equal(lane.io.peers, 0)
  assert.equal(lane.router.deadline, Infinity)
})
