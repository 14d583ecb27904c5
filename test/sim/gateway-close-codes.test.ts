// Every close code of the voice gateway, and the invalid input that triggers it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '@parley/core'
import { VoiceClose } from '@parley/protocol'
import { type BenchSocket, connect, NodeBench, SECRET, select } from '../../packages/core/src/testing/node-bench.ts'

function scene(options: ConstructorParameters<typeof NodeBench>[0] = {}) {
  const bench = new NodeBench(options)
  const backend = bench.backend()
  const { channel_id: _, ...identify } = backend.join('1')
  return { bench, backend, identify, client: bench.client() }
}

const closesWith = (socket: BenchSocket, code: number | undefined) =>
  assert.equal(socket.closeCode, code, socket.closeReason)

const STRICT = { strictOpcodes: true }

test('4001 with strict opcodes: opcodes that clients must not send', () => {
  for (const op of [2, 4, 6, 8, 9, 10, 11, 13, 17, 18, 19, 20, 21, 22, 24, 25, 26, 28, 33, 1000, -1]) {
    const { client, identify } = scene(STRICT)
    select(client.send(0, { ...identify, max_dave_protocol_version: 1 })).send(op, {})
    closesWith(client, VoiceClose.UnknownOpcode)
  }
})

test('4001 with strict opcodes: opcodes sent too early or not negotiated by this client', () => {
  for (const [op, data] of [
    [5, { speaking: 1 }],
    [12, { audio_ssrc: 1 }],
    [14, { codecs: [] }],
    [15, { any: 100 }],
  ] as const) {
    const { client, identify } = scene(STRICT)
    closesWith(client.send(0, identify).send(op, data), VoiceClose.UnknownOpcode)
  }
  for (const version of [0, 1])
    for (const message of [Uint8Array.of(26, 1), Uint8Array.of(28, 1), '{"op":23,"d":{"transition_id":0}}']) {
      const { client, identify } = scene(STRICT)
      client.send(0, { ...identify, max_dave_protocol_version: version })
      if (version === 0) select(client)
      closesWith(client.sendText(message), VoiceClose.UnknownOpcode)
    }
})

test('with strict opcodes, every valid client opcode is accepted', () => {
  const { client, identify } = scene(STRICT)
  client
    .send(3, 1)
    .send(0, { ...identify, max_dave_protocol_version: 1, video: true })
    .send(16, {})
    .send(3, { t: 1 })
  select(client).send(12, { audio_ssrc: 1, video_ssrc: 0 }).send(5, { speaking: 0 }).send(15, { any: 0 })
  client.send(14, { codecs: [] }).send(23, { transition_id: 3 }).send(31, { transition_id: 3 }).send(32, {})
  closesWith(client, undefined)
})

test('4002: a message that is not JSON, not an object, or has no integer opcode', () => {
  for (const text of [
    '',
    'x',
    '{"op":0',
    'null',
    '[]',
    '"op"',
    '{}',
    '{"op":"0"}',
    '{"op":1.5}',
    '{"op":null,"d":{}}',
  ]) {
    const { client } = scene()
    closesWith(client.sendText(text), VoiceClose.DecodeError)
  }
})

test('4002: an Identify or Resume with a missing field or a field of the wrong type', () => {
  const { identify } = scene()
  const wrong: object[] = Object.keys(identify).map(key => ({ ...identify, [key]: undefined }))
  wrong.push({ ...identify, user_id: 'ana' }, { ...identify, token: 5 }, { ...identify, server_id: -1 })
  wrong.push(
    { ...identify, session_id: 'x'.repeat(129) },
    { ...identify, streams: Array.from({ length: 5 }, () => ({})) },
  )
  for (const data of [...wrong, null, [], 7]) closesWith(scene().client.send(0, data), VoiceClose.DecodeError)
  closesWith(scene().client.send(7, { server_id: '100', session_id: 'x' }), VoiceClose.DecodeError)
})

