// The loop of a lane over real loopback sockets, on a clock that can jump as it does for a process that was stopped.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { PacketProtection } from '@parley/client'
import { type LaneEvent, LIMITS } from '@parley/core'
import { encodeDiscoveryRequest, encodeRtp, encodeStunRequest } from '@parley/protocol'
import { SERVER_LIMITS } from '../../limits.ts'
import { stunMac } from '../crypto/stun-mac.ts'
import { FfiEngine } from '../engine/ffi-engine.ts'
import { Native } from '../engine/native-calls.ts'
import { LaneLoop } from './lane-loop.ts'

const native = await Native.load()
const PASSWORD = new Uint8Array(24).fill(0x70)
const CHECK = encodeStunRequest(
  { transaction: new Uint8Array(12), username: 'node:client', useCandidate: true },
  PASSWORD,
  stunMac,
)
/** More than one turn reads. */
const DATAGRAMS_BEFORE_THE_CHECK = 100
const MAPPING = { payloadTypes: [], extensions: {} }

test('after a stall a lane reads every waiting datagram before consent expires', {
  skip: !native.ok && native.reason,
}, async context => {
  if (!native.ok) return
  let jumped = 0
  const clock = () => performance.now() + jumped
  const events: LaneEvent[] = []
  const engine = new FfiEngine(native.value, { ip: '127.0.0.1', port: 0 })
  const loop = new LaneLoop(engine, { onEvents: taken => events.push(...taken), clock })
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  context.after(() => {
    loop.close()
    socket.close()
  })
  await once(socket, 'listening')
  const send = (bytes: Uint8Array) =>
    new Promise<void>(resolve => socket.send(bytes, engine.socket.port, '127.0.0.1', () => resolve()))
  loop.command({ kind: 'addPeer', peer: 1, ssrcs: Int32Array.of(1, 2, 3) })
  const ice = { localUfrag: 'node', remoteUfrag: 'client', password: PASSWORD }
  loop.command({ kind: 'addWebrtcPeer', peer: 1, ice, mapping: MAPPING })
  await send(CHECK)
  while (loop.turn());
  assert.deepEqual(events, [], 'an event that is only logged waits for others')
  jumped = SERVER_LIMITS.maxLaneWait
  loop.turn()
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['addressBound'],
  )
  jumped = LIMITS.consentTimeout * 2
  for (let sent = 0; sent < DATAGRAMS_BEFORE_THE_CHECK; sent++) await send(Uint8Array.of(0xff))
  await send(CHECK)
  while (loop.turn());
  loop.turn()
  assert.deepEqual(
    events.filter(({ kind }) => kind === 'consentLost'),
    [],
  )
  jumped += LIMITS.consentTimeout * 2
  loop.turn()
  assert.equal(events.length, 1)
  loop.command({ kind: 'report' })
  assert.deepEqual(
    events.slice(1).map(({ kind }) => kind),
    ['consentLost', 'counters'],
    'an urgent event takes those before it along',
  )
})

test('a lane counts the latency of a sample of the batches that it forwards', {
  skip: !native.ok && native.reason,
}, async context => {
  if (!native.ok) return
  const events: LaneEvent[] = []
  const engine = new FfiEngine(native.value, { ip: '127.0.0.1', port: 0 })
  const loop = new LaneLoop(engine, { onEvents: taken => events.push(...taken) })
  const sockets = [createSocket('udp4').bind(0, '127.0.0.1'), createSocket('udp4').bind(0, '127.0.0.1')] as const
  context.after(() => {
    loop.close()
    for (const socket of sockets) socket.close()
  })
  await Promise.all(sockets.map(socket => once(socket, 'listening')))
  const send = (peer: 0 | 1, bytes: Uint8Array) =>
    new Promise<void>(resolve => sockets[peer].send(bytes, engine.socket.port, '127.0.0.1', () => resolve()))
  const samples = () => {
    loop.command({ kind: 'report' })
    const event = events.findLast(({ kind }) => kind === 'counters')
    const { counts, sum } = event?.kind === 'counters' ? event.counters.latency : { counts: [], sum: 0 }
    return { count: counts.reduce((total, each) => total + each, 0), sum }
  }
  const key = new Uint8Array(32).fill(7)
  const mode = 'aead_aes256_gcm_rtpsize'
  const client = new PacketProtection(mode, key)
  for (const peer of [0, 1] as const) {
    const ssrc = 100 + peer
    loop.command({ kind: 'addPeer', peer: peer + 1, ssrcs: Int32Array.of(ssrc) })
    await send(peer, encodeDiscoveryRequest(ssrc))
    while (!loop.turn());
    loop.command({ kind: 'protectPeer', peer: peer + 1, protection: mode, key, nonceStart: 0 })
  }
  loop.command({ kind: 'openTargets', targets: 1 })
  loop.command({ kind: 'addTarget', targets: 1, peer: 2 })
  loop.command({ kind: 'setRoute', ssrc: 100, owner: 1, media: 'audio', targets: 1 })
  const silence = Uint8Array.of(0xf8, 0xff, 0xfe)
  for (let sequence = 0; sequence < 9; sequence++) {
    const packet = encodeRtp({ payloadType: 120, sequence, timestamp: 960 * sequence, ssrc: 100, payload: silence })
    await send(0, client.seal('rtp', packet)!)
    while (!loop.turn());
  }
  const { count, sum } = samples()
  // The first batch and the ninth.
  assert.equal(count, 2)
  assert.ok(sum > 0 && sum < 10_000, String(sum))
})

test('a lane whose deadline is not a number fails instead of turning without end', {
  skip: !native.ok && native.reason,
}, context => {
  if (!native.ok) return
  let now = 0
  const engine = new FfiEngine(native.value, { ip: '127.0.0.1', port: 0 })
  const loop = new LaneLoop(engine, { onEvents() {}, clock: () => now })
  context.after(() => loop.close())
  loop.command({ kind: 'addPeer', peer: 1, ssrcs: Int32Array.of(1, 2, 3) })
  const ice = { localUfrag: 'node', remoteUfrag: 'client', password: PASSWORD }
  loop.command({ kind: 'addWebrtcPeer', peer: 1, ice, mapping: MAPPING })
  loop.wait(1)
  now = Number.NaN
  assert.throws(() => loop.wait(1), /expected a deadline of the lane, found NaN/)
})
