// What a resume restores, and which resumes are rejected.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '@parley/core'
import { VoiceClose } from '@parley/protocol'
import {
  type BenchCredentials,
  type BenchSocket,
  connect,
  NodeBench,
} from '../../packages/core/src/testing/node-bench.ts'

function scene(version = '8') {
  const bench = new NodeBench()
  const backend = bench.backend()
  const other = connect(bench, backend.join('2'))
  const credentials = backend.join('1')
  const client = connect(bench, credentials, version)
  return { bench, backend, other, credentials, client }
}

const resumeOf = ({ server_id, session_id, token }: BenchCredentials, seqAck?: unknown) => ({
  server_id,
  session_id,
  token,
  seq_ack: seqAck,
})
const numbered = (socket: BenchSocket) => socket.received.filter(message => message.seq !== undefined)

test('a resume receives Resumed first, then exactly the missed messages, then live messages', () => {
  const { bench, other, credentials, client } = scene()
  const seqAck = numbered(client).at(-1).seq
  client.drop()
  other.send(5, { speaking: 1 }).send(5, { speaking: 0 })
  const resumed = bench.client('8').send(7, resumeOf(credentials, seqAck))
  other.send(5, { speaking: 2 })
  assert.deepEqual(
    resumed.received.map(message => [message.op, message.seq, message.d?.speaking]),
    [
      [8, undefined, undefined],
      [9, undefined, undefined],
      [5, seqAck + 1, 1],
      [5, seqAck + 2, 0],
      [5, seqAck + 3, 2],
    ],
  )
  assert.deepEqual(resumed.received[1], { op: 9, d: null })
})

test('a resume keeps the peer, its key and its SSRC, and other members are not notified', () => {
  const { bench, other, credentials, client } = scene()
  other.clear()
  bench.laneCommands.length = 0
  client.drop()
  bench.advance(LIMITS.heartbeatGrace / 2)
  bench.client('8').send(7, resumeOf(credentials, 1))
  assert.deepEqual(bench.laneCommands, [])
  assert.deepEqual(other.received, [])
})

test('a seq_ack that is absent, null, 0 or −1 means that nothing was received; seq is accepted as an alias', () => {
  for (const seqAck of [undefined, null, 0, -1]) {
    const { bench, credentials, client } = scene()
    client.drop()
    const resumed = bench.client('8').send(7, resumeOf(credentials, seqAck))
    assert.deepEqual(
      numbered(resumed).map(message => message.seq),
      numbered(client).map(message => message.seq),
    )
  }
  const { bench, credentials, client } = scene()
  client.drop()
  const { seq_ack: _, ...resume } = resumeOf(credentials)
  const resumed = bench.client('8').send(7, { ...resume, seq: 1 })
  assert.equal(numbered(resumed)[0].seq, 2)
})

test('sequence numbers wrap from 65,535 to 1, and a resume works across the wrap', () => {
  const { bench, backend, other, credentials, client } = scene()
  backend.info(6, { user_id: '2', channel_id: '500', guild_id: '100', flags: 1 })
  let last = 0
  for (let sent = 0; last !== 65_534; sent++) {
    bench.advance(1_000)
    if (sent % 10 === 0) client.send(3, { t: 1, seq_ack: last }) && other.send(3, 1)
    backend.info(6, { user_id: '2', channel_id: '500', guild_id: '100', flags: sent & 1 })
    last = client.received.at(-1).seq ?? last
    client.clear()
    other.clear()
  }
  client.drop()
  for (const flags of [2, 3, 4]) backend.info(6, { user_id: '2', channel_id: '500', guild_id: '100', flags })
  const resumed = bench.client('8').send(7, resumeOf(credentials, 65_534))
  assert.deepEqual(
    numbered(resumed).map(({ seq, d }) => [seq, d.flags]),
    [
      [65_535, 2],
      [1, 3],
      [2, 4],
    ],
  )
  resumed.drop()
  // One client library stores the sequence number in a signed 16-bit integer.
  assert.equal(numbered(bench.client('8').send(7, resumeOf(credentials, 65_535 - 65_536)))[0]?.seq, undefined)
})

