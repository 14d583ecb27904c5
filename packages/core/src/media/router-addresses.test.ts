// Which address media is sent to: what binds a client's address, what moves it, and what an attacker can and cannot do.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeDiscoveryRequest, encodeReceiverReport, encodeRtp } from '@parley/protocol'
import fc from 'fast-check'
import type { RtpMappingDescription } from '../lane/commands.ts'
import { LIMITS } from '../limits.ts'
import { home, PlainLane, sealed, sealedWith, ssrcOf } from '../testing/plain-lane.ts'

const WEBRTC: RtpMappingDescription = { payloadTypes: [[120, 111]], extensions: {} }
/** Of the member that listens, and of its WebSocket. */
const VICTIM = '203.0.113.5'
const PING = Uint8Array.of(0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 1)
const KEEPALIVE = Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0)
const { addressProof, addressSweep } = LIMITS

const opus = (peer: number, sequence: number) =>
  encodeRtp({ payloadType: 120, sequence, timestamp: sequence * 960, ssrc: ssrcOf(peer), payload: Uint8Array.of(1, 2) })
const report = (peer: number) => encodeReceiverReport(ssrcOf(peer), [])

/** Client 1 speaks; client 2 listens and sends nothing but discovery. Its WebSocket comes from VICTIM. */
class Scene extends PlainLane {
  #sequence = 0
  nonce = 1

  constructor(sessionIp = VICTIM) {
    super()
    this.connectNative(1)
    this.addPeer(2)
    this.command({ kind: 'setSessionIp', peer: 2, ip: sessionIp })
    this.listen(1, 2)
    this.routeAudio(1, 2)
  }

  discover(from: string, peer = 2): void {
    this.receive(from, encodeDiscoveryRequest(ssrcOf(peer)))
  }

  /** Discovery and Select Protocol, as libraries do it. */
  join(from: string): void {
    this.discover(from)
    this.protectNative(2, from)
    this.events()
  }

  /** Where client 2 was bound to since the last call. */
  bound(): string[] {
    return this.events().flatMap(event =>
      event.kind === 'addressBound' && event.peer === 2 ? [`${event.address.ip} ${event.address.port}`] : [],
    )
  }

