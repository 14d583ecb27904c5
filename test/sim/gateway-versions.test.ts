// Differences between the voice gateway versions, and the contents of Ready and Hello.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceClose } from '@parley/protocol'
import { connect, NodeBench, select } from '../../packages/core/src/testing/node-bench.ts'

test('Hello is flat up to version 2 and includes the version from 3 on', () => {
  const bench = new NodeBench()
  for (const version of ['1', '2'])
    assert.deepEqual(bench.client(version).received, [{ heartbeat_interval: 13_750 }], `v=${version}`)
  for (const version of [3, 4, 5, 6, 7, 8, 9])
    assert.deepEqual(bench.client(String(version)).received, [{ op: 8, d: { v: version, heartbeat_interval: 13_750 } }])
})

test('a client that names no version, or a malformed one, is served as version 3', () => {
  const bench = new NodeBench()
  for (const version of [null, 'abc', '']) {
    const client = bench.client(version)
    assert.deepEqual(client.received, [{ op: 8, d: { v: 3, heartbeat_interval: 13_750 } }])
    client.sendText('{"op":3,"d":10}')
    assert.equal(client.raw.at(-1), '{"op":6,"d":10}')
  }
})

test('a version above the highest supported one is served as the highest supported one', () => {
  const bench = new NodeBench()
  assert.equal(bench.client('10').last(8).v, 9)
  assert.equal(bench.client('999').last(8).v, 9)
})

test('a version below the configured minimum is closed with 4020, and so is one below 1', () => {
  const bench = new NodeBench({ minVersion: 4 })
  assert.equal(bench.client('3').closeCode, VoiceClose.BadRequest)
  assert.equal(bench.client(null).closeCode, VoiceClose.BadRequest)
  assert.equal(bench.client('4').closeCode, undefined)
  assert.equal(new NodeBench().client('0').closeCode, VoiceClose.BadRequest)
  assert.equal(new NodeBench().client('-3').closeCode, VoiceClose.BadRequest)
})

test('a heartbeat ack repeats the nonce byte for byte', () => {
  const bench = new NodeBench()
  const client = bench.client('4')
  for (const nonce of ['13437012347012347123', '1784000000123.25', '1784000000123', '"text"', 'null', '-0', '1e3'])
    client.sendText(`{"op":3,"d":${nonce}}`)
  assert.deepEqual(client.raw.slice(1), [
    '{"op":6,"d":13437012347012347123}',
    '{"op":6,"d":1784000000123.25}',
    '{"op":6,"d":1784000000123}',
    '{"op":6,"d":"text"}',
    '{"op":6,"d":null}',
    '{"op":6,"d":-0}',
    '{"op":6,"d":1e3}',
  ])
})

test('from version 8 on the heartbeat ack has the shape of the heartbeat', () => {
  const client = new NodeBench().client('8')
  client.sendText('{"op":3,"d":{"t":13437012347012347123,"seq_ack":12}}')
  client.sendText('{ "d" : { "seq_ack" : null, "t" : 5.50 } , "op" : 3 }')
  client.sendText('{"op":3,"d":7}')
  client.sendText('{"op":3}')
  assert.deepEqual(client.raw.slice(1), [
    '{"op":6,"d":{"t":13437012347012347123}}',
    '{"op":6,"d":{"t":5.50}}',
    '{"op":6,"d":7}',
    '{"op":6,"d":null}',
  ])
})

test('a version 1 heartbeat ack uses the heartbeat opcode', () => {
  const client = new NodeBench().client('1')
  client.sendText('{"op":3,"d":5}')
  assert.equal(client.raw.at(-1), '{"op":3,"d":5}')
})

test('an overlong nonce is rejected', () => {
  const client = new NodeBench().client('8')
  client.sendText(`{"op":3,"d":"${'x'.repeat(100)}"}`)
  assert.equal(client.closeCode, VoiceClose.DecodeError)
})

test('speaking is a boolean up to version 3 and a bit mask from 4, in both directions', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const old = connect(bench, backend.join('1'), '3')
  const young = connect(bench, backend.join('2'), '9')
  young.send(5, { speaking: 1, delay: 0, ssrc: 1 })
  assert.equal(old.last(5).speaking, true)
  old.send(5, { speaking: true, delay: 0 })
  assert.equal(young.last(5).speaking, 1)
  old.send(5, { speaking: false })
  assert.equal(young.last(5).speaking, 0)
})

test('below version 8 no message is numbered; from 8 on exactly the replayable messages are', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const first = connect(bench, backend.join('1'), '7')
  const second = connect(bench, backend.join('2'), '8')
  first.send(5, { speaking: 1 })
  second.send(5, { speaking: 1 })
  second.send(16, {})
  assert.ok(first.received.every(message => message.seq === undefined))
  const numbered = second.received.map(message => [message.op, message.seq])
  assert.deepEqual(numbered, [
    [8, undefined],
    [2, undefined],
    [4, 1],
    [11, 2],
    [5, 3],
    [5, 4],
    [16, undefined],
  ])
})