test('a resume from a discarded or never sent sequence number is rejected with 4006', () => {
  const ahead = scene()
  ahead.client.drop()
  assert.equal(ahead.bench.client('8').send(7, resumeOf(ahead.credentials, 500)).closeCode, VoiceClose.SessionInvalid)

  const { bench, other, credentials, client } = scene()
  client.drop()
  for (let sent = 0; sent <= LIMITS.replayMessages; sent++) {
    if (sent % 1_000 === 999) bench.advance(LIMITS.commandWindow / 4)
    other.send(5, { speaking: sent & 1 ? 1 : 2 })
    if (sent % 500 === 0) bench.advance(1)
  }
  assert.equal(bench.client('8').send(7, resumeOf(credentials, 2)).closeCode, VoiceClose.SessionInvalid)
})

test('messages acknowledged by a heartbeat are discarded from the replay buffer', () => {
  const { bench, credentials, client } = scene()
  const last = numbered(client).at(-1).seq
  client.send(3, { t: 1, seq_ack: last })
  client.drop()
  assert.equal(bench.client('8').send(7, resumeOf(credentials, last)).closeCode, undefined)
  const again = scene()
  again.client.send(3, { t: 1, seq_ack: last }).drop()
  const refused = again.bench.client('8').send(7, resumeOf(again.credentials, last - 2))
  assert.equal(refused.closeCode, VoiceClose.SessionInvalid)
})

test('an acknowledgement of a message that was never sent is ignored', () => {
  const { bench, credentials, client } = scene()
  for (const seqAck of [60_000, -5, 2 ** 40]) client.send(3, { t: 1, seq_ack: seqAck })
  assert.equal(client.closeCode, undefined)
  client.drop()
  assert.equal(numbered(bench.client('8').send(7, resumeOf(credentials, 0))).length, numbered(client).length)
})

test('when the resume window ends, other members are notified and a resume is rejected with 4006', () => {
  const { bench, other, credentials, client } = scene()
  client.drop()
  other.clear()
  bench.advance(29_999)
  assert.deepEqual(other.ops(13), [])
  bench.advance(1)
  assert.deepEqual(
    other.ops(13).map(({ d }) => d),
    [{ user_id: '1' }],
  )
  assert.equal(bench.client('8').send(7, resumeOf(credentials, 1)).closeCode, VoiceClose.SessionInvalid)
  assert.equal(connect(bench, credentials).closeCode, undefined)
})

test('a resume while the old connection is open replaces it', () => {
  const { bench, credentials, client } = scene()
  const resumed = bench.client('8').send(7, resumeOf(credentials, numbered(client).at(-1).seq))
  assert.equal(client.closeCode, VoiceClose.SessionInvalid)
  assert.deepEqual(resumed.opcodes(), [8, 9])
  bench.advance(10_000)
  resumed.send(3, 1)
  bench.advance(25_000)
  assert.equal(resumed.closeCode, undefined)
})

test('a resume with a wrong token is rejected with 4004 and does not affect the session', () => {
  const { bench, backend, credentials, client } = scene()
  const stranger = backend.join('3')
  for (const token of ['wrong', stranger.token]) {
    const thief = bench.client('8').send(7, { ...resumeOf(credentials, 1), token })
    assert.equal(thief.closeCode, VoiceClose.AuthenticationFailed)
  }
  assert.equal(client.closeCode, undefined)
  assert.equal(
    bench.client('9').send(7, { ...resumeOf(credentials, 1), channel_id: '7' }).closeCode,
    VoiceClose.AuthenticationFailed,
  )
})

test('a normal close ends the session at once; an abnormal one detaches it', () => {
  for (const code of [1000, 1001, 4014]) {
    const { other, client } = scene()
    client.drop(code)
    assert.equal(other.ops(13).length, 1, `close code ${code}`)
  }
  for (const code of [1005, 1006, 4000, 4900]) {
    const { other, client } = scene()
    client.drop(code)
    assert.equal(other.ops(13).length, 0, `close code ${code}`)
  }
})

test('a client that was closed for a protocol error may resume', () => {
  const { bench, credentials, client } = scene()
  const seqAck = numbered(client).at(-1).seq
  client.sendText('not json')
  assert.equal(client.closeCode, VoiceClose.DecodeError)
  assert.deepEqual(bench.client('8').send(7, resumeOf(credentials, seqAck)).opcodes(), [8, 9])
})

