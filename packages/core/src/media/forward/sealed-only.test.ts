// Routes with sealedOnly drop unencrypted audio.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtp, encodeRtp } from '@parley/protocol'
import type { RtpMappingDescription } from '../../lane/commands.ts'
import { hex, PlainLane, sealed, ssrcOf, TARGETS } from '../../testing/plain-lane.ts'

const CLEAR = [0x78, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
const SEALED = [9, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0x0c, 0xfa, 0xfa]
const SILENCE = [0xf8, 0xff, 0xfe]
const MAPPING: RtpMappingDescription = { payloadTypes: [[120, 111]], extensions: {} }

const packet = (peer: number, sequence: number, payload: readonly number[], payloadType = 120) =>
  encodeRtp({
    payloadType,
    sequence,
    timestamp: sequence * 960,
    ssrc: ssrcOf(peer),
    payload: Uint8Array.from(payload),
  })

/** Two Discord clients and a WebRTC client. */
function scene() {
  const lane = new PlainLane()
  for (const peer of [1, 2]) lane.connectNative(peer)
  lane.connectWebrtcPeer(3, MAPPING)
  lane.listen(1, 2, 3)
  const route = (peer: number, sealedOnly?: boolean) =>
    lane.command({
      kind: 'setRoute',
      ssrc: ssrcOf(peer),
      owner: peer,
      media: 'audio',
      targets: TARGETS,
      ...(sealedOnly !== undefined && { sealedOnly }),
    })
  for (const peer of [1, 2, 3]) route(peer)
  lane.events()
  return { lane, route }
}

const payloads = (sent: readonly { peer: number; bytes: Uint8Array }[]) =>
  sent.map(({ peer, bytes }) => `${peer} ${hex(decodeRtp(bytes)?.payload)}`).sort()
const toAll = (peers: readonly number[], payload: readonly number[]) =>
  peers.map(peer => `${peer} ${Buffer.from(payload).toString('hex')}`)

test('sealed frames and silence are forwarded, other frames are dropped and counted', () => {
  const { lane, route } = scene()
  route(1, true)
  const send = (sequence: number, payload: readonly number[]) => payloads(lane.packets(1, packet(1, sequence, payload)))
  assert.deepEqual(send(1, CLEAR), [])
  assert.deepEqual(lane.events(), [], 'no firstPacket event for a source that is not forwarded')
  assert.deepEqual(send(2, SEALED), toAll([2, 3], SEALED))
  assert.deepEqual(send(3, SILENCE), toAll([2, 3], SILENCE))
  for (const [index, payload] of [[0xf8], [0xf8, 0xff], [...SILENCE, 0], [0xf8, 0xff, 0xff]].entries())
    assert.deepEqual(send(4 + index, payload), [])
  assert.deepEqual(lane.drops(), { unsealed: 5 })
})

test('unencrypted frames of a WebRTC client are dropped too', () => {
  const { lane, route } = scene()
  route(3, true)
  const send = (sequence: number, payload: readonly number[]) =>
    payloads(lane.packets(3, packet(3, sequence, payload, 111)))
  assert.deepEqual(send(1, CLEAR), [])
  assert.deepEqual(send(2, SEALED), toAll([1, 2], SEALED))
  assert.deepEqual(lane.drops(), { unsealed: 1 })
})

test('sealedOnly applies only to its route and only while it is set', () => {
  const { lane, route } = scene()
  route(1, true)
  assert.deepEqual(payloads(lane.packets(2, packet(2, 1, CLEAR))), toAll([1, 3], CLEAR))
  route(1)
  assert.deepEqual(payloads(lane.packets(1, packet(1, 1, CLEAR))), toAll([2, 3], CLEAR))
  assert.deepEqual(lane.drops(), {})
})

test('a speaker muted on a sealedOnly route ends with silence frames', () => {
  const { lane, route } = scene()
  route(1, true)
  lane.packets(1, packet(1, 1, SEALED))
  lane.command({ kind: 'removeRoute', ssrc: ssrcOf(1), silence: true })
  assert.deepEqual(payloads(lane.packets(1, packet(1, 2, CLEAR))), toAll([2, 3], SILENCE))
})

test('padding is not part of a frame', () => {
  const { lane, route } = scene()
  route(1, true)
  const padded = encodeRtp({
    payloadType: 120,
    sequence: 1,
    timestamp: 960,
    ssrc: ssrcOf(1),
    padding: 4,
    payload: Uint8Array.from(SEALED),
  })
  assert.deepEqual(payloads(lane.receive('10.0.0.1 5000', sealed(1, padded))), toAll([2, 3], SEALED))
})
