// Faults of connections, messages and the main gateway, as a client without a library sees them on the wire.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, type TestContext, test } from 'node:test'
import { RawBot } from '../testing/raw-bot.ts'
import { RawVoice } from '../testing/raw-voice.ts'
import { createTestServer } from './test-server.ts'
import type { TestServer } from './test-server-types.ts'

const LOUNGE = '1300000000000000002'
const MUSIC = '1300000000000000003'
let server: TestServer
before(async () => {
  server = await createTestServer({
    world: {
      guilds: [
        {
          id: '1300000000000000001',
          name: 'faults',
          channels: [
            { id: LOUNGE, name: 'lounge' },
            { id: MUSIC, name: 'music fault:unknown-opcode' },
          ],
        },
      ],
    },
  })
})
after(() => server.close())

/** A user of this test only, with faults in its token. */
const login = (t: TestContext, faults = '') => RawBot.login(t, server, `user${++users}.fault:${faults}`)
let users = 0
const nameOf = (bot: RawBot): string => bot.ready.user.id

async function opened(t: TestContext, faults: string) {
  const bot = await login(t, faults)
  return { bot, voice: await RawVoice.open(t, server, bot, LOUNGE) }
}
async function joined(t: TestContext, faults: string) {
  const bot = await login(t, faults)
  return { bot, voice: await RawVoice.join(t, server, bot, LOUNGE) }
}
test('a user with too many faults for a channel is closed with the reason, and has not joined', async t => {
  const bot = await login(t, Array(32).fill('drop-ws').join())
  const closed = once(bot.socket, 'close')
  bot.send(4, { guild_id: '1300000000000000001', channel_id: MUSIC, self_mute: false, self_deaf: false })
  const [code, reason] = await closed
  assert.deepEqual([code, String(reason)], [4002, 'faults: a user has at most 32; clear them first'])
  assert.equal(
    bot.received.find(({ t: type }) => type === 'VOICE_STATE_UPDATE'),
    undefined,
  )
})

/** The connection is refused before it is a WebSocket. */
async function refused(t: TestContext, faults: string) {
  const bot = await login(t, faults)
  const voice = new RawVoice(t, server, await bot.credentials(LOUNGE))
  await voice.closed()
  return voice.error!.message
}

test('close-ws closes with its code, and 1006 is a connection without a close frame', async t => {
  assert.equal(await (await joined(t, 'close-ws:4014')).voice.closed(), 4014)
  assert.equal(await (await joined(t, 'close-ws:1006')).voice.closed(), 1006)
})

test('drop-ws ends the connection without a close frame', async t => {
  assert.equal(await (await joined(t, 'drop-ws@20ms')).voice.closed(), 1006)
})

test('half-close-ws ends the direction of the server without a close frame', async t => {
  assert.equal(await (await joined(t, 'half-close-ws')).voice.closed(), 1006)
})

test('silent-ws and unread-ws keep the connection open and answer no heartbeat', async t => {
  for (const faults of ['silent-ws@after:session', 'unread-ws@after:session']) {
    const { voice, bot } = await joined(t, 'no-heartbeat-ack:1')
    voice.send(3, { t: 1, seq_ack: 0 })
    voice.send(3, { t: 2, seq_ack: 0 })
    assert.equal((await voice.message(6)).d.t, 2)
    server.fault(nameOf(bot), faults.split('@')[0]!)
    voice.send(3, { t: 3, seq_ack: 0 })
    await bot.roundTrip()
    assert.equal(voice.received.filter(({ op }) => op === 6).length, 1)
    assert.equal(voice.closeCode, undefined)
  }
})

test('refuse-ws resets as many connections as it names', async t => {
  const bot = await login(t, 'refuse-ws:1')
  const credentials = await bot.credentials(LOUNGE)
  const first = new RawVoice(t, server, credentials)
  await first.closed()
  assert.match(first.error!.message, /ECONNRESET|socket hang up|disconnected/)
  const second = new RawVoice(t, server, credentials)
  await once(second.socket, 'open')
})

test('silent-tcp accepts the connection and does not answer the TLS handshake', async t => {
  const bot = await login(t, 'silent-tcp:1')
  const credentials = await bot.credentials(LOUNGE)
  const first = new RawVoice(t, server, credentials)
  const second = new RawVoice(t, server, credentials)
  await once(second.socket, 'open')
  assert.equal(first.socket.readyState, 0)
})

test('no-upgrade answers with its HTTP status', async t => {
  assert.match(await refused(t, 'no-upgrade:502'), /502/)
})

test('wrong-certificate is refused by a client that verifies certificates', async t => {
  assert.match(await refused(t, 'wrong-certificate'), /self-signed|self signed|unable to verify/)
})

test('wrong-endpoint names a port without a server', async t => {
  assert.match(await refused(t, 'wrong-endpoint'), /ECONNREFUSED/)
})