test('below version 8 a resume is followed by a fresh snapshot', () => {
  const { bench, other, credentials, client } = scene('7')
  other.send(5, { speaking: 1 })
  client.drop()
  const resumed = bench.client('7').send(7, resumeOf(credentials))
  assert.deepEqual(resumed.opcodes(), [8, 9, 11, 5, 12])
})

test('a user removed while disconnected cannot resume', () => {
  const { bench, backend, credentials, client } = scene()
  client.drop()
  backend.info(5, { user_id: '1', channel_id: '500', guild_id: '100' })
  assert.equal(bench.client('8').send(7, resumeOf(credentials, 1)).closeCode, VoiceClose.SessionInvalid)
  assert.equal(connect(bench, credentials).closeCode, VoiceClose.AuthenticationFailed)
})

test('after TOKEN_REFRESH the old token does not resume, and the session of its user is not disturbed', () => {
  const { bench, backend, credentials, client } = scene()
  const user = { user_id: credentials.user_id, channel_id: credentials.channel_id, guild_id: '100' }
  const { token } = backend.info(22, user).infos(4).at(-1)
  const stale = bench.client('8').send(7, resumeOf(credentials, 0))
  assert.equal(stale.closeCode, VoiceClose.AuthenticationFailed)
  assert.equal(client.closeCode, undefined)
  const resumed = bench.client('8').send(7, resumeOf({ ...credentials, token }, 0))
  assert.equal(resumed.ops(9).length, 1)
  assert.equal(client.closeCode, VoiceClose.SessionInvalid)
})

test('VOICE_STATE_DESTROY ends a session that waits for Resume, also if the voice state is created again', () => {
  const { bench, backend, credentials, client } = scene()
  client.drop()
  backend.info(5, { session_id: credentials.session_id })
  backend.join('1', '500', '100', { session_id: credentials.session_id })
  const stale = bench.client('8').send(7, resumeOf(credentials, 0))
  assert.equal(stale.closeCode, VoiceClose.SessionInvalid)
})

test('the channel token resumes only a session that identified with it', () => {
  const { bench, backend, credentials, client } = scene()
  const { token } = backend.info(0, { channel_id: '500', guild_id: '100' }).infos(1).at(-1)
  const taken = bench.client('8').send(7, resumeOf({ ...credentials, token }, 0))
  assert.equal(taken.closeCode, VoiceClose.AuthenticationFailed)
  assert.equal(client.closeCode, undefined)
  const shared = connect(bench, { ...credentials, token })
  shared.drop()
  assert.equal(
    bench
      .client('8')
      .send(7, resumeOf({ ...credentials, token }, 0))
      .ops(9).length,
    1,
  )
})

test('a client does not escape the message limits by resuming', () => {
  const { bench, credentials, client } = scene()
  let socket = client
  let sent = 0
  while (sent < 10 * LIMITS.chattyCommandsPerWindow) {
    for (let i = 0; i < 500; i++, sent++) socket.send(5, { speaking: i % 2 })
    if (socket.closeCode !== undefined) break
    socket = bench.client('8').send(7, resumeOf(credentials, 0))
  }
  assert.equal(socket.closeCode, VoiceClose.RateLimited)
  assert.ok(sent <= LIMITS.chattyCommandsPerWindow + 500, `${sent} messages`)
  const again = connect(bench, credentials)
  for (let i = 0; i < 5; i++) again.send(5, { speaking: i % 2 })
  assert.equal(again.closeCode, VoiceClose.RateLimited)
})

test('Identify and Resume are limited per voice state, and attempts with a wrong token do not count', () => {
  const { bench, backend, credentials } = scene()
  for (let i = 0; i < 2 * LIMITS.attemptsPerWindow; i++)
    bench.client('8').send(7, resumeOf({ ...credentials, token: 'wrong' }, 0))
  const attempt = () => bench.client('8').send(7, resumeOf(credentials, 0))
  for (let i = 1; i < LIMITS.attemptsPerWindow; i++) assert.equal(attempt().closeCode, undefined)
  const last = bench.client('8').send(7, resumeOf(credentials, 0))
  assert.equal(last.closeCode, VoiceClose.RateLimited)
  assert.equal(connect(bench, backend.join('3')).ops(4).length, 1)
  bench.advance(LIMITS.commandWindow / LIMITS.attemptsPerWindow)
  assert.equal(attempt().closeCode, undefined)
})
