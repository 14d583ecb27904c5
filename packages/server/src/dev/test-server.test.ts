import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { WebSocket } from 'ws'
import { RawBot } from '../testing/raw-bot.ts'
import { createTestServer } from './test-server.ts'
import type { TestServer } from './test-server-types.ts'

const GUILD = '1300000000000000001'
const LOUNGE = '1300000000000000002'
const MUSIC = '1300000000000000003'
const STAGE = '1300000000000000004'

async function open(t: { after(close: () => Promise<void>): void }): Promise<TestServer> {
  const server = await createTestServer()
  t.after(() => server.close())
  return server
}

async function rest(server: TestServer, method: string, path: string, body?: object) {
  const response = await fetch(`${server.addresses.rest}${path}`, {
    method,
    headers: { authorization: 'Bot ana' },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}

async function control(server: TestServer, path: string, body?: object, token = server.addresses.token) {
  const response = await fetch(`${server.addresses.control}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}` },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}

test('a bot with any token receives Ready and its guild', async t => {
  const server = await open(t)
  const bot = await RawBot.login(t, server, 'ana')
  assert.equal(bot.ready.user.username, 'ana')
  assert.deepEqual(bot.ready.guilds, [{ id: GUILD, unavailable: true }])
  const { d: guild } = bot.received.find(({ t }) => t === 'GUILD_CREATE')!
  assert.deepEqual(
    guild.channels.map(({ id, type }: { id: string; type: number }) => [id, type]),
    [
      [LOUNGE, 2],
      [MUSIC, 2],
      [STAGE, 13],
    ],
  )
  assert.equal(guild.members[0].user.id, bot.ready.user.id)
  bot.send(1, 2)
  assert.equal((await bot.next(({ op }) => op === 11)).op, 11)
})

test('a token with the prefix of REST names the same user', async t => {
  const server = await open(t)
  const bot = await RawBot.login(t, server, 'Bot ana')
  assert.equal(bot.ready.user.username, 'ana')
})

test('JSON in a binary message is read as text is', async t => {
  const server = await open(t)
  const bot = new RawBot(t, server)
  await bot.next(({ op }) => op === 10)
  bot.socket.send(Buffer.from(JSON.stringify({ op: 2, d: { token: 'ana', intents: 0 } })))
  assert.equal((await bot.event('READY')).d.user.username, 'ana')
})

test('a token that begins with an id, as Discord’s do, names it and the user', async t => {
  const server = await open(t)
  const token = `${Buffer.from('123456789012345678').toString('base64')}.eve.x`
  const bot = await RawBot.login(t, server, token)
  assert.deepEqual([bot.ready.user.id, bot.ready.user.username], ['123456789012345678', 'eve'])
})

test('a bot joins, is moved, and leaves', async t => {
  const server = await open(t)
  const ana = await RawBot.login(t, server, 'ana')
  const voice = await ana.voice(t, server, LOUNGE)
  await voice.connect()
  assert.equal(server.members[0]?.channel, LOUNGE)
  const closed = new Promise<{ code: number }>(resolve => voice.once('closed', resolve))
  server.move('ana', MUSIC)
  assert.equal((await closed).code, 4014)
  assert.equal((await ana.event('VOICE_STATE_UPDATE')).d.channel_id, MUSIC)
  await ana.event('VOICE_SERVER_UPDATE')
  ana.send(4, { guild_id: GUILD, channel_id: null })
  assert.equal((await ana.event('VOICE_STATE_UPDATE')).d.channel_id, null)
  assert.deepEqual(server.members, [])
})

test('permissions of a channel decide who joins and who may speak, and are part of the channel', async t => {
  const server = await open(t)
  const ana = await RawBot.login(t, server, 'ana')
  const { id } = ana.ready.user
  const path = (channel: string, target: string) => `/v10/channels/${channel}/permissions/${target}`
  const deny = { connect: String(1 << 20), speak: String(1 << 21) }

  assert.equal((await rest(server, 'PUT', path(MUSIC, GUILD), { type: 0, deny: deny.connect })).status, 204)
  const { d: changed } = await ana.event('CHANNEL_UPDATE')
  const overwrite = { id: GUILD, type: 0, allow: '0', deny: deny.connect }
  assert.deepEqual([changed.id, changed.position, changed.permission_overwrites], [MUSIC, 1, [overwrite]])
  ana.send(4, { guild_id: GUILD, channel_id: MUSIC })
  ana.send(4, { guild_id: GUILD, channel_id: LOUNGE })
  const { d: joined } = await ana.event('VOICE_STATE_UPDATE')
  assert.deepEqual([joined.channel_id, joined.suppress], [LOUNGE, false])

  assert.equal(
    (await rest(server, 'PUT', path(LOUNGE, id), { type: 'member', deny: deny.speak, allow: 0 })).status,
    204,
  )
  assert.equal((await ana.event('VOICE_STATE_UPDATE')).d.suppress, true)
  assert.equal(server.members[0]?.suppress, true)
  assert.equal((await rest(server, 'DELETE', path(LOUNGE, id))).status, 204)
  assert.equal((await ana.event('VOICE_STATE_UPDATE')).d.suppress, false)

  // What a member is allowed counts more than what everyone is denied.
  await rest(server, 'PUT', path(MUSIC, id), { type: 1, allow: deny.connect })
  ana.send(4, { guild_id: GUILD, channel_id: MUSIC })
  assert.equal((await ana.event('VOICE_STATE_UPDATE')).d.channel_id, MUSIC)
  const refused = await rest(server, 'PUT', path(LOUNGE, id), { type: 7 })
  assert.deepEqual([refused.status, refused.body.code], [400, 50_035])
  assert.equal((await rest(server, 'PUT', path('1', id), { type: 1 })).status, 404)
})

test('a session resumes with what it missed, and an unknown one is invalid', async t => {
  const server = await open(t)
  const ana = await RawBot.login(t, server, 'ana')
  const seq = ana.received.at(-1)?.s
  ana.socket.terminate()
  await ana.closed()
  const ben = await RawBot.login(t, server, 'ben')
  ben.send(4, { guild_id: GUILD, channel_id: LOUNGE })
  await ben.event('VOICE_STATE_UPDATE')
  const again = new RawBot(t, server)
  await again.next(({ op }) => op === 10)
  again.send(6, { token: 'ana', session_id: ana.ready.session_id, seq })
  assert.equal((await again.event('VOICE_STATE_UPDATE')).d.user_id, ben.ready.user.id)
  await again.event('RESUMED')
  for (const resume of [
    { token: 'ana', session_id: 'unknown', seq },
    { token: 'eve', session_id: ana.ready.session_id, seq },
    { token: 'ana', session_id: ana.ready.session_id, seq: 99 },
  ]) {
    const bot = new RawBot(t, server)
    await bot.next(({ op }) => op === 10)
    bot.send(6, resume)
    assert.equal((await bot.next(({ op }) => op === 9)).d, false)
  }
})

test('a user leaves the call when its main gateway connection is closed for good', async t => {
  const server = await open(t)
  const ana = await RawBot.login(t, server, 'ana')
  const ben = await RawBot.login(t, server, 'ben')
  ana.send(4, { guild_id: GUILD, channel_id: LOUNGE })
  await ana.event('VOICE_SERVER_UPDATE')
  ana.socket.close(1000)
  await ben.next(({ t, d }) => t === 'VOICE_STATE_UPDATE' && d.channel_id === null)
  assert.deepEqual(server.members, [])
})

test('zlib-stream compresses all messages of a connection as one stream', async t => {
  const server = await open(t)
  const socket = new WebSocket(`${server.addresses.gateway}?v=9&encoding=json&compress=zlib-stream`)
  t.after(() => socket.terminate())
  const parts: Buffer[] = []
  const first = new Promise<void>(resolve => socket.once('message', () => resolve()))
  socket.on('message', (data: Buffer) => parts.push(data))
  await first
  const ready = new Promise<void>(resolve => socket.on('message', () => parts.length >= 2 && resolve()))
  socket.send(JSON.stringify({ op: 2, d: { token: 'ana', intents: 0 } }))
  await ready
  for (const part of parts) assert.deepEqual([...part.subarray(-4)], [0, 0, 0xff, 0xff])
  // Z_SYNC_FLUSH: the stream has no end.
  const text = inflateSync(Buffer.concat(parts), { finishFlush: 2 }).toString()
  assert.match(text, /"op":10.*"t":"READY"/)
})

test('zstd-stream is one frame of raw blocks, of which each message ends one', async t => {
  const server = await createTestServer({
    world: { guilds: [{ id: GUILD, name: 'many', channels: manyChannels(200) }] },
  })
  t.after(() => server.close())
  const socket = new WebSocket(`${server.addresses.gateway}?v=10&encoding=json&compress=zstd-stream`)
  t.after(() => socket.terminate())
  const parts: Buffer[] = []
  socket.on('message', (data: Buffer) => parts.push(data))
  await new Promise<void>(resolve => socket.once('message', () => resolve()))
  const all = new Promise<void>(resolve => socket.on('message', () => parts.length >= 3 && resolve()))
  socket.send(JSON.stringify({ op: 2, d: { token: 'ana', intents: 1 } }))
  await all
  const stream = Buffer.concat(parts)
  // RFC 8878: magic number, no checksum, window of 2^(10 + 7) bytes.
  assert.deepEqual([...stream.subarray(0, 6)], [0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3])
  const blocks: Buffer[] = []
  for (let at = 6; at < stream.length; ) {
    const header = stream.readUIntLE(at, 3)
    assert.equal(header & 7, 0, 'a raw block, not the last one')
    blocks.push(stream.subarray(at + 3, at + 3 + (header >> 3)))
    assert.ok(header >> 3 <= 128 * 1024)
    at += 3 + (header >> 3)
  }
  assert.ok(blocks.length >= 3)
  assert.match(Buffer.concat(blocks).toString(), /"op":10.*"t":"READY".*"t":"GUILD_CREATE"/)
})

const manyChannels = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: String(index + 1), name: 'c'.repeat(90) }))

