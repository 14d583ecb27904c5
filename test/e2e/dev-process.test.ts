// `parley dev` as a process: its line of JSON, the control API, and its end.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
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
