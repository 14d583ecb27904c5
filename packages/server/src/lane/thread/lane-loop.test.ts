// The loop of a lane over real loopback sockets, on a clock that can jump as it does for a process that was stopped.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { type LaneEvent, LIMITS } from '@parley/core'
import { encodeStunRequest } from '@parley/protocol'
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
  skip: !native.ok,
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
  assert.equal(events.at(-1)?.kind, 'consentLost')
})