test('a client that breaks a rule of the main gateway is closed with its code', async t => {
  const server = await open(t)
  const after = async (query: string | undefined, ...messages: string[]) => {
    const bot = new RawBot(t, server, query)
    if (messages.length > 0) await bot.next(({ op }) => op === 10)
    for (const message of messages) bot.socket.send(message)
    return bot.closed()
  }
  const identify = JSON.stringify({ op: 2, d: { token: 'ana', intents: 0 } })
  assert.equal(await after('?v=8'), 4012)
  assert.equal(await after('?v=10&encoding=etf'), 4002)
  assert.equal(await after(undefined, '{'), 4002)
  assert.equal(await after(undefined, '{"op":99}'), 4001)
  assert.equal(await after(undefined, '{"op":4,"d":{"guild_id":"1","channel_id":null}}'), 4003)
  assert.equal(await after(undefined, identify, identify), 4005)
  assert.equal(await after(undefined, identify.replace('ana', 'ana.fault:unknown')), 4004)
  assert.equal(await after(undefined, ...Array<string>(121).fill('{"op":1,"d":null}')), 4008)
  assert.equal(await after(undefined, ' '.repeat(5_000)), 1009)
})

test('REST answers what libraries read, and errors in the shape of Discord', async t => {
  const server = await open(t)
  const me = await rest(server, 'GET', '/v10/users/@me')
  assert.equal(me.body.username, 'ana')
  for (const path of [
    '/v10/gateway',
    '/v10/gateway/bot',
    '/v9/applications/@me',
    '/oauth2/applications/@me',
    '/soundboard-default-sounds',
  ])
    assert.equal((await rest(server, 'GET', path)).status, 200, path)
  for (const path of ['', '/channels', '/members', '/roles', `/members/${me.body.id}`])
    assert.equal((await rest(server, 'GET', `/v10/guilds/${GUILD}${path}`)).status, 200, path)
  const commands = await rest(server, 'PUT', `/v10/applications/${me.body.id}/commands`, [{ name: 'play' }])
  assert.deepEqual(commands, { status: 200, body: [] })
  assert.deepEqual(await rest(server, 'GET', '/v10/channels/1'), {
    status: 404,
    body: { message: 'Unknown Channel', code: 10_003 },
  })
  assert.equal((await rest(server, 'GET', `/v10/guilds/${GUILD}/voice-states/@me`)).body.code, 10_065)
  const message = await rest(server, 'POST', `/v10/channels/${LOUNGE}/messages`)
  assert.equal(message.status, 501)
  assert.match(message.body.message, /the test server covers voice only/)
  const kick = await rest(server, 'PATCH', `/v10/guilds/${GUILD}/members/@me`, { channel_id: null })
  assert.deepEqual(kick.body, { message: 'Target user is not connected to voice.', code: 40_032 })
  const response = await fetch(`${server.addresses.rest}/v10/users/@me`)
  assert.equal(response.status, 401)
  assert.deepEqual(await response.json(), { message: '401: Unauthorized', code: 0 })
  const long = await rest(server, 'PATCH', `/v10/guilds/${GUILD}/members/@me`, { nick: 'x'.repeat(70_000) })
  assert.equal(long.status, 413)
})

