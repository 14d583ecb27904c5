// `parley dev` as a process: its line of JSON, the control API, and its end.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { ParleyProcess } from './parley-process.ts'

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-dev-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('parley dev --json prints its addresses when it is ready, and removes its certificate at the end', {
  timeout: 60_000,
}, async t => {
  const parley = new ParleyProcess(['dev', '--json'], { folder: folderOf(t), t })
  const [line] = await parley.says(/^\{.*\}\n/)
  const { rest, gateway, voice, control, token, ca } = JSON.parse(line)
  assert.match(gateway, /^ws:\/\/127\.0\.0\.1:\d+\/$/)
  assert.match(voice, /^127\.0\.0\.1:\d+$/)
  assert.ok(existsSync(ca))
  const me = await fetch(`${rest}/v10/users/@me`, { headers: { authorization: 'Bot ana' } })
  assert.equal(((await me.json()) as { username: string }).username, 'ana')
  const members = await fetch(`${control}/members`, { headers: { authorization: `Bearer ${token}` } })
  assert.deepEqual(await members.json(), [])
  parley.signal('SIGTERM')
  assert.equal(await parley.exit, 0)
  assert.ok(!existsSync(ca))
  assert.equal(parley.stdout, line)
})

test('parley dev --until-eof under npx ends with its input, which a signal to npx does not do', {
  timeout: 60_000,
}, async t => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const args = ['-y', '-p', '@parley/server', 'parley', 'dev', '--json', '--until-eof']
  const npx = spawn('npx', args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => npx.stdin.end())
  const [line] = await once(npx.stdout, 'data')
  const { ca } = JSON.parse(String(line))
  assert.ok(existsSync(ca))
  const ended = once(npx, 'exit')
  npx.stdin.end()
  assert.deepEqual(await ended, [0, null])
  assert.ok(!existsSync(ca))
})

test('parley dev serves the world of a file, and refuses a wrong one with exit code 2', {
  timeout: 60_000,
}, async t => {
  const folder = folderOf(t)
  const file = join(folder, 'world.toml')
  writeFileSync(file, '[[guilds]]\nid = "100"\nname = "mine"\n')
  const parley = new ParleyProcess(['dev', '--world', file, '--seed', '7'], { folder, t })
  const [, rest = ''] = await parley.says(/REST +(\S+).*seed +7\n.*How to point your library here/s)
  const guild = await fetch(`${rest}/v10/guilds/100`, { headers: { authorization: 'Bot ana' } })
  assert.equal(((await guild.json()) as { name: string }).name, 'mine')
  parley.signal('SIGINT')
  assert.equal(await parley.exit, 0)

  writeFileSync(file, '[[guilds]]\nid = "x"\nname = "mine"\n')
  const wrong = new ParleyProcess(['dev', '--world', file], { folder, t })
  assert.equal(await wrong.exit, 2)
  assert.match(wrong.stderr, /^parley: .*world\.toml\.guilds\.0\.id: .*\n$/)
})

test('parley dev --trace writes what clients say, and parley trace shows it', { timeout: 60_000 }, async t => {
  const folder = folderOf(t)
  const [file, page, capture] = ['trace.jsonl', 'trace.html', 'trace.pcapng'].map(name => join(folder, name))
  const parley = new ParleyProcess(['dev', '--json', '--trace', file!], { folder, t })
  const [line] = await parley.says(/^\{.*\}\n/)
  const socket = new WebSocket(JSON.parse(line).gateway)
  await new Promise<void>(resolve => socket.once('message', () => resolve()))
  socket.send(JSON.stringify({ op: 2, d: { token: 'ana', intents: 129 } }))
  await new Promise<void>(resolve => socket.once('message', () => resolve()))
  socket.send(JSON.stringify({ op: 4, d: { guild_id: '1300000000000000001', channel_id: '1300000000000000002' } }))
  await new Promise<void>(resolve => socket.on('message', data => /VOICE_SERVER/.test(String(data)) && resolve()))
  socket.close()
  parley.signal('SIGTERM')
  assert.equal(await parley.exit, 0)
  const shown = new ParleyProcess(['trace', file!], { folder, t })
  await shown.says(/main gateway: Voice State Update.*main gateway: VOICE_SERVER_UPDATE/s)
  assert.equal(await shown.exit, 0)
  const written = new ParleyProcess(['trace', file!, '--html', page!, '--pcapng', capture!], { folder, t })
  assert.equal(await written.exit, 0)
  assert.match(readFileSync(page!, 'utf8'), /VOICE_SERVER_UPDATE/)
  assert.equal(readFileSync(capture!).readUInt32BE(0), 0x0a0d0d0a)
  writeFileSync(file!, '{}\n')
  const wrong = new ParleyProcess(['trace', file!], { folder, t })
  assert.equal(await wrong.exit, 2)
  assert.match(wrong.stderr, /line 1 is not an event of a trace/)
})