test('up to version 7, clients receive other members and their audio SSRCs in Video messages', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const first = connect(bench, backend.join('1'), '7')
  const second = connect(bench, backend.join('2'), '4')
  const third = connect(bench, backend.join('3'), '8')
  const connected = (client: typeof first) => client.ops(12).map(({ d }) => d.user_id)
  assert.deepEqual(connected(first), ['2', '3'])
  assert.deepEqual(connected(second), ['1', '3'])
  assert.deepEqual(connected(third), [])
  assert.deepEqual(first.ops(12)[0].d, { user_id: '2', audio_ssrc: second.last(2).ssrc, video_ssrc: 0 })
})

test('media sink wants are sent from version 5 on, to clients with video', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const wants = (version: string, video: boolean, user: string) =>
    connect(bench, backend.join(user), version, { video })
      .ops(15)
      .map(({ d }) => d)
  assert.deepEqual(wants('4', true, '1'), [])
  assert.deepEqual(wants('5', true, '2'), [{ any: 100 }])
  assert.deepEqual(wants('9', true, '3'), [{ any: 100 }])
  assert.deepEqual(wants('9', false, '4'), [])
})

test('a version 9 Identify includes its channel, and a wrong one is rejected', () => {
  const bench = new NodeBench()
  const credentials = bench.backend().join('1')
  const { channel_id, ...identify } = credentials
  assert.equal(bench.client('9').send(0, { ...identify, channel_id }).closeCode, undefined)
  assert.equal(bench.client('9').send(0, { ...identify, channel_id: '501' }).closeCode, VoiceClose.AuthenticationFailed)
})

test('Ready assigns every offered stream a video SSRC and the next one for RTX', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const offered = [
    { type: 'screen', rid: '100', quality: 100 },
    { type: 'video', rid: '50', quality: 50 },
  ]
  const { ssrc, streams, ...ready } = connect(bench, backend.join('1'), '9', { video: true, streams: offered }).last(2)
  assert.deepEqual(ready, {
    ip: '198.51.100.1',
    port: 50_000,
    modes: ['aead_aes256_gcm_rtpsize', 'aead_xchacha20_poly1305_rtpsize'],
    experiments: [],
    heartbeat_interval: 13_750,
  })
  assert.deepEqual(streams, [
    { type: 'video', rid: '100', quality: 100, ssrc: ssrc + 1, rtx_ssrc: ssrc + 2, active: false },
    { type: 'video', rid: '50', quality: 50, ssrc: ssrc + 3, rtx_ssrc: ssrc + 4, active: false },
  ])
  assert.deepEqual(connect(bench, backend.join('2'), '9', { video: true, streams: [] }).last(2).streams.length, 1)
  assert.deepEqual(connect(bench, backend.join('3'), '9', {}).last(2).streams, [])
})

test('Ready prefers an announced IPv4 address and falls back to the address the client connected to', () => {
  const ipFor = (announce: string[], localAddress: string) => {
    const bench = new NodeBench({ announce })
    const { channel_id: _, ...identify } = bench.backend().join('1')
    const socket = bench.open({ protocol: 'gateway', version: '8', remoteAddress: '192.0.2.1', localAddress })
    return socket.send(0, identify).last(2).ip
  }
  assert.equal(ipFor(['2001:db8::1', '203.0.113.10'], '10.0.0.1'), '203.0.113.10')
  assert.equal(ipFor(['2001:db8::1'], '10.0.0.1'), '2001:db8::1')
  assert.equal(ipFor([], '10.0.0.1'), '10.0.0.1')
  assert.equal(ipFor([], '2001:db8::7'), '2001:db8::7')
  assert.equal(ipFor([], '::1'), '127.0.0.1')
})

test('legacy modes are offered after the modern ones, and only if enabled', () => {
  const bench = new NodeBench({ legacyModes: true })
  const backend = bench.backend()
  const client = connect(bench, backend.join('1'))
  assert.deepEqual(client.last(2).modes, [
    'aead_aes256_gcm_rtpsize',
    'aead_xchacha20_poly1305_rtpsize',
    'xsalsa20_poly1305_lite_rtpsize',
    'aead_aes256_gcm',
    'xsalsa20_poly1305_lite',
    'xsalsa20_poly1305_suffix',
    'xsalsa20_poly1305',
  ])
  assert.equal(select(client, 'xsalsa20_poly1305').last(4).mode, 'xsalsa20_poly1305')
  const modern = new NodeBench()
  assert.equal(
    select(connect(modern, modern.backend().join('1')), 'xsalsa20_poly1305').closeCode,
    VoiceClose.UnknownMode,
  )
})
