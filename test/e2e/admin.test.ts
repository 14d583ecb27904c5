// The admin API: every route and every command that docs/operating.md lists, on a real node with a bot in a call.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { LvspClient, VoiceClient } from '@parley/client'
import { App, type ConfigInput, configOf } from '@parley/server'
import { ADMIN_ROUTES } from '../../packages/server/src/admin/routes.ts'
import { SERVER_LIMITS } from '../../packages/server/src/limits.ts'
import { parley } from './admin-command.ts'
import { ask, documented } from './documented.ts'
import { until, untilFits } from './until.ts'

const SECRET = 'the secret of the backend of the admin tests'
const TOKEN = 'a token of the admin API with enough characters'

async function scene(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-admin-'))
  const socket = join(folder, 'admin.sock')
  const log: Record<string, unknown>[] = []
  writeFileSync(join(folder, 'token'), `${TOKEN}\n`, { mode: 0o600 })
  const settings: ConfigInput = {
    http: { listen: '127.0.0.1:0' },
    media: { listen: '127.0.0.1', port: 0, lanes: 0 },
    admin: { socket, listen: '127.0.0.1:0', token_file: join(folder, 'token') },
    log: { level: 'info', format: 'json' },
    backend: [{ secret: SECRET }],
  }
  let changed: ConfigInput = {}
  const load = () => configOf(settings, changed)
  const app = await App.start(load(), { reload: load, logSink: { write: line => void log.push(JSON.parse(line)) } })
  const backend = new LvspClient({ url: app.lvspUrl, secret: SECRET })
  await backend.connect()
  t.after(async () => {
    backend.close()
    await app.close()
    rmSync(folder, { recursive: true })
  })
  const join_ = async (userId: string) => {
    const ref = { guildId: '100', channelId: '500', userId }
    await backend.requestChannel(ref)
    const granted = await backend.createVoiceState(ref, { sessionId: `session-${userId}` })
    const client = new VoiceClient({
      endpoint: app.endpoint,
      serverId: '100',
      channelId: '500',
      userId,
      sessionId: `session-${userId}`,
      token: granted.token!,
      tls: false,
    })
    t.after(() => client.close())
    await client.connect()
    return client
  }
  /** What the next reload reads, besides the settings above. */
  const change = (input: ConfigInput) => {
    changed = input
  }
  return { app, folder, socket, log, change, join: join_, url: `http://127.0.0.1:${app.adminPort}` }
}

test('each documented command does what its row says', { timeout: 120_000 }, async t => {
  const { socket, log, join } = await scene(t)
  const ana = await join('7')
  await join('8')
  let closed = 0
  ana.on('closed', ({ code }) => {
    closed = code
  })
  const expected: Record<string, RegExp> = {
    // Health includes the delay of the event loop.
    ps: /health [01]\.\d\d {3}2 sessions {3}1 channels[\s\S]*\nmain +yes/,
    channels: /\nmain +100 +500 +voice +0 +2 +2 +/,
    users: /\nmain +500 +8 +connected.* +udp aead_aes256_gcm_rtpsize +9 +/,
    // The event loop of a busy test machine may be late, and its lane busy.
    alarms: /^(no alarms\n|((warning: The event loop|(warning|critical): Lane 0 is busy) .*\n)+)$/,
    inspect: /"sessionId": "session-7"/,
    stats: /\nparley_sessions 2\n/,
    top: /LANE[\s\S]*500 +7 +connected/,
    tail: /info {2}admin\.action action=log-level from=socket/,
    'mute <user>': /^muted user 7 in 1 channel\n$/,
    'kick <user>': /^disconnected user 7 in 1 channel\n$/,
    bans: /^ADDRESS +BY +LEFT\n/,
    'ban <address>': /^banned 198\.51\.100\.7\n$/,
    'unban <address>': /^lifted the ban of 198\.51\.100\.7\n$/,
    drain: /^draining; 1 sessions have not ended yet\n$/,
    reload: /^applied: nothing changed\n$/,
    undrain: /^the node accepts channels again\n$/,
    'log-level <level>': /^the log level is debug; it was info\n$/,
  }
  const examples = documented('operating', 'admin commands', 3)
  const usages = documented('operating', 'admin commands', 0)
  assert.deepEqual([...usages].sort(), Object.keys(expected).sort())
  const run = (usage: string) => parley(socket, examples[usages.indexOf(usage)]!)
  for (const usage of usages.filter(usage => usage !== 'tail')) assert.match(await run(usage), expected[usage]!, usage)
  await until('the end of the kicked session', () => closed === 4014)
  const tail = run('tail')
  await untilFits(
    'the line of tail',
    () => Promise.race([tail, parley(socket, 'parley log-level info').then(() => '')]),
    text => expected.tail!.test(text),
  )
  const audited = log.filter(({ event }) => event === 'admin.action').map(({ action }) => action)
  assert.deepEqual([...new Set(audited)].sort(), [
    'ban',
    'drain',
    'kick',
    'log-level',
    'mute',
    'reload',
    'unban',
    'undrain',
  ])
})