  /** Whether client 2 is sent what client 1 says. */
  isSent(): boolean {
    return this.packets(1, opus(1, ++this.#sequence)).some(({ peer }) => peer === 2)
  }

  /** A sealed report of client 2, under its next nonce. */
  reportFrom(from: string): void {
    this.receive(from, sealedWith(this.nonce++, 2, report(2)))
  }
}

test('discovery does not move a listener that Select Protocol bound, from its own IP or another', () => {
  const scene = new Scene()
  scene.join(`${VICTIM} 5000`)
  for (const from of [`${VICTIM} 6000`, '198.51.100.9 5000']) scene.discover(from)
  scene.receive(`${VICTIM} 6000`, PING, KEEPALIVE)
  assert.deepEqual(scene.bound(), [])
  assert.ok(scene.isSent())
})

test('Select Protocol moves a listener to the address it names, and to no other candidate', () => {
  const scene = new Scene()
  scene.join(`${VICTIM} 5000`)
  scene.discover(`${VICTIM} 6000`)
  scene.discover('198.51.100.9 1')
  scene.protectNative(2, `${VICTIM} 6000`)
  assert.deepEqual(scene.bound(), [`${VICTIM} 6000`])
  scene.protectNative(2, `${VICTIM} 7000`)
  assert.deepEqual(scene.bound(), [])
})

test('a listener that asks for discovery only after Select Protocol receives at the address it claimed', () => {
  const scene = new Scene()
  scene.protectNative(2, `${VICTIM} 5000`)
  assert.ok(!scene.isSent())
  scene.discover(`${VICTIM} 5000`)
  assert.deepEqual(scene.bound(), [`${VICTIM} 5000`])
  assert.ok(scene.isSent())
  scene.discover(`${VICTIM} 6000`)
  assert.deepEqual(scene.bound(), [])
})

test('a wrong claim binds a candidate in the network of the WebSocket, until the claim or a packet corrects it', () => {
  const scene = new Scene()
  scene.discover(`${VICTIM} 5000`)
  scene.discover('198.51.100.9 1')
  scene.protectNative(2, '0.0.0.0 5000')
  assert.deepEqual(scene.bound(), [`${VICTIM} 5000`])
  scene.discover('198.51.100.9 1')
  assert.deepEqual(scene.bound(), [])
  scene.receive('192.0.2.77 9', sealed(2, opus(2, 1)))
  assert.deepEqual(scene.bound(), ['192.0.2.77 9'])
  scene.discover(`${VICTIM} 5000`)
  assert.deepEqual(scene.bound(), [])
})

test('forged discovery requests cannot push the address of a joining client out of the candidates', () => {
  const scene = new Scene()
  scene.discover(`${VICTIM} 5000`)
  for (let port = 1; port <= 10 * LIMITS.addressCandidates; port++) scene.discover(`198.51.100.9 ${port}`)
  scene.protectNative(2, `${VICTIM} 5000`)
  assert.deepEqual(scene.bound(), [`${VICTIM} 5000`])
})

test('a silent listener whose NAT gives it another port receives again after its next report', () => {
  const scene = new Scene()
  scene.join(`${VICTIM} 5000`)
  for (let count = 0; count < 4; count++) {
    scene.reportFrom(`${VICTIM} 5000`)
    scene.now += 5_000
  }
  scene.reportFrom(`${VICTIM} 6000`)
  assert.deepEqual(scene.bound(), [`${VICTIM} 6000`])
  scene.receive('198.51.100.9 5000', sealedWith(2, 2, report(2)))
  assert.deepEqual(scene.bound(), [], 'a recorded report moves nothing')
})

test('an address outside the network of the WebSocket is sent to only while datagrams arrive from it', () => {
  for (const [name, sign] of [
    ['ping', PING],
    ['keepalive', KEEPALIVE],
    ['discovery', encodeDiscoveryRequest(ssrcOf(2))],
    ['packet', sealed(2, opus(2, 7))],
  ] as const) {
    const scene = new Scene()
    scene.join('198.51.100.9 5000')
    scene.wait(addressProof - 1)
    assert.ok(scene.isSent(), name)
    scene.wait(addressSweep)
    assert.ok(!scene.isSent(), name)
    assert.deepEqual(scene.drops(), { noAddress: 1 })
    scene.receive(home(1), PING)
    assert.ok(!scene.isSent(), name)
    scene.receive('198.51.100.9 5000', sign)
    assert.deepEqual(scene.bound(), ['198.51.100.9 5000'], name)
    for (let time = 0; time < 3 * addressProof; time += addressSweep) {
      if (time % (addressProof / 2) === 0) scene.receive('198.51.100.9 5000', PING)
      scene.wait(addressSweep)
      assert.ok(scene.isSent(), name)
    }
  }
})

test('an address of the WebSocket’s own network needs no proof, nor one behind a proxy whose clients are unknown', () => {
  for (const [sessionIp, from] of [
    [VICTIM, `${VICTIM} 5000`],
    ['2001:db8:1:2::5', '2001:db8:1:2:ffff::9'],
    ['127.0.0.1', `${VICTIM} 5000`],
    ['::1', `${VICTIM} 5000`],
    ['172.17.0.1', `${VICTIM} 5000`],
    ['fd00::1', `${VICTIM} 5000`],
    ['no address', `${VICTIM} 5000`],
  ] as const) {
    const scene = new Scene(sessionIp)
    scene.join(from.includes(' ') ? from : `${from} 5000`)
    for (let time = 0; time < 4 * addressProof; time += addressSweep) scene.wait(addressSweep)
    assert.ok(scene.isSent(), sessionIp)
  }
})

test('a session that is resumed from another network starts to owe proof, and one that returns stops', () => {
  const scene = new Scene()
  scene.join(`${VICTIM} 5000`)
  scene.command({ kind: 'setSessionIp', peer: 2, ip: '198.51.100.9' })
  scene.wait(addressSweep)
  scene.wait(addressProof)
  assert.ok(!scene.isSent())
  scene.command({ kind: 'setSessionIp', peer: 2, ip: VICTIM })
  assert.ok(scene.isSent())
  for (let time = 0; time < 2 * addressProof; time += addressSweep) scene.wait(addressSweep)
  assert.ok(scene.isSent())
  scene.command({ kind: 'removePeer', peer: 2 })
  assert.equal(scene.router.inspect().addresses, 1)
})

test('once the last peer outside its WebSocket’s network is removed, the lane has no deadline', () => {
  const scene = new Scene()
  scene.join('198.51.100.9 5000')
  assert.notEqual(scene.router.deadline, Infinity)
  scene.command({ kind: 'removePeer', peer: 2 })
  assert.equal(scene.router.deadline, Infinity)
})

test('a claim with a forged discovery takes no address from a client that uses it', () => {
  const scene = new Scene()
  scene.join(`${VICTIM} 5000`)
  scene.receive(`${VICTIM} 5000`, KEEPALIVE)
  scene.addPeer(3)
  scene.discover(`${VICTIM} 5000`, 3)
  scene.protectNative(3, `${VICTIM} 5000`)
  assert.deepEqual(
    scene.events().filter(event => event.kind === 'addressBound'),
    [],
  )
  assert.equal(scene.receive(`${VICTIM} 5000`, KEEPALIVE).length, 1)
})

test('a genuine check with a forged source takes neither the address of a WebRTC client nor that of a Discord client', () => {
  const lane = new PlainLane()
  for (const peer of [1, 2]) lane.connectWebrtcPeer(peer, WEBRTC)
  lane.connectNative(3)
  lane.listen(1, 2, 3)
  lane.routeAudio(1, 2, 3)
  lane.events()
  assert.deepEqual(lane.check(2, home(1)), [])
  assert.deepEqual(lane.check(2, home(3)), [])
  assert.deepEqual(lane.drops(), { addressInUse: 2 })
  const fromBrowser = encodeRtp({ payloadType: 111, sequence: 1, timestamp: 1, ssrc: 77, payload: Uint8Array.of(1) })
  assert.equal(lane.packets(1, fromBrowser).length, 2)
  assert.equal(lane.packets(3, opus(3, 1)).length, 2)
})

test('the address of a WebRTC client that sends no checks may be used by the next one', () => {
  const lane = new PlainLane()
  for (const peer of [1, 2]) lane.connectWebrtcPeer(peer, WEBRTC)
  lane.now += LIMITS.consentTimeout + 1
  assert.equal(lane.check(2, home(1)).length, 1)
})

test('checks from one address of a WebRTC client do not keep media flowing to another one', () => {
  const lane = new PlainLane()
  for (const peer of [1, 2]) lane.connectWebrtcPeer(peer, WEBRTC)
  lane.events()
  lane.check(1, '198.51.100.9 9')
  assert.deepEqual(lane.events(), [{ kind: 'addressBound', peer: 1, address: { ip: '198.51.100.9', port: 9 } }])
  for (let time = 0; time <= LIMITS.consentTimeout + LIMITS.consentSweep; time += 1_000) {
    lane.check(1, home(1), false)
    lane.check(2)
    lane.wait(1_000)
  }
  assert.deepEqual(lane.events(), [{ kind: 'addressBound', peer: 1, address: { ip: '10.0.0.1', port: 5000 } }])
})

test('whatever unauthenticated datagrams arrive, a listener stays where Select Protocol bound it', () => {
  const address = fc.tuple(fc.constantFrom(VICTIM, '198.51.100.9', '10.0.0.1'), fc.integer({ min: 1, max: 6 }))
  const datagram = fc.constantFrom(
    encodeDiscoveryRequest(ssrcOf(2)),
    encodeDiscoveryRequest(ssrcOf(1)),
    PING,
    KEEPALIVE,
    sealed(9, opus(2, 5)),
    sealed(9, report(2)),
  )
  const step = fc.record({ address, datagram, wait: fc.nat(20_000) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), steps => {
      const scene = new Scene()
      scene.join(`${VICTIM} 5000`)
      for (const {
        address: [ip, port],
        datagram: bytes,
        wait,
      } of steps) {
        scene.receive(`${ip} ${port}`, bytes)
        scene.wait(wait)
      }
      assert.deepEqual(scene.bound(), [])
      assert.ok(scene.isSent())
    }),
  )
})