test('no-hello leaves out Hello, and hello-twice repeats it', async t => {
  const without = await opened(t, 'no-hello')
  await without.voice.identify()
  assert.deepEqual(
    without.voice.received.filter(({ op }) => op === 8),
    [],
  )
  const twice = await opened(t, 'hello-twice')
  await twice.voice.identify()
  assert.equal(twice.voice.received.filter(({ op }) => op === 8).length, 2)
})

test('late messages are overtaken, and slow-ws keeps their order', async t => {
  const late = await opened(t, 'late-hello:200ms')
  await late.voice.identify()
  await late.voice.message(8)
  assert.deepEqual(
    late.voice.received.map(({ op }) => op).filter(op => op === 2 || op === 8),
    [2, 8],
  )
  const slow = await opened(t, 'slow-ws:50')
  await slow.voice.identify()
  assert.deepEqual(
    slow.voice.received.map(({ op }) => op).filter(op => op === 2 || op === 8),
    [8, 2],
  )
})

test('heartbeat-interval names its interval in Hello', async t => {
  const { voice } = await opened(t, 'heartbeat-interval:700ms')
  assert.equal((await voice.message(8)).d.heartbeat_interval, 700)
})

test('heartbeats are acknowledged with another nonce, or lost', async t => {
  const wrong = await joined(t, 'wrong-heartbeat-nonce')
  wrong.voice.send(3, { t: 77, seq_ack: 0 })
  assert.equal((await wrong.voice.message(6)).d.t, 1)
  const lost = await joined(t, 'heartbeats-lost:1')
  lost.voice.send(3, { t: 77, seq_ack: 0 })
  lost.voice.send(3, { t: 78, seq_ack: 0 })
  assert.equal((await lost.voice.message(6)).d.t, 78)
})

test('Ready and Session Description are lost or late', async t => {
  for (const faults of ['no-ready', 'no-session-description']) {
    const { voice, bot } = await opened(t, faults)
    const { serverId, userId, sessionId, token } = voice.credentials
    voice.send(0, { server_id: serverId, user_id: userId, session_id: sessionId, token })
    if (faults === 'no-session-description') {
      await voice.next('Ready', () => voice.ready !== undefined)
      voice.send(1, { protocol: 'udp', data: { address: '127.0.0.1', port: 1, mode: 'aead_aes256_gcm_rtpsize' } })
    }
    const { op } = { op: faults === 'no-ready' ? 2 : 4 }
    await bot.traced(server, { kind: 'message', op, fate: 'lost' })
    assert.equal(voice.received.filter(message => message.op === op).length, 0)
  }
  const { voice } = await joined(t, 'late-ready:30ms,late-session-description:30ms')
  assert.equal(voice.received.filter(({ op }) => op === 4).length, 1)
})

test('members are announced late, twice or never', async t => {
  const first = await joined(t, '')
  const second = await joined(t, 'no-clients-connect')
  const third = await joined(t, 'member-twice')
  await third.voice.message(11)
  assert.equal(third.voice.received.filter(({ op }) => op === 11).length, 2)
  assert.equal(second.voice.received.filter(({ op }) => op === 11).length, 0)
  server.fault(nameOf(second.bot), 'no-speaking,no-client-disconnect')
  const before = second.voice.received.length
  first.voice.send(5, { speaking: 1, delay: 0, ssrc: first.voice.ready.ssrc })
  await third.voice.next('Speaking', () =>
    third.voice.received.some(({ op, d }) => op === 5 && d.user_id === nameOf(first.bot)),
  )
  first.bot.send(4, { guild_id: first.voice.credentials.serverId, channel_id: null })
  await third.voice.message(13)
  await second.bot.traced(server, { kind: 'message', op: 13, fate: 'lost' })
  assert.deepEqual(
    second.voice.received.slice(before).filter(({ op }) => op === 5 || op === 13),
    [],
  )
})

test('unknown messages, unknown fields and large values', async t => {
  const { voice, bot } = await joined(t, 'extra-fields')
  assert.equal(voice.ready.parley_test, true)
  server.fault(nameOf(bot), 'unknown-opcode,unknown-binary,bad-json,many-members:300,largest-ids')
  await voice.message(250)
  await voice.next('a binary message', () => voice.binary.some(({ op }) => op === 250))
  await voice.next('unreadable text', () => voice.unreadable.length === 1)
  const many = () => voice.received.find(({ op, d }) => op === 11 && d.user_ids.length === 300)
  await voice.next('300 members', () => many() !== undefined)
  const largest = () => voice.received.find(({ op, d }) => op === 5 && d.user_id === '18446744073709551615')
  await voice.next('the largest id', () => largest() !== undefined)
  assert.equal(largest()?.d.ssrc, 4_294_967_295)
})

