// The commands `parley demo` and `parley talk`: processes, real sockets, files.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { readOggOpus, writeOggOpus } from '@parley/client'
import { createDemoBackend, createServer } from '@parley/server'
import { type Invitation, invitedClient } from './invited-client.ts'
import { isSilence, numberedFrames, withoutSilence } from './opus-frames.ts'
import { ParleyProcess } from './parley-process.ts'
import { until } from './until.ts'

const TIMEOUT = 90_000

/** Only Linux binds every address of 127.0.0.0/8 without configuration. */
const OTHER = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1'

/** Temporary folder of all processes, so that they do not find a demo that runs outside of the tests. */
let folder: string
let files: string
let demo: ParleyProcess
/** Runs while the first tests run, which saves its five seconds. */
let short: ParleyProcess
let folderOfShort: string

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parley-test-'))
  files = mkdtempSync(join(tmpdir(), 'parley-test-'))
  folderOfShort = mkdtempSync(join(files, 'demo-'))
  short = new ParleyProcess(['demo', '--port', '0', '--media', OTHER, '--duration', '5s'], { folder: folderOfShort })
  demo = new ParleyProcess(['demo', '--port', '0'], { folder })
  await demo.says(/ben is here/)
})
after(() => {
  demo.kill()
  short.kill()
  for (const path of [folder, files]) rmSync(path, { recursive: true, force: true })
})

/** Files that a demo left behind. Node.js may add its compile cache, which does not count. */
const leftIn = (path: string) => readdirSync(path).filter(name => name.startsWith('parley'))

async function invited(t: TestContext): Promise<Invitation> {
  const asking = new ParleyProcess(['demo', '--credentials'], { folder, t })
  assert.equal(await asking.exit, 0, asking.stderr)
  return JSON.parse(asking.stdout) as Invitation
}

const talk = (t: TestContext, credentials: Partial<Invitation>, ...args: string[]) =>
  new ParleyProcess(['talk', '--credentials', '-', ...args], { folder, input: JSON.stringify(credentials), t })

function file(name: string, content: Uint8Array | string): string {
  const path = join(files, name)
  writeFileSync(path, content)
  return path
}

test('a demo that stops before its bots received each other exits with 1', { timeout: TIMEOUT }, async t => {
  const own = mkdtempSync(join(files, 'demo-'))
  const short = new ParleyProcess(['demo', '--port', '0', '--quiet', '--duration', '1ms'], { folder: own, t })
  assert.equal(await short.exit, 1)
  assert.equal(short.stdout, '')
  assert.match(short.stderr, /the bots did not receive each other/)
  assert.deepEqual(leftIn(own), [])
})

test('without a running demo, --credentials starts one and prints only the credentials to standard output', {
  timeout: TIMEOUT,
}, async t => {
  const own = mkdtempSync(join(files, 'demo-'))
  const started = new ParleyProcess(['demo', '--port', '0', '--credentials'], { folder: own, t })
  await started.says(/\n/)
  await until('the view of the call', () => started.stderr.includes('ana is here'))
  const credentials = JSON.parse(started.stdout) as Invitation
  assert.deepEqual(Object.keys(credentials), [
    'endpoint',
    'server_id',
    'channel_id',
    'user_id',
    'session_id',
    'token',
    'ca',
  ])
  assert.match(readFileSync(credentials.ca, 'utf8'), /^-----BEGIN CERTIFICATE-----\n/)
  started.signal('SIGTERM')
  assert.equal(await started.exit, 0)
})

test('a client with credentials of the running demo receives both bots', { timeout: TIMEOUT }, async t => {
  const invitation = await invited(t)
  const client = invitedClient(t, invitation)
  const heard = new Map<string, Buffer[]>()
  client.on('frame', ({ userId = 'unknown', payload }) => {
    heard.set(userId, [...(heard.get(userId) ?? []), Buffer.from(payload)])
  })
  await client.connect()
  await demo.says(new RegExp(`user ${invitation.user_id} is here`))
  const voices = () => [...heard].filter(([userId, frames]) => userId !== 'unknown' && !frames.every(isSilence))
  await until('both voices', () => voices().length === 2)
})

test('a recording has the played frames intact, although keys change when a guest leaves', {
  timeout: TIMEOUT,
}, async t => {
  const server = await createServer({ voice: { dave: 'required' } })
  t.after(() => server.close())
  const backend = await createDemoBackend({ lvspUrl: server.lvspUrl, secret: server.secret })
  t.after(() => backend.close())
  const played = numberedFrames(60, 7)
  const path = file('played.opus', writeOggOpus(played))
  const records = join(files, 'records')
  const [recorder, guest, credentials] = await Promise.all([backend.join(), backend.join(), backend.join()])
  const recording = talk(t, recorder, '--no-tls', '--record', records)
  const passing = talk(t, guest, '--no-tls')
  await recording.says(/encrypted end to end, privacy code/)
  passing.signal('SIGINT')
  const mode = 'aead_xchacha20_poly1305_rtpsize'
  const playing = talk(t, credentials, '--no-tls', '--play', path, '--mode', mode)
  assert.equal(await playing.exit, 0, playing.stderr)
  assert.match(
    playing.stdout,
    new RegExp(`in channel ${credentials.channel_id} as ${credentials.user_id}: udp, ${mode}`),
  )
  await recording.says(new RegExp(`${credentials.user_id} is silent`))
  recording.signal('SIGINT')
  assert.equal(await recording.exit, 0, recording.stderr)
  assert.match(recording.stdout, new RegExp(`recorded \\d+\\.\\d s to .*${credentials.user_id}\\.opus`))
  const { samples, packets } = readOggOpus(readFileSync(join(records, `${credentials.user_id}.opus`)))
  assert.deepEqual(withoutSilence(packets.map(Buffer.from)), withoutSilence(played))
  assert.equal(samples, packets.length * 960)
})