test('a request that offers HTTP/2 is answered with HTTP/1.1, body included', async t => {
  const server = await open(t)
  await RawBot.login(t, server, 'ana')
  const { hostname, port } = new URL(server.addresses.control)
  const socket = connect(Number(port), hostname)
  t.after(() => socket.destroy())
  const body = '{"user":"ana","what":"rules"}'
  const head = `POST /control/expect HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.addresses.token}\r\nContent-Length: ${body.length}`
  const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA'
  socket.write(`${head}\r\n${offer}\r\n\r\n${body}`)
  let answer = ''
  for await (const part of socket) {
    answer += part
    if (answer.includes('}')) break
  }
  assert.match(answer, /^HTTP\/1.1 200 OK.*\{"met":true\}/s)
})

test('an id that is sent as a number keeps its digits', async t => {
  const server = await open(t)
  const ana = await RawBot.login(t, server, 'ana')
  ana.socket.send(`{"op":4,"d":{"guild_id":${GUILD},"channel_id":${LOUNGE},"self_mute":false,"self_deaf":false}}`)
  await ana.event('VOICE_SERVER_UPDATE')
  const response = await fetch(`${server.addresses.rest}/v10/guilds/${GUILD}/members/@me`, {
    method: 'PATCH',
    headers: { authorization: 'Bot ana' },
    body: `{"channel_id":${MUSIC}}`,
  })
  assert.equal(response.status, 200)
  assert.equal(server.members[0]?.channel, MUSIC)
})

