// How a call is set up on the voice gateway, and which messages each member receives about the others.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceClose } from '@parley/protocol'
import { type BenchCredentials, connect, NodeBench, select } from '../../packages/core/src/testing/node-bench.ts'

const identifyOf = ({ channel_id: _, ...identify }: BenchCredentials) => identify

test('a joining client receives messages in the order that real clients require', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = connect(bench, backend.join('1'))
  ana.send(5, { speaking: 1, delay: 0, ssrc: ana.last(2).ssrc })
  const ben = connect(bench, backend.join('2'), '9', { video: true })
  assert.deepEqual(ben.opcodes(), [8, 2, 4, 11, 5, 15])
  assert.deepEqual(ben.last(11), { user_ids: ['1'] })
  assert.deepEqual(ben.last(5), { user_id: '1', ssrc: ana.last(2).ssrc, speaking: 1 })
  assert.deepEqual(ana.opcodes(), [8, 2, 4, 11])
  assert.deepEqual(ana.last(11), { user_ids: ['2'] })
})

test('flags and platform of a user are announced only if the backend set them', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = connect(bench, backend.join('1', '500', '100', { flags: 0, platform: 0 }))
  const ben = connect(bench, backend.join('2', '500', '100', { flags: 3, platform: 1 }))
  assert.deepEqual(ben.opcodes(), [8, 2, 4, 11, 20, 5])
  assert.deepEqual(ben.last(20), { user_id: '1', platform: 0 })
  assert.deepEqual(ana.opcodes(), [8, 2, 4, 11, 18, 20])
  assert.deepEqual(ana.last(18), { user_id: '2', flags: 3 })
  assert.deepEqual(ana.last(20), { user_id: '2', platform: 1 })
})

test('a client is not announced before its Session Description', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = connect(bench, backend.join('1')).clear()
  const ben = bench.client().send(0, identifyOf(backend.join('2')))
  ben.send(5, { speaking: 1 })
  assert.deepEqual(ana.received, [])
  select(ben)
  assert.deepEqual(ana.opcodes(), [11, 5])
})

test('Session Description has all fields that clients require', () => {
  const bench = new NodeBench()
  const {
    secret_key: key,
    media_session_id: mediaSessionId,
    ...rest
  } = connect(bench, bench.backend().join('1')).last(4)
  assert.deepEqual(rest, {
    mode: 'aead_aes256_gcm_rtpsize',
    audio_codec: 'opus',
    video_codec: 'H264',
    dave_protocol_version: 0,
  })
  assert.equal(key.length, 32)
  assert.ok(key.every((byte: number) => Number.isInteger(byte) && byte >= 0 && byte <= 255))
  assert.match(mediaSessionId, /^[0-9a-f]{32}$/)
  assert.deepEqual([...bench.commands('protectPeer')[0].key], key)
})

test('a second Select Protocol assigns a new key and does not announce the client again', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = connect(bench, backend.join('1'))
  const ben = connect(bench, backend.join('2'))
  ana.clear()
  const before = ben.last(4).secret_key
  select(ben, 'aead_xchacha20_poly1305_rtpsize')
  assert.notDeepEqual(ben.last(4).secret_key, before)
  assert.equal(ben.last(4).mode, 'aead_xchacha20_poly1305_rtpsize')
  assert.deepEqual(ana.received, [])
})

test('the video codec is the first by client priority that the client can encode', () => {
  const bench = new NodeBench()
  const client = bench.client().send(0, identifyOf(bench.backend().join('1')))
  const codec = (name: string, priority: number, encode: boolean) => ({
    name,
    type: 'video',
    priority,
    payload_type: 101,
    rtx_payload_type: 102,
    encode,
    decode: true,
  })
  const data = { address: '192.0.2.1', port: 1, mode: 'aead_aes256_gcm_rtpsize' }
  client.send(1, {
    protocol: 'udp',
    data,
    codecs: [codec('AV1', 1000, false), codec('VP8', 3000, true), codec('VP9', 2000, true)],
  })
  assert.equal(client.last(4).video_codec, 'VP9')
})

test('Speaking is sent to the other members once per change, with the SSRC that the node assigned', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = connect(bench, backend.join('1'))
  const ben = connect(bench, backend.join('2'))
  ana.clear()
  ben.clear()
  ben.send(5, { speaking: 1, ssrc: 99 }).send(5, { speaking: 1 }).send(5, { speaking: 0 })
  assert.deepEqual(
    ana.ops(5).map(({ d }) => [d.user_id, d.speaking, d.ssrc]),
    [
      ['2', 1, bench.commands('addPeer')[1].ssrcs[0]],
      ['2', 0, bench.commands('addPeer')[1].ssrcs[0]],
    ],
  )
  assert.deepEqual(ben.ops(5), [])
})

