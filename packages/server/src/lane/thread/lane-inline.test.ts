// A lane on the current thread: over real sockets, and over a port in memory for tests that depend on time.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { LaneEvent, PeerId, SocketAddress } from '@parley/core'
import { decodeDiscoveryResponse, encodeDiscoveryRequest, VoiceMode } from '@parley/protocol'
import { ask, openSocket } from '../../testing/udp-socket.ts'
import { protectionReady } from '../crypto/protection.ts'
import type { DatagramPort, Destination } from '../engine/portable-engine.ts'
import { InlineLane } from './lane-inline.ts'
import { Lanes } from './lanes.ts'

/** The published GCM packet of SSRC 12345 under KEY, with nonce 1. */
const KEY = Uint8Array.from({ length: 32 }, (_, index) => index)
const OPUS = Buffer.from('807812340001020300003039bcc93334137f899b5f1e2e463bd73ba62215f700000001', 'hex')
const SSRC = 12345

async function openLane(context: TestContext) {
  const events: LaneEvent[] = []
  const lane = await InlineLane.open({ id: 3, port: 0, onEvents: taken => events.push(...taken) })
  context.after(() => lane.close())
  return { lane, events }
}

function join(lane: InlineLane, peer: PeerId, ssrc: number): void {
  lane.command({ kind: 'addPeer', peer, ssrcs: Int32Array.from({ length: 8 }, (_, index) => ssrc + index) })
}
function protect(lane: InlineLane, peer: PeerId): void {
  const protection = VoiceMode.AeadAes256GcmRtpsize
  lane.command({ kind: 'protectPeer', peer, protection, key: KEY, nonceStart: 0 })
}

test('a lane answers discovery, binds both clients and forwards a packet from one to the other', async context => {
  const { lane, events } = await openLane(context)
  const [ana, bo] = await Promise.all([openSocket(context), openSocket(context)])
  join(lane, 1, SSRC)
  join(lane, 2, SSRC + 8)
  const reply = await ask(ana, lane.port, encodeDiscoveryRequest(SSRC))
  assert.deepEqual(decodeDiscoveryResponse(reply), { ssrc: SSRC, ip: '127.0.0.1', port: ana.address().port })
  await ask(bo, lane.port, encodeDiscoveryRequest(SSRC + 8))
  lane.command({ kind: 'openTargets', targets: 1 })
  for (const peer of [1, 2]) {
    protect(lane, peer)
    lane.command({ kind: 'addTarget', targets: 1, peer })
  }
  lane.command({ kind: 'setRoute', ssrc: SSRC, owner: 1, media: 'audio', targets: 1 })
  ana.send(OPUS, lane.port, '127.0.0.1')
  const [received] = (await once(bo, 'message')) as [Buffer]
  assert.equal(received.toString('hex', 0, 12), OPUS.toString('hex', 0, 12))
  assert.equal(received.length, OPUS.length)
  assert.equal(received.toString('hex', received.length - 4), '80000080')
  assert.deepEqual(events, [
    { kind: 'addressBound', peer: 1, address: { ip: '127.0.0.1', port: ana.address().port } },
    { kind: 'addressBound', peer: 2, address: { ip: '127.0.0.1', port: bo.address().port } },
    { kind: 'firstPacket', peer: 1, ssrc: SSRC },
  ])
})

test('a port in use is rejected with the system’s error', async context => {
  const { lane } = await openLane(context)
  await assert.rejects(InlineLane.open({ id: 4, port: lane.port, onEvents() {} }), { code: 'EADDRINUSE' })
  await assert.rejects(InlineLane.open({ id: 4, ip: '192.0.2.1', port: 0, onEvents() {} }), { code: 'EADDRNOTAVAIL' })
})

test('a closed lane is empty, ignores commands and frees its port', async context => {
  const { lane } = await openLane(context)
  join(lane, 1, SSRC)
  await Promise.all([lane.close(), lane.close()])
  join(lane, 2, SSRC)
  assert.equal(lane.inspect().peers, 0)
  const again = await InlineLane.open({ id: 4, port: lane.port, onEvents() {} })
  await again.close()
})

test('a lane bound to one IPv4 address still answers', async context => {
  const lane = await InlineLane.open({ id: 5, ip: '127.0.0.1', port: 0, onEvents() {} })
  context.after(() => lane.close())
  const reply = await ask(await openSocket(context), lane.port, Uint8Array.of(0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 9))
  assert.equal(reply.toString('hex'), '1337f00d00000009')
})

await protectionReady()

class MemoryPort implements DatagramPort {
  readonly port = 1
  unsent = 0
  readonly failed = 0
  readonly sent: Uint8Array[] = []
  readonly offsets: number[] = []
  destination(address: SocketAddress, local: number): Destination {
    return { ...address, local }
  }
  send(bytes: Uint8Array, offset: number, length: number): void {
    this.sent.push(bytes.slice(offset, offset + length))
    this.offsets.push(offset)
  }
  async close(): Promise<void> {}
}

function memoryLane(clock: () => number) {
  const port = new MemoryPort()
  const lane = new InlineLane(port, { id: 1, port: 1, onEvents() {}, clock })
  join(lane, 1, SSRC)
  lane.receive(encodeDiscoveryRequest(SSRC), '10.0.0.1', 5)
  protect(lane, 1)
  port.sent.length = 0
  return { port, lane }
}