test('each documented route answers with its schema, and refuses a malformed request with a sentence', async t => {
  const { socket, join } = await scene(t)
  await join('7')
  const requests: Record<string, string | undefined> = {
    'GET /v1/status': undefined,
    'GET /v1/alarms': undefined,
    'GET /v1/channels': undefined,
    'GET /v1/users': undefined,
    'GET /v1/inspect': undefined,
    'GET /v1/stats': undefined,
    'POST /v1/mute': '{"user":"7","muted":true}',
    'POST /v1/kick': '{"user":"7","channel":"500"}',
    'GET /v1/bans': undefined,
    'POST /v1/ban': '{"address":"2001:db8::7","duration":"1h"}',
    'POST /v1/unban': '{"address":"2001:db8:0:0::/64"}',
    'POST /v1/drain': '{"timeout":"1h"}',
    'POST /v1/undrain': '',
    'POST /v1/reload': '{}',
    'POST /v1/log-level': '{"level":"warn"}',
  }
  // A process that embeds a node cannot be succeeded; take-over.test.ts has one that can.
  const apart = ['GET /v1/log', 'POST /v1/hand-over']
  const routes = documented('operating', 'admin routes', 0).filter(name => !apart.includes(name))
  assert.deepEqual([...routes].sort(), Object.keys(requests).sort())
  for (const name of routes) {
    const [method = '', path = ''] = name.split(' ')
    const { status, body } = await ask(socket, method, path, requests[name])
    assert.equal(status, 200, `${name}: ${JSON.stringify(body)}`)
    ADMIN_ROUTES.find(route => `${route.method} ${route.path}` === name)!.answer.parse(body)
    const wrong =
      method === 'GET' ? await ask(socket, method, `${path}?x=1`) : await ask(socket, method, path, '{"x":1}')
    assert.equal(wrong.status, 400, name)
    assert.match(String(wrong.body.error), /^\S.*: /)
  }
  const refusals: [method: string, path: string, text: string | undefined, status: number][] = [
    ['GET', '/v1/nothing', undefined, 404],
    ['GET', '/v1/kick', undefined, 405],
    ['POST', '/v1/kick', '{"user":"9"}', 404],
    ['POST', '/v1/undrain', '{}', 409],
    ['POST', '/v1/hand-over', '{}', 409],
    ['POST', '/v1/kick', 'not JSON', 400],
    ['POST', '/v1/kick', ' '.repeat(SERVER_LIMITS.maxAdminBody + 1), 413],
    ['GET', '/v1/log?level=loud', undefined, 400],
  ]
  for (const [method, path, text, status] of refusals)
    assert.equal((await ask(socket, method, path, text)).status, status, `${method} ${path}`)
})