test('a first Speaking 0 announces the SSRC to the other members; a second is not sent', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = connect(bench, backend.join('1'))
  const ben = connect(bench, backend.join('2'))
  ana.clear()
  ben.send(5, { speaking: 0 }).send(5, { speaking: 0 })
  assert.deepEqual(
    ana.ops(5).map(({ d }) => d),
    [{ user_id: '2', ssrc: ben.last(2).ssrc, speaking: 0 }],
  )
})

test('a newcomer receives the last non-zero speaking flags of each member, even if silent now', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = connect(bench, backend.join('1'))
  ana.send(5, { speaking: 2 }).send(5, { speaking: 0 })
  connect(bench, backend.join('2'))
  const cleo = connect(bench, backend.join('3'))
  assert.deepEqual(
    cleo.ops(5).map(({ d }) => [d.user_id, d.speaking]),
    [
      ['1', 2],
      ['2', 0],
    ],
  )
})

test('the priority flag requires the permission of the backend', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = connect(bench, backend.join('1'))
  const ben = connect(bench, backend.join('2'))
  ben.send(5, { speaking: 5 })
  assert.equal(ana.last(5).speaking, 1)
  backend.info(6, { user_id: '2', channel_id: '500', guild_id: '100', priority: true })
  ben.send(5, { speaking: 0 }).send(5, { speaking: 5 })
  assert.equal(ana.last(5).speaking, 5)
})

test('the first packet of a client that never sent Speaking announces its SSRC', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = connect(bench, backend.join('1'))
  connect(bench, backend.join('2'))
  const { peer, ssrcs } = bench.commands('addPeer')[1]
  bench.laneEvent({ kind: 'firstPacket', peer, ssrc: ssrcs[0] })
  assert.deepEqual(ana.last(5), { user_id: '2', ssrc: ssrcs[0], speaking: 1 })
})

test('the node sends its version on request', () => {
  const bench = new NodeBench()
  const client = bench
    .client()
    .send(0, identifyOf(bench.backend().join('1')))
    .send(16, {})
  assert.deepEqual(client.last(16), { voice: '1.2.3', rtc_worker: '1.2.3' })
})

test('unknown, retired and future opcodes are ignored', () => {
  const bench = new NodeBench()
  const client = connect(bench, bench.backend().join('1')).clear()
  for (const op of [2, 4, 6, 8, 9, 10, 13, 17, 19, 23, 26, 33, 1000, -1]) client.send(op, {})
  client.sendText(new Uint8Array([26, 1, 2]))
  client.send(32, {})
  assert.equal(client.closeCode, undefined)
  assert.deepEqual(client.received, [])
})

test('a second Identify of a user closes the older connection with 4006', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const other = connect(bench, backend.join('2'))
  const credentials = backend.join('1')
  const first = connect(bench, credentials)
  other.clear()
  const second = connect(bench, credentials)
  assert.equal(first.closeCode, VoiceClose.SessionInvalid)
  assert.equal(second.closeCode, undefined)
  assert.notEqual(second.last(2).ssrc, first.last(2).ssrc)
  assert.deepEqual(other.opcodes(), [13, 11])
})

test('two backends may use the same ids, and their channels stay separate', () => {
  const bench = new NodeBench({
    backends: [
      { id: 'a', secrets: ['secret a'] },
      { id: 'b', secrets: ['secret b'] },
    ],
  })
  const a = bench.backend('secret a')
  const b = bench.backend('secret b')
  const anaInA = a.join('1')
  const anaInB = b.join('1')
  const first = connect(bench, anaInA)
  const second = connect(bench, anaInB)
  const third = connect(bench, b.join('2'))
  assert.deepEqual(third.last(11), { user_ids: ['1'] })
  assert.deepEqual(first.ops(11), [])
  a.info(2, { channel_id: '500', guild_id: '100' })
  assert.equal(first.closeCode, VoiceClose.Disconnected)
  assert.equal(second.closeCode, undefined)
  assert.equal(connect(bench, { ...anaInB, token: anaInA.token }).closeCode, VoiceClose.AuthenticationFailed)
})

test('moving within a guild closes the connection to the old channel with 4014', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const stays = connect(bench, backend.join('2'))
  const moves = connect(bench, backend.join('1'))
  const credentials = backend.join('1', '501')
  assert.equal(moves.closeCode, VoiceClose.Disconnected)
  assert.deepEqual(stays.last(13), { user_id: '1' })
  const moved = connect(bench, credentials)
  assert.equal(moved.closeCode, undefined)
  assert.deepEqual(moved.ops(11), [])
})

test('a destroyed channel closes all members with 4014 and announces no leaves', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const clients = ['1', '2', '3'].map(user => connect(bench, backend.join(user)))
  backend.info(2, { channel_id: '500', guild_id: '100' })
  for (const client of clients) {
    assert.equal(client.closeCode, VoiceClose.Disconnected)
    assert.deepEqual(client.ops(13), [])
  }
})
