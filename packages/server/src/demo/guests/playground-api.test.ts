// Answers of the demo to its playground, and refusals.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { createDemoBackend, createServer, type DemoBackend, type Server } from '../../index.ts'
import { Guests } from './guests.ts'
import { DemoPlaygroundApi } from './playground-api.ts'

const api = new DemoPlaygroundApi()
const BOT = '42'
let server: Server
let backend: DemoBackend
let origin: string

before(async () => {
  server = await createServer({ playground: { port: 0, api } })
  origin = new URL(server.playgroundUrl!).origin
})
after(async () => {
  await backend.close()
  await server.close()
})

interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

/** Sends exactly the given headers, including `Host`, which fetch does not allow. */
function ask(path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST'
    const asking = request(`${origin}/playground/${path}`, { method, headers, agent: false }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    asking.on('error', reject)
    asking.end(body)
  })
}

const allowed = () => ({ authorization: `Bearer ${api.secret}`, origin, 'content-type': 'application/json' })
const act = (action: string, content: unknown, headers = {}) =>
  ask(`api/${action}`, { ...allowed(), ...headers }, typeof content === 'string' ? content : JSON.stringify(content))

test('before the demo is ready, requests are answered with 503', async () => {
  assert.equal((await ask('api/call', allowed())).status, 503)
  backend = await createDemoBackend({ lvspUrl: server.lvspUrl, secret: server.secret })
  await backend.join(BOT)
  api.open(new Guests(backend, { bots: new Map([[BOT, 'ana']]), supportsDave: true, privacyCode: '1234500000' }))
  assert.equal((await ask('api/call', allowed())).status, 200)
})

test('only a page of this origin with the secret is answered', async () => {
  const content = { name: 'Robin' }
  const cases: [headers: Record<string, string>, status: number][] = [
    [{ authorization: 'Bearer wrong' }, 401],
    [{ authorization: '' }, 401],
    [{ origin: 'https://example.org' }, 403],
    [{ origin: 'null' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'content-type': 'text/plain' }, 415],
    [{ host: 'rebound.example.org', origin: 'http://rebound.example.org' }, 421],
  ]
  for (const [headers, status] of cases)
    assert.equal((await act('join', content, headers)).status, status, JSON.stringify(headers))
  assert.equal(backend.members.size, 1)
})

test('invalid requests are refused', async () => {
  assert.equal((await act('join', '{')).status, 400)
  for (const name of ['', ' ', 'a'.repeat(33), 'a\nb', '\u001b[31m', 7, undefined])
    assert.equal((await act('join', { name })).status, 400, JSON.stringify(name))
  assert.equal((await act('join', { name: 'a'.repeat(5_000) })).status, 413)
  assert.equal((await act('shutdown', {})).status, 404)
  assert.equal((await ask('api/join', allowed())).status, 404)
  assert.equal((await act('mute', { userId: '../7', isMuted: true })).status, 400)
})

test('a guest joins, is muted and is removed; a bot is muted and stays', async () => {
  const { status, text } = await act('join', { name: ' Robin ' })
  assert.equal(status, 200)
  const { user_id: userId, channel_id } = JSON.parse(text) as { user_id: string; channel_id: string }
  assert.equal(backend.members.get(userId), channel_id)
  assert.equal((await act('mute', { userId, isMuted: true })).status, 204)
  assert.equal((await act('mute', { userId: BOT, isMuted: true })).status, 204)
  const { channels, users } = JSON.parse((await ask('api/call', allowed())).text) as Record<string, unknown[]>
  const ana = { id: BOT, name: 'ana', channelId: channel_id, isBot: true, isMuted: true, supportsDave: true }
  assert.deepEqual(users, [ana])
  assert.deepEqual(channels?.[0], { id: channel_id, name: 'Parley', privacyCode: '1234500000' })
  for (const action of ['kick', 'move']) {
    const answer = await act(action, { userId: BOT, channelId: channel_id })
    assert.deepEqual([answer.status, answer.text], [404, '{"error":"unknown-user"}'])
  }
  assert.equal((await act('move', { userId, channelId: '9' })).status, 404)
  assert.equal((await act('kick', { userId })).status, 204)
  assert.equal(backend.members.has(userId), false)
  assert.equal((await act('rejoin', { userId })).status, 204)
})

test('a moved guest gets new credentials once', async () => {
  const { user_id: userId, channel_id } = JSON.parse((await act('join', { name: 'Kim' })).text)
  const { channels } = JSON.parse((await ask('api/call', allowed())).text) as { channels: { id: string }[] }
  const other = channels.find(({ id }) => id !== channel_id)!
  assert.equal((await act('move', { userId, channelId: other.id })).status, 204)
  const moved = JSON.parse((await act('rejoin', { userId })).text)
  assert.deepEqual([moved.user_id, moved.channel_id], [userId, other.id])
  assert.equal((await act('rejoin', { userId })).status, 204)
})

test('a guest asks what it is sent of each video; a bot and a user that left are refused', async () => {
  const { user_id: userId } = JSON.parse((await act('join', { name: 'Kim' })).text) as { user_id: string }
  const answer = await act('views', { userId })
  assert.deepEqual([answer.status, answer.text], [200, '[]'])
  await act('leave', { userId })
  for (const refused of [userId, BOT]) assert.equal((await act('views', { userId: refused })).status, 404)
  assert.equal((await act('views', {})).status, 400)
})

test('guests that never connected are removed when the demo is full', async () => {
  const first = JSON.parse((await act('join', { name: 'First' })).text) as { user_id: string }
  for (let index = 0; index < 64; index++) assert.equal((await act('join', { name: `Tab ${index}` })).status, 200)
  assert.equal(backend.members.has(first.user_id), false)
  assert.ok(backend.members.size <= 66)
})

test('speech is served under the strictest policy, and no file outside its folder is', async () => {
  const { status, headers } = await ask('speech/ana-1.opus')
  assert.equal(status, 200)
  assert.equal(headers['content-type'], 'audio/ogg')
  assert.match(String(headers['content-security-policy']), /^default-src 'none'; script-src 'self'; style-src 'self';/)
  assert.doesNotMatch(String(headers['content-security-policy']), /unsafe|https?:/)
  for (const path of ['speech/speech.json', 'speech/..%2fspeech%2fana-1.opus', 'speech/none.opus'])
    assert.equal((await ask(path)).status, 404, path)
})