test('a member of a stage is suppressed until a moderator lets it speak', async t => {
  const server = await open(t)
  const ana = await RawBot.login(t, server, 'ana')
  await (await ana.voice(t, server, STAGE)).connect()
  assert.equal(server.members[0]?.suppress, true)
  const path = `/v10/guilds/${GUILD}/voice-states/@me`
  assert.equal((await rest(server, 'PATCH', path, { suppress: false })).status, 204)
  assert.equal((await rest(server, 'GET', path)).body.suppress, false)
})

test('the control API moves, mutes, kicks and destroys', async t => {
  const server = await open(t)
  const ana = await RawBot.login(t, server, 'ana')
  const voice = await ana.voice(t, server, LOUNGE)
  await voice.connect()
  assert.equal((await control(server, '/members', undefined, 'wrong')).status, 401)
  assert.equal((await control(server, '/nothing', {})).status, 404)
  assert.equal((await control(server, '/kick', { user: 'eve' })).status, 404)
  assert.equal((await control(server, '/move', { user: 'ana', channel: '1' })).status, 404)
  assert.equal((await control(server, '/faults', { user: 'ana', faults: 'none' })).status, 400)
  assert.equal((await control(server, '/faults')).body['udp-loss'].kind, 'lasting')
  assert.equal((await control(server, '/mute', { user: 'ana' })).status, 204)
  assert.equal((await control(server, '/members')).body[0].mute, true)
  assert.equal((await control(server, '/kick', { user: 'ana' })).status, 204)
  assert.equal((await control(server, '/kick', { user: 'ana' })).status, 409)
  const again = await ana.voice(t, server, LOUNGE)
  await again.connect()
  const closed = new Promise<{ code: number }>(resolve => again.once('closed', resolve))
  assert.equal((await control(server, '/destroy-channel', { channel: LOUNGE })).status, 204)
  assert.equal((await closed).code, 4014)
  assert.deepEqual((await control(server, '/members')).body, [])
  await ana.event('CHANNEL_DELETE')
})