test('a sender gets its receiver report at the lane’s own timeout, and not before', context => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  const { port, lane } = memoryLane(() => now)
  const wait = (by: number) => {
    now += by
    context.mock.timers.tick(by)
  }
  lane.receive(OPUS, '10.0.0.1', 5)
  wait(4_999)
  assert.equal(port.sent.length, 0)
  wait(1)
  assert.equal(port.sent.length, 1)
  assert.equal(port.sent[0]![1], 201)
  wait(60_000)
  assert.equal(port.sent.length, 1)
})

test('after a stall a lane reads datagrams before its deadlines', context => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  const { port, lane } = memoryLane(() => now)
  lane.receive(OPUS, '10.0.0.1', 5)
  now += 60_000
  context.mock.timers.tick(5_000)
  assert.equal(port.sent.length, 0)
  lane.receive(encodeDiscoveryRequest(SSRC), '10.0.0.1', 5)
  now += 100
  context.mock.timers.tick(100)
  assert.deepEqual(
    port.sent.map(bytes => bytes[1]),
    [2, 201],
  )
})

test('datagrams in progress are not overwritten, and above a limit datagrams are dropped', () => {
  const { port, lane } = memoryLane(() => 0)
  const ping = () => lane.receive(Uint8Array.of(0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 9), '10.0.0.2', 5)
  port.offsets.length = 0
  ping()
  ping()
  assert.deepEqual(port.offsets, [0, 0])
  for (port.unsent = 1; port.unsent < 4; port.unsent++) ping()
  assert.equal(new Set(port.offsets).size, 4)
  port.unsent = 2_000
  ping()
  assert.equal(port.offsets.length, 5)
  port.unsent = 0
  ping()
  assert.equal(port.offsets.at(-1), 0)
})

test('a datagram without a valid source address is ignored', () => {
  const { port, lane } = memoryLane(() => 0)
  lane.receive(Uint8Array.of(0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 9), 'localhost', 5)
  assert.equal(port.sent.length, 0)
})

test('a lane whose deadline is not a number is not ticked without end', context => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  let readings = 0
  const { lane } = memoryLane(() => {
    readings++
    const reading = now
    now = 0
    return reading
  })
  const ice = { localUfrag: 'node', remoteUfrag: 'client', password: KEY }
  now = Number.NaN
  lane.command({ kind: 'addWebrtcPeer', peer: 1, ice, mapping: { payloadTypes: [], extensions: {} } })
  readings = 0
  for (let passed = 0; passed < 100; passed++) context.mock.timers.tick(1)
  assert.equal(readings, 0)
})

test('a lane that fails at an input ends, and says why; without a listener the failure is an exception', async context => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const inputs: Record<string, (lane: InlineLane) => void> = {
    command: lane => join(lane, 2, SSRC + 8),
    datagram: lane => lane.receive(OPUS, '10.0.0.1', 5),
    timeout: () => context.mock.timers.tick(60_000),
  }
  for (const [name, input] of Object.entries(inputs))
    for (const isHeard of [true, false]) {
      let clock = () => 0
      const lost: string[] = []
      const onLost = isHeard ? (reason: string) => void lost.push(reason) : undefined
      const lane = new InlineLane(new MemoryPort(), { id: 1, port: 1, onEvents() {}, clock: () => clock(), onLost })
      join(lane, 1, SSRC)
      lane.receive(encodeDiscoveryRequest(SSRC), '10.0.0.1', 5)
      protect(lane, 1)
      lane.receive(OPUS, '10.0.0.1', 5)
      clock = () => {
        throw new Error('no time')
      }
      if (isHeard) assert.doesNotThrow(() => input(lane), name)
      else assert.throws(() => input(lane), /no time/, name)
      clock = () => 1
      await Promise.resolve()
      assert.equal(lost.length, isHeard ? 1 : 0, name)
      if (isHeard) assert.match(lost[0]!, /^Error: no time\n/)
      context.mock.timers.reset()
      context.mock.timers.enable({ apis: ['setTimeout'] })
    }
})

test('a lane on the main thread that fails is replaced on its port', async context => {
  const story: string[] = []
  let isReplaced: (port: number) => void = () => {}
  const replaced = new Promise<number>(resolve => {
    isReplaced = resolve
  })
  const observer = {
    laneEvents() {},
    laneMissing() {},
    laneLost: (lane: number, reason: string) => void story.push(`${lane} lost: ${reason.split('\n')[0]}`),
    laneReplaced: (_lane: number, port: number) => isReplaced(port),
  }
  const lanes = await Lanes.open({ engine: 'portable', count: 0, ip: '127.0.0.1', port: 0 }, observer)
  context.after(() => lanes.close())
  const { port } = lanes.all[0]!
  lanes.command(0, { kind: 'addPeer', peer: 1, ssrcs: undefined as unknown as Int32Array })
  assert.equal(await replaced, port)
  assert.match(story.join(), /^0 lost: TypeError: /)
  assert.equal(lanes.lost, 0)
  const reply = await ask(await openSocket(context), port, Uint8Array.of(0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 9))
  assert.equal(reply.toString('hex'), '1337f00d00000009')
})