test('sequence-wrap numbers messages from 65530 on, and the client resumes with these numbers', async t => {
  const { voice, bot } = await joined(t, 'sequence-wrap')
  for (let index = 0; index < 6; index++) {
    const other = await joined(t, '')
    other.bot.socket.close(1000)
  }
  const numbered = () => voice.received.flatMap(({ seq }) => seq ?? [])
  await voice.next('a wrap', () => numbered().some(seq => seq < 100))
  assert.ok(numbered()[0]! >= 65_530)
  const last = numbered().at(-1)!
  server.fault(nameOf(bot), 'drop-ws')
  await voice.closed()
  const again = new RawVoice(t, server, voice.credentials)
  await once(again.socket, 'open')
  const { serverId, sessionId, token } = voice.credentials
  again.send(7, { server_id: serverId, session_id: sessionId, token, seq_ack: last })
  await again.message(9)
})

test('no-resumed leaves out the answer to Resume, and a trigger closes at it', async t => {
  const { voice, bot } = await joined(t, 'no-resumed,close-ws:4006@after:resume')
  server.fault(nameOf(bot), 'drop-ws')
  await voice.closed()
  const again = new RawVoice(t, server, voice.credentials)
  await once(again.socket, 'open')
  const { serverId, sessionId, token } = voice.credentials
  again.send(7, { server_id: serverId, session_id: sessionId, token, seq_ack: -1 })
  assert.equal(await again.closed(), 4006)
  assert.equal(again.received.filter(({ op }) => op === 9).length, 0)
})

test('VOICE_SERVER_UPDATE is withdrawn, repeated, doubled, late, lost, or has a wrong token', async t => {
  const { bot, voice } = await joined(t, '')
  server.fault(nameOf(bot), 'endpoint-null')
  assert.equal((await bot.event('VOICE_SERVER_UPDATE')).d.endpoint, null)
  server.fault(nameOf(bot), 'endpoint-again')
  const { d } = await bot.event('VOICE_SERVER_UPDATE')
  assert.equal(d.endpoint, voice.credentials.endpoint)
  server.fault(nameOf(bot), 'server-update-twice,late-server-update:10ms,wrong-token')
  server.fault(nameOf(bot), 'endpoint-again')
  const first = await bot.event('VOICE_SERVER_UPDATE')
  assert.deepEqual((await bot.event('VOICE_SERVER_UPDATE')).d, first.d)
  const wrong = new RawVoice(t, server, { ...voice.credentials, token: first.d.token })
  await once(wrong.socket, 'open')
  const { serverId, userId, sessionId } = voice.credentials
  wrong.send(0, { server_id: serverId, user_id: userId, session_id: sessionId, token: first.d.token })
  assert.equal(await wrong.closed(), 4004)
  server.clearFaults(nameOf(bot))
  server.fault(nameOf(bot), 'server-update-lost')
  server.fault(nameOf(bot), 'endpoint-again')
  await bot.roundTrip()
  assert.equal(bot.received.filter(({ t }) => t === 'VOICE_SERVER_UPDATE').length, 5)
})

test('the own VOICE_STATE_UPDATE is late or lost', async t => {
  const bot = await login(t, 'late-voice-state:200ms')
  bot.send(4, { guild_id: '1300000000000000001', channel_id: LOUNGE })
  await bot.event('VOICE_SERVER_UPDATE')
  await bot.event('VOICE_STATE_UPDATE')
  const without = await login(t, 'voice-state-lost')
  without.send(4, { guild_id: '1300000000000000001', channel_id: LOUNGE })
  await without.event('VOICE_SERVER_UPDATE')
  assert.ok(!without.received.some(({ t, d }) => t === 'VOICE_STATE_UPDATE' && d.user_id === nameOf(without)))
})

test('endpoint-move names no endpoint first, then that of the second node', async t => {
  const { bot, voice } = await joined(t, '')
  server.fault(nameOf(bot), 'endpoint-move')
  assert.equal((await bot.event('VOICE_SERVER_UPDATE')).d.endpoint, null)
  const { d } = await bot.event('VOICE_SERVER_UPDATE')
  assert.match(d.endpoint, /^127\.0\.0\.1:\d+$/)
  assert.notEqual(d.endpoint, voice.credentials.endpoint)
})

test('the main gateway reconnects, invalidates, closes and drops', async t => {
  const asked = await login(t)
  server.fault(nameOf(asked), 'gateway-reconnect')
  await joinedSession(asked)
  await asked.next(({ op }) => op === 7)
  const ended = await login(t)
  server.fault(nameOf(ended), 'invalid-session')
  await joinedSession(ended)
  assert.equal((await ended.next(({ op }) => op === 9)).d, false)
  for (const [faults, code] of [
    ['close-gateway:4000', 4000],
    ['drop-gateway', 1006],
  ] as const) {
    const bot = await login(t)
    server.fault(nameOf(bot), faults)
    await joinedSession(bot)
    assert.equal(await bot.closed(), code)
  }

  /** Faults that happen once wait for the voice session. */
  async function joinedSession(bot: RawBot) {
    await RawVoice.join(t, server, bot, LOUNGE)
  }
})

test('a channel’s name holds faults for the users in it', async t => {
  const bot = await login(t)
  const voice = await RawVoice.join(t, server, bot, MUSIC)
  await voice.message(250)
})
