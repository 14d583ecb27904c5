// ICE-TCP without a browser: what a TCP connection to the voice gateway's port becomes, and what strangers can do with it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { LvspClient } from '@parley/client'
import { createServer } from '@parley/server'
import { checkFor, FramedClient, negotiate } from './ice-tcp-client.ts'
import { CERTIFICATE, CERTIFICATE_FILE, KEY_FILE } from './trust.ts'
import { until } from './until.ts'
import { ANA } from './users.ts'

const GUILD = '41771983423143937'
const CHANNEL = '127121515262115840'

/** A node that terminates TLS, as it does where ICE-TCP is the default. */
async function scene(context: TestContext, media: object = {}) {
  const server = await createServer({
    http: { listen: '127.0.0.1:0', tls_cert: CERTIFICATE_FILE, tls_key: KEY_FILE },
    media: { listen: '127.0.0.1', port: 0, engine: 'portable', lanes: 0, ...media },
    log: { level: 'silent' },
  })
  context.after(() => server.close())
  const backend = new LvspClient({ url: server.lvspUrl, secret: server.secret, tls: { ca: CERTIFICATE } })
  context.after(() => backend.close())
  await backend.connect()
  await backend.requestChannel({ guildId: GUILD, channelId: CHANNEL })
  const join = async (userId: string) => {
    const { sessionId, token } = await backend.createVoiceState({ guildId: GUILD, channelId: CHANNEL, userId })
    const who = { server_id: GUILD, channel_id: CHANNEL, user_id: userId, session_id: sessionId, token }
    return negotiate(context, server.url, who, { ca: CERTIFICATE })
  }
  const port = Number(new URL(server.url).port)
  const metric = async (name: string) => {
    const text = await (await fetchText(port, '/metrics')).text
    return Number(new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1])
  }
  return { server, backend, join, port, metric }
}

/** One request over TLS. */
async function fetchText(port: number, path: string): Promise<{ text: string }> {
  const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: CERTIFICATE })
  await once(socket, 'secureConnect')
  socket.end(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
  let text = ''
  socket.setEncoding('utf8').on('data', part => {
    text += part
  })
  await once(socket, 'close')
  return { text }
}

const isResponse = (frame: Uint8Array | undefined) => frame?.[0] === 1 && frame[1] === 1

test('on one port TLS is answered as TLS, and a genuine check by the lane', async context => {
  const { join, port, metric } = await scene(context)
  const answer = await join(ANA)
  assert.equal(answer.candidates[1], `a=candidate:2 1 TCP 1518280447 127.0.0.1 ${port} typ host tcptype passive`)
  const client = new FramedClient(context, port)
  // In single bytes: the first alone tells what the connection is.
  const check = checkFor(answer)
  for (const byte of [0, check.length, ...check]) client.socket.write(Uint8Array.of(byte))
  await until('the response', () => client.frames.length > 0)
  assert.ok(isResponse(client.frames[0]))
  client.send(checkFor(answer))
  await until('the second response', () => client.frames.length > 1)
  assert.match((await fetchText(port, '/livez')).text, /alive/)
  assert.equal(await metric('parley_ice_tcp_connections'), 1)
  assert.equal(await metric('parley_half_open_connections'), 1)
  assert.equal(await metric('parley_ice_tcp_datagrams_total{direction="in"}'), 2)
})

test('the end of a session closes its TCP connections', async context => {
  const { join, port, backend } = await scene(context)
  const client = new FramedClient(context, port)
  client.send(checkFor(await join(ANA)))
  await until('the response', () => client.frames.length > 0)
  backend.destroyVoiceState({ guildId: GUILD, channelId: CHANNEL, userId: ANA })
  await until('the end of the connection', () => client.isClosed)
})