test('4002: JSON nested ten thousand levels deep, or longer than the message limit', () => {
  const { identify } = scene()
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`
  closesWith(scene().client.sendText(deep), VoiceClose.DecodeError)
  closesWith(scene().client.sendText(`{"op":0,"d":${deep}}`), VoiceClose.DecodeError)
  closesWith(
    scene().client.sendText(JSON.stringify({ op: 0, d: { ...identify, pad: 'x'.repeat(70_000) } })),
    VoiceClose.DecodeError,
  )
  closesWith(scene().client.sendText(new Uint8Array(LIMITS.binaryMessage + 1)), VoiceClose.DecodeError)
})

test('4003: anything but Identify, Resume and heartbeats before authentication', () => {
  for (const op of [1, 5, 12, 14, 15, 16, 32, 99]) closesWith(scene().client.send(op, {}), VoiceClose.NotAuthenticated)
  closesWith(scene().client.sendText(new Uint8Array([26])), VoiceClose.NotAuthenticated)
  assert.equal(scene().client.send(3, 1).closeCode, undefined)
})

test('4004: a wrong token, another user’s token, a user without a voice state', () => {
  const { bench, backend, identify } = scene()
  const other = backend.join('2')
  closesWith(bench.client().send(0, { ...identify, token: 'wrong' }), VoiceClose.AuthenticationFailed)
  closesWith(bench.client().send(0, { ...identify, token: other.token }), VoiceClose.AuthenticationFailed)
  closesWith(bench.client().send(0, { ...identify, user_id: '9' }), VoiceClose.AuthenticationFailed)
})

test('4004: the channel token, where clients must use the token of their user', () => {
  for (const channelTokenAuth of [true, false]) {
    const { bench, backend, identify } = scene({ channelTokenAuth })
    const { token } = backend.info(0, { channel_id: '500', guild_id: '100' }).infos(1).at(-1)
    const client = bench.client().send(0, { ...identify, token })
    assert.equal(client.closeCode, channelTokenAuth ? undefined : VoiceClose.AuthenticationFailed)
  }
})

test('4004: the token of a voice state that was destroyed', () => {
  const { bench, backend, identify } = scene()
  backend.info(5, { user_id: '1', channel_id: '500', guild_id: '100' })
  closesWith(bench.client().send(0, identify), VoiceClose.AuthenticationFailed)
})

test('4005: Identify or Resume on a connection that has a session', () => {
  const { client, identify } = scene()
  client.send(0, identify)
  closesWith(client.send(0, identify), VoiceClose.AlreadyAuthenticated)
  const second = scene()
  second.client.send(0, second.identify)
  closesWith(second.client.send(7, second.identify), VoiceClose.AlreadyAuthenticated)
})

test('4006: a resume of an unknown session', () => {
  const { client, identify } = scene()
  closesWith(client.send(7, identify), VoiceClose.SessionInvalid)
})

test('4009: no Identify before the timeout, and no message for three heartbeat intervals', () => {
  const { bench, client, identify } = scene()
  bench.advance(LIMITS.identifyTimeout - 1)
  assert.equal(client.closeCode, undefined)
  bench.advance(1)
  closesWith(client, VoiceClose.SessionTimeout)

  const silent = bench.client().send(0, identify)
  bench.advance(LIMITS.heartbeatGrace - 1)
  silent.send(3, 1)
  bench.advance(LIMITS.heartbeatGrace - 1)
  assert.equal(silent.closeCode, undefined)
  bench.advance(1)
  closesWith(silent, VoiceClose.SessionTimeout)
})

test('4011: a server without a channel on this node', () => {
  const { client, identify } = scene()
  closesWith(client.send(0, { ...identify, server_id: '101' }), VoiceClose.ServerNotFound)
})

test('4012: an unsupported protocol', () => {
  for (const protocol of ['webrtc-p2p', 'tcp', '']) {
    const { client, identify } = scene()
    closesWith(client.send(0, identify).send(1, { protocol, data: {} }), VoiceClose.UnknownProtocol)
  }
})

test('4014 for a user who is removed and for every member of a channel that ends', () => {
  const { bench, backend } = scene()
  const kicked = connect(bench, backend.join('2'))
  const stays = connect(bench, backend.join('3'))
  backend.info(5, { user_id: '2', channel_id: '500', guild_id: '100' })
  closesWith(kicked, VoiceClose.Disconnected)
  backend.info(2, { channel_id: '500', guild_id: '100' })
  closesWith(stays, VoiceClose.Disconnected)
})

test('4022 for the members of a channel that ends, where the backend is configured so', () => {
  const bench = new NodeBench({ backends: [{ id: 'main', secrets: [SECRET], channelEndCode: 4022 }] })
  const backend = bench.backend()
  const client = connect(bench, backend.join('3'))
  backend.info(2, { channel_id: '500', guild_id: '100' })
  closesWith(client, VoiceClose.ChannelEnded)
})

test('4015 for sessions that have exhausted their nonces, 4014 for those that remain at the drain deadline', () => {
  const { bench, backend } = scene()
  const first = connect(bench, backend.join('2'))
  bench.laneEvent({ kind: 'nonceExhausted', peer: bench.commands('addPeer')[0].peer })
  closesWith(first, VoiceClose.ServerCrashed)
  const second = connect(bench, backend.join('2'))
  bench.input(now => bench.node.drain(now + 10_000, now))
  bench.advance(9_000)
  second.send(3, 1)
  assert.equal(second.closeCode, undefined)
  bench.advance(1_000)
  closesWith(second, VoiceClose.Disconnected)
})

test('4016: an encryption mode that was not offered', () => {
  const { client, identify } = scene()
  closesWith(select(client.send(0, identify), 'xsalsa20_poly1305'), VoiceClose.UnknownMode)
})

test('4020: malformed requests', () => {
  const requests: [number, unknown][] = [
    [1, null],
    [1, { protocol: 'udp', data: null }],
    [1, { protocol: 'udp', data: { address: 5, port: 1, mode: 'x' } }],
    [1, { protocol: 'udp', data: { address: '192.0.2.1', port: 70_000, mode: 'aead_aes256_gcm_rtpsize' } }],
    [5, {}],
    [5, { speaking: 'yes' }],
    [12, { video_ssrc: -1 }],
    [14, { codecs: 'opus' }],
    [15, []],
    [15, Object.fromEntries(Array.from({ length: 1_025 }, (_, ssrc) => [ssrc, 0]))],
  ]
  for (const [op, data] of requests) {
    const { client, identify } = scene()
    closesWith(client.send(0, identify).send(op, data), VoiceClose.BadRequest)
  }
})

test('4021: more commands than the rate limit allows', () => {
  const { bench, client, identify } = scene()
  client.send(0, identify)
  for (let sent = 0; sent < LIMITS.commandsPerWindow; sent++) client.send(16, {})
  assert.equal(client.closeCode, undefined)
  closesWith(client.send(16, {}), VoiceClose.RateLimited)

  const chatty = bench.client().send(0, identify)
  for (let sent = 0; sent < LIMITS.chattyCommandsPerWindow; sent++) chatty.send(5, { speaking: sent & 1 })
  assert.equal(chatty.closeCode, undefined)
  closesWith(chatty.send(5, { speaking: 1 }), VoiceClose.RateLimited)
})

test('4021: more text than the limit allows, over all connections of a voice state', () => {
  const { bench, client, identify } = scene()
  const beat = { t: 1, padding: 'x'.repeat(60_000) }
  client.send(0, identify)
  let sent = 0
  for (; client.closeCode === undefined; sent++) client.send(3, beat)
  closesWith(client, VoiceClose.RateLimited)
  assert.ok(sent * 60_000 <= LIMITS.textPerWindow + 120_000, `${sent} messages of 60 kB`)
  closesWith(bench.client().send(0, identify).send(3, beat), VoiceClose.RateLimited)
  bench.advance(LIMITS.commandWindow / 10)
  assert.equal(bench.client().send(0, identify).send(3, beat).closeCode, undefined)
})

test('before Identify messages are few and short', () => {
  const { bench, identify } = scene()
  const beating = bench.client()
  for (let sent = 0; sent < LIMITS.greetingMessages; sent++) beating.send(3, sent)
  assert.equal(beating.closeCode, undefined)
  closesWith(beating.send(3, 0), VoiceClose.RateLimited)
  const long = { ...identify, padding: 'x'.repeat(LIMITS.greetingMessage) }
  closesWith(bench.client().send(0, long), VoiceClose.DecodeError)
  const client = bench.client().send(0, identify)
  client.send(16, { padding: long.padding })
  assert.equal(client.closeCode, undefined)
})

test('a client with a steady command rate is never limited', () => {
  const { bench, client, identify } = scene()
  client.send(0, identify)
  for (let second = 0; second < 600; second++) {
    client.send(5, { speaking: second & 1 }).send(16, {})
    bench.advance(1_000)
  }
  assert.equal(client.closeCode, undefined)
})

test('a close reason always fits into its close frame', () => {
  const { client, identify } = scene()
  client.send(0, { ...identify, streams: [{ rid: 'é'.repeat(33) }] })
  closesWith(client, VoiceClose.DecodeError)
  assert.match(client.closeReason, /^[ -~]{1,123}$/)
})

test('before Identify a deeply nested message closes with 4002, after it none does', () => {
  const { client, identify } = scene()
  const nested = (depth: number) => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`)
  closesWith(scene().client.send(3, { t: 1, deep: nested(LIMITS.greetingDepth - 1) }), VoiceClose.DecodeError)
  closesWith(client.send(3, { t: 1, deep: nested(LIMITS.greetingDepth - 2) }), undefined)
  closesWith(client.send(0, identify).send(3, { t: 1, long: 'x'.repeat(60_000), deep: nested(50) }), undefined)
})

test('an Identify with every field stays below the limits', () => {
  const { client, identify } = scene()
  const streams = Array.from({ length: 3 }, () => ({
    type: 'video',
    rid: '100',
    quality: 100,
    max_resolution: { type: 'fixed', width: 1, height: 1 },
  }))
  const experiments = Array.from({ length: 60 }, (_, index) => `keyframe_on_join_experiment_${index}`)
  closesWith(
    client.send(0, { ...identify, video: true, streams, experiments, max_dave_protocol_version: 1 }),
    undefined,
  )
})