test('an encrypted call is recorded', { timeout: TIMEOUT }, async t => {
  const records = join(files, 'encrypted-records')
  const recording = talk(t, await invited(t), '--record', records)
  await recording.says(/encrypted end to end, privacy code [\d ]+/)
  await recording.says(/ speaks/)
  recording.signal('SIGINT')
  assert.equal(await recording.exit, 0, recording.stderr)
  const names = readdirSync(records)
  assert.ok(names.length > 0)
  for (const name of names) {
    const { samples, packets } = readOggOpus(readFileSync(join(records, name)))
    assert.ok(packets.length > 0)
    assert.equal(samples, packets.length * 960, `${name} is complete`)
  }
})

test('a refused talk prints the close code, its meaning and how to trust the certificate', {
  timeout: TIMEOUT,
}, async t => {
  const { ca, ...unnamed } = await invited(t)
  const forged = talk(t, { ...unnamed, ca, token: 'not-the-token' })
  const untrusted = talk(t, unnamed)
  assert.equal(await forged.exit, 1)
  assert.match(
    forged.stderr,
    /^parley: 127\.0\.0\.1:\d+ closed with 4004: token, user, session and server do not match/,
  )
  assert.equal(await untrusted.exit, 1)
  assert.match(untrusted.stderr, /cannot be reached: self-signed certificate \("ca" of the credentials .*\)\n$/)
})

test('--no-tls connects to a node without TLS on this machine only', { timeout: TIMEOUT }, async t => {
  const server = await createServer()
  t.after(() => server.close())
  const backend = await createDemoBackend({ lvspUrl: server.lvspUrl, secret: server.secret })
  t.after(() => backend.close())
  const credentials = await backend.join()
  const away = talk(t, { ...credentials, endpoint: 'voice.example.org' }, '--no-tls')
  const plain = talk(t, credentials, '--no-tls', '--play', file('short.opus', writeOggOpus(numberedFrames(3, 7))))
  assert.equal(await plain.exit, 0, plain.stderr)
  assert.equal(await away.exit, 2)
  assert.match(away.stderr, /^parley: --credentials: expected TLS for /)
})

test('a wrong argument prints one sentence and exits with 2', { timeout: TIMEOUT }, async t => {
  const credentials = {
    endpoint: '127.0.0.1:9',
    server_id: '1',
    channel_id: '2',
    user_id: '3',
    session_id: 's',
    token: 't',
  }
  const cases: [talk: ParleyProcess, sentence: RegExp][] = [
    [talk(t, {}), /^parley: --credentials -: .*endpoint is invalid.*\n$/],
    [talk(t, credentials, '--play', join(files, 'none.opus')), /^parley: .*none\.opus cannot be read \(ENOENT\)\n$/],
    [talk(t, credentials, '--play', file('text.opus', 'text')), /^parley: --play .*: expected Ogg Opus.*\n$/],
    [talk(t, credentials, '--record', join(file('text', ''), 'below')), /^parley: --record .*\(ENOTDIR\)\n$/],
  ]
  for (const [wrong, sentence] of cases) {
    assert.equal(await wrong.exit, 2, wrong.stderr)
    assert.match(wrong.stderr, sentence)
  }
})

test('a demo of a few seconds exits with 0 if both bots received each other', { timeout: TIMEOUT }, async () => {
  assert.equal(await short.exit, 0, short.stdout + short.stderr)
  assert.match(short.stdout, /wss:\/\/127\.0\.0\.1:\d+\/lvsp/)
  assert.match(short.stdout, new RegExp(`UDP port \\d+ of ${OTHER}`))
  assert.match(short.stdout, /ana: Hi Ben!/)
  assert.match(short.stdout, /ben: Hello Ana\./)
  assert.match(short.stdout, / 0 lost .* latency [\d.]+ ms {2}join \d+(\.\d)? ms {2}udp aead_aes256_gcm_rtpsize/)
  assert.ok(!short.stdout.includes('\x1b'))
  assert.deepEqual(leftIn(folderOfShort), [])
})

test('Ctrl-C ends the demo with 0 and leaves no port open and no file', { timeout: TIMEOUT }, async () => {
  const [, port] = await demo.says(/wss:\/\/127\.0\.0\.1:(\d+)\//)
  demo.signal('SIGINT')
  assert.equal(await demo.exit, 0, demo.stderr)
  assert.deepEqual(leftIn(folder), [])
  const socket = connect(Number(port), '127.0.0.1')
  const [error] = await new Promise<[NodeJS.ErrnoException | undefined]>(resolve => {
    socket.once('connect', () => resolve([undefined]))
    socket.once('error', error => resolve([error]))
  })
  socket.destroy()
  assert.equal(error?.code, 'ECONNREFUSED')
})