test('the socket belongs to the user of the node, and a stale one is replaced', async t => {
  const { app, socket, folder } = await scene(t)
  assert.equal(statSync(socket).mode & 0o777, 0o600)
  const config = configOf({
    http: { listen: '127.0.0.1:0' },
    media: { listen: '127.0.0.1', port: 0, lanes: 0 },
    admin: { socket },
    log: { level: 'silent' },
    backend: [{ secret: SECRET }],
  })
  await assert.rejects(App.start(config), /^ListenError: admin\.socket: the socket .* is already in use$/)
  assert.ok(app.inspect().health > 0)
  const stale = join(folder, 'stale.sock')
  const leave = `require('net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', leave])
  assert.ok(statSync(stale).isSocket())
  const second = await App.start({ ...config, admin: { ...config.admin, socket: stale } })
  t.after(() => second.close())
  assert.equal((await ask(stale, 'GET', '/v1/status')).status, 200)
  writeFileSync(join(folder, 'a file'), '')
  await assert.rejects(
    App.start({ ...config, admin: { ...config.admin, socket: join(folder, 'a file') } }),
    /admin\.socket/,
  )
})

test('a reload applies a new secret, policy and log level without cutting calls, and says what needs a restart', async t => {
  const { app, socket, join, change } = await scene(t)
  const ana = await join('7')
  let lost = 0
  ana.on('disconnected', () => {
    lost++
  })
  const other = 'another secret of the backend of the admin tests'
  change({
    backend: [{ secret: [other, SECRET] }],
    voice: { dave: 'off' },
    log: { level: 'warn' },
    media: { lanes: 1 },
  })
  assert.match(
    await parley(socket, 'parley reload'),
    /^applied: voice\.dave, log\.level, backend\.main\.secret\nneeds a restart: media\.lanes\n$/,
  )
  assert.equal(app.inspect().channels[0]!.dave.policy, 'off')
  const second = new LvspClient({ url: app.lvspUrl, secret: other })
  t.after(() => second.close())
  await join('8')
  await second.connect()
  assert.equal(app.inspect().sessions.length, 2)
  change({ backend: [{ secret: other }] })
  await parley(socket, 'parley reload')
  const third = new LvspClient({ url: app.lvspUrl, secret: SECRET })
  t.after(() => third.close())
  await assert.rejects(third.connect())
  change({ voice: { dave: 'broken' as 'off' } })
  const { status, body } = await ask(socket, 'POST', '/v1/reload')
  assert.deepEqual([status, body.error], [409, 'voice.dave: expected "off", "allowed" or "required", found "broken"'])
  assert.equal(lost, 0)
})

test('a reload bounds what a member may send: the rest is counted, and one line names the member', async t => {
  const { socket, join, change, log } = await scene(t)
  const ana = await join('7')
  await join('8')
  change({ backend: [{ secret: SECRET, max_member_kbit: 8 }] })
  assert.equal(await parley(socket, 'parley reload'), 'applied: backend.main.max_member_kbit\n')
  let isOver = false
  // 50 kbit/s, until the lane has reported.
  const frames = function* () {
    while (!isOver) yield Buffer.alloc(120, 0x78)
  }
  const talk = ana.play(frames())
  const line = () => log.find(({ event }) => event === 'voice.over_bitrate')
  await until('the line', () => line() !== undefined)
  isOver = true
  await talk
  assert.deepEqual([line()!.user, line()!.backend, line()!.overChannel], ['7', 'main', 0])
  assert.ok(Number(line()!.overMember) > 0)
  assert.match(await parley(socket, 'parley stats'), /parley_drops_total\{.*cause="overBitrate".*\} [1-9]/)
  assert.match(
    await parley(socket, 'parley stats'),
    /parley_backend_over_bitrate_packets_total\{backend="main"\} [1-9]/,
  )
})

test('over HTTP the token is required, and wrong ones are counted', async t => {
  const { url, log, folder } = await scene(t)
  const get = (headers: Record<string, string>) => fetch(`${url}/v1/status`, { headers }).then(({ status }) => status)
  assert.equal(await get({ authorization: `Bearer ${TOKEN}` }), 200)
  assert.equal(await get({}), 401)
  for (let i = 1; i < SERVER_LIMITS.maxWrongTokens; i++) assert.equal(await get({ authorization: `Bearer ${i}` }), 401)
  assert.equal(await get({ authorization: `Bearer ${TOKEN}` }), 429)
  assert.equal(log.filter(({ event }) => event === 'admin.refused').length, SERVER_LIMITS.maxWrongTokens)
  assert.doesNotMatch(JSON.stringify(log), new RegExp(TOKEN))
  writeFileSync(join(folder, 'short'), 'short\n')
  const admin = { listen: '127.0.0.1:0', token_file: join(folder, 'short') }
  assert.throws(() => configOf({ admin, backend: [{ secret: SECRET }] }), /expected 32 to 1024 characters/)
  assert.throws(
    () => configOf({ admin: { listen: '127.0.0.1:0' }, backend: [{ secret: SECRET }] }),
    /expected both listen and token_file, or neither/,
  )
})

test('the command line reaches a node by URL and token', async t => {
  const { url, folder, socket } = await scene(t)
  const printed = await parley(socket, `parley ps --url ${url} --token-file ${join(folder, 'token')} --json`)
  assert.equal(JSON.parse(printed).sessions, 0)
})