test('a client that changes its network is not locked out by its dead connections', async context => {
  const { join, port } = await scene(context)
  const answer = await join(ANA)
  const clients = Array.from({ length: 9 }, () => new FramedClient(context, port))
  for (const client of clients) {
    client.send(checkFor(answer))
    await until('the response', () => client.frames.length > 0)
  }
  await until('the end of the oldest', () => clients[0]!.isClosed)
  assert.deepEqual(
    clients.map(client => client.isClosed),
    [true, ...Array.from({ length: 8 }, () => false)],
  )
})

test('a stranger gets no byte: wrong password, unknown session, another first frame, a length without end', async context => {
  const { join, port, metric } = await scene(context)
  const answer = await join(ANA)
  const dial = () => new FramedClient(context, port)
  const [forged, unknown, media, huge, empty] = [dial(), dial(), dial(), dial(), dial()]
  forged.send(checkFor({ ...answer, password: 'another-password-of-24-ch' }))
  unknown.send(checkFor({ ...answer, ufrag: 'nobodyXX' }))
  media.send(new Uint8Array(40).fill(0x80))
  huge.socket.write(Uint8Array.of(0x07, 0xff, ...new Array<number>(3_000).fill(0xff)))
  empty.socket.write(Uint8Array.of(0, 0, 0xff, 0xff))
  for (const client of [forged, unknown, media, huge, empty]) {
    await until('the end of the connection', () => client.isClosed)
    assert.deepEqual(client.frames, [])
  }
  assert.equal(await metric('parley_ice_tcp_refused_total{reason="unauthenticated"}'), 4)
  assert.equal(await metric('parley_ice_tcp_refused_total{reason="malformed"}'), 1)
  const genuine = dial()
  genuine.send(checkFor(answer))
  await until('the response', () => genuine.frames.length > 0)
})

test('an authenticated client that sends a length above the limit is closed', async context => {
  const { join, port } = await scene(context)
  const client = new FramedClient(context, port)
  client.send(checkFor(await join(ANA)))
  await until('the response', () => client.frames.length > 0)
  client.socket.write(Uint8Array.of(0xff, 0xff))
  await until('the end of the connection', () => client.isClosed)
})

test('a check that arrives byte by byte without end is cut at its deadline', { timeout: 30_000 }, async context => {
  const { port, metric } = await scene(context)
  const client = new FramedClient(context, port)
  client.socket.write(Uint8Array.of(1, 0))
  const timer = setInterval(() => client.socket.write(Uint8Array.of(0)), 200)
  context.after(() => clearInterval(timer))
  await until('the end of the connection', () => client.isClosed, 20_000)
  assert.equal(await metric('parley_ice_tcp_refused_total{reason="late"}'), 1)
})

test('of a thousand silent connections each costs a half-open place, and a genuine client is served', async context => {
  const { join, port, metric } = await scene(context)
  const answer = await join(ANA)
  const flood = Array.from({ length: 1_000 }, () => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' })
    socket.on('error', () => {})
    context.after(() => socket.destroy())
    return socket
  })
  await Promise.all(flood.map(socket => once(socket, 'connect')))
  for (const socket of flood) socket.write(Uint8Array.of(0))
  const beyond = new FramedClient(context, port, '127.0.0.2')
  const client = new FramedClient(context, port)
  client.send(checkFor(answer))
  await until('the response', () => client.frames.length > 0)
  await until('the end of the connection above the limit', () => beyond.isClosed)
  assert.equal(await metric('parley_refused_total{reason="halfOpenPerAddress"}'), 1)
  assert.ok((await metric('parley_half_open_connections')) >= 1_000)
})

test('without TLS, or with media.tcp disabled, there is no TCP candidate and a frame is an invalid request', async context => {
  const { join, port } = await scene(context, { tcp: false })
  const answer = await join(ANA)
  assert.deepEqual(answer.candidates.length, 1)
  const client = new FramedClient(context, port)
  client.send(checkFor(answer))
  await until('the end of the connection', () => client.isClosed)
})