test('the control API waits for expectations, and has transcripts and traces', async t => {
  const server = await open(t)
  const ana = await RawBot.login(t, server, 'ana')
  const voice = await ana.voice(t, server, LOUNGE)
  await voice.connect()
  assert.deepEqual((await control(server, '/expect', { user: 'ana', what: 'joined', within: '5s' })).body, {
    met: true,
  })
  const { body } = await control(server, '/expect', { user: 'ana', what: 'audio', within: '20ms', count: 3 })
  assert.equal(body.met, false)
  assert.match(body.sentence, /^ana: expected audio \(at least 3 packets\) within 0.02 s; it sent 0 RTP packets/)
  assert.equal((await control(server, '/expect', { user: 'ana', what: 'nothing' })).status, 400)
  assert.equal((await control(server, '/expect', { user: 'ana', what: 'audio', within: '1h' })).status, 400)
  assert.equal((await control(server, '/transcript?user=ana')).body.sessions, 1)
  const trace = async (query: string) => {
    const response = await fetch(`${server.addresses.control}/trace?${query}`, {
      headers: { authorization: `Bearer ${server.addresses.token}` },
    })
    return { status: response.status, text: await response.text() }
  }
  assert.match((await trace('user=ana&format=text')).text, /op 0 Identify/)
  assert.match((await trace('format=html')).text, /^<!doctype html>/)
  assert.match((await trace('')).text, /^\{"at":/)
  assert.equal((await trace('format=pdf')).status, 400)
  assert.equal((await trace('user=eve')).status, 404)
  assert.equal((await control(server, '/clear-trace', {})).status, 204)
  assert.deepEqual(server.trace.events(), [])
})

test('the OpenAPI document describes each route, and needs no token', async t => {
  const server = await open(t)
  const response = await fetch(`${server.addresses.control}/openapi.json`)
  const document = (await response.json()) as { openapi: string; paths: Record<string, Record<string, object>> }
  assert.equal(document.openapi, '3.1.0')
  const routes = (await control(server, '/')).body as { method: string; path: string }[]
  assert.ok(routes.length >= 19)
  for (const { method, path } of routes) assert.ok(document.paths[path]?.[method.toLowerCase()], `${method} ${path}`)
})

test('a hundred clients share one server, and a server starts in milliseconds', async t => {
  const started = performance.now()
  const server = await open(t)
  const start = performance.now() - started
  t.diagnostic(`start ${start.toFixed(0)} ms`)
  const clients = await Promise.all(
    Array.from({ length: 100 }, async (_, number) => {
      const faults = number % 2 === 0 ? '.fault:drop-ws@10ms' : ''
      const bot = await RawBot.login(t, server, `user${number}${faults}`)
      const voice = await bot.voice(t, server, number % 3 === 0 ? LOUNGE : MUSIC)
      const resumed = new Promise<void>(resolve => voice.once('resumed', () => resolve()))
      await voice.connect()
      if (faults !== '') await resumed
      return server.user(`user${number}`)
    }),
  )
  assert.equal(server.members.length, 100)
  for (const [number, client] of clients.entries())
    assert.equal(client.transcript.resumed, number % 2 === 0 ? 1 : 0, client.name)
})
