import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Directory } from './directory.ts'
import { readWorld, worldOf } from './world.ts'

const WORLD = `
[[users]]
id = "7"
name = "ana"
token = "secret"

[[guilds]]
id = "100"
name = "guild"

[[guilds.channels]]
id = "500"
name = "stage"
kind = "stage"
`

test('a world is read from TOML and from JSON', t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const toml = join(folder, 'world.toml')
  writeFileSync(toml, WORLD)
  const json = join(folder, 'world.json')
  writeFileSync(json, JSON.stringify(readWorld(toml)))
  assert.deepEqual(worldOf(readWorld(json)), worldOf(readWorld(toml)))
  assert.equal(worldOf(readWorld(toml)).guilds[0]?.channels[0]?.kind, 'stage')
  writeFileSync(json, '{')
  assert.throws(() => readWorld(json), /world.json: not valid JSON/)
  assert.throws(() => readWorld(join(folder, 'none.toml')), /none.toml: cannot be read \(ENOENT\)/)
})

test('a wrong world is refused in one sentence', () => {
  assert.throws(() => worldOf({ guilds: [{ id: 'x', name: 'a' }] }), /world\.guilds\.0\.id/)
  assert.throws(() => worldOf({ gilds: [] }), /gilds/)
  const ana = { id: '1', name: 'ana' }
  assert.throws(() => worldOf({ users: [ana, ana] }), /"1" is declared twice/)
})

test('a token names its declared user, another token a user of its own', () => {
  const { guilds, users } = worldOf({ users: [{ id: '7', name: 'ana', token: 'secret' }] })
  const directory = new Directory(guilds, users)
  assert.equal(directory.userOf('secret')?.id, '7')
  assert.equal(directory.userOf('secret.fault:drop-ws')?.id, '7')
  const ben = directory.userOf('ben.x')
  assert.equal(ben?.name, 'ben')
  assert.equal(directory.userOf('ben.x'), ben)
  assert.equal(directory.find('ben'), ben)
  assert.equal(directory.userOf(''), undefined)
})

test('a world has room for a bounded number of users', () => {
  const directory = new Directory([], [])
  for (let i = 0; i < 1_000; i++) assert.ok(directory.userOf(`user-${i}`))
  assert.equal(directory.userOf('one-more'), undefined)
  assert.ok(directory.userOf('user-0'))
})
