// The files in examples/spacebar/: settings, SQL, units and compose file are accepted by what reads them.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { checkBridge, checkSettings } from '@parley/spacebar'
import { parse } from 'yaml'
import { bridgeInput } from '../../packages/server/src/cli/bridge/bridge-input.ts'
import { Database } from '../../packages/spacebar/src/database/database.ts'
import { reasonToSkip } from './foreign-tools.ts'
import { ParleyProcess } from './parley-process.ts'
import { Postgres, postgres } from './postgres.ts'
import { CERTIFICATE_FILE, KEY_FILE } from './trust.ts'

const FOLDER = fileURLToPath(new URL('../../examples/spacebar/', import.meta.url))
const PARLEY = '/opt/parley/packages/server/bin/parley.mjs'
const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8')
const UNITS = readdirSync(FOLDER).filter(name => name.endsWith('.service'))

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-spacebar-examples-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs `parley` with the arguments and `--help`, so that unknown commands fail. */
async function knows(t: TestContext, args: readonly string[]): Promise<void> {
  const known = new ParleyProcess([...args, '--help'], { folder: folderOf(t), t })
  assert.equal(await known.exit, 0, `parley ${args.join(' ')}: ${known.stderr}`)
}

interface Service {
  command?: string[]
  environment?: Record<string, string>
  volumes?: string[]
  pid?: string
  depends_on?: string[] | Record<string, unknown>
}

test('the configuration of the node is valid', async t => {
  const folder = folderOf(t)
  copyFileSync(CERTIFICATE_FILE, join(folder, 'fullchain.pem'))
  copyFileSync(KEY_FILE, join(folder, 'privkey.pem'))
  writeFileSync(join(folder, 'secret'), `${'a'.repeat(64)}\n`)
  writeFileSync(join(folder, 'parley.toml'), read('parley.toml').replaceAll('/etc/parley', folder))
  const check = new ParleyProcess(['check-config', '--config', join(folder, 'parley.toml')], { folder, t })
  assert.equal(await check.exit, 0, check.stderr)
  assert.match(check.stdout, /adopts_tokens/)
})

test('the environment of the bridge has all of its settings', () => {
  const pairs = read('bridge.env')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const)
  const settings = checkSettings(bridgeInput({}, Object.fromEntries(pairs)))
  assert.equal(settings.node[0]?.endpoint, 'voice.example.org:443')
  assert.ok(settings.database?.startsWith('postgres://'))
})

test('the units start commands that exist, and systemd accepts them where it is installed', async t => {
  assert.equal(UNITS.length, 2)
  for (const unit of UNITS) {
    const [, line = ''] = /^ExecStart=(.*)$/m.exec(read(unit)) ?? []
    const [program, script, ...args] = line.split(' ')
    assert.deepEqual([program, script], ['/usr/bin/node', PARLEY])
    await knows(t, args)
  }
  const systemd = spawnSync('systemd-analyze', ['verify', '--man=no', ...UNITS.map(unit => join(FOLDER, unit))], {
    encoding: 'utf8',
  })
  if (systemd.error !== undefined) return t.diagnostic('systemd-analyze is not installed')
  // It warns of programs that this machine does not have.
  const faults = systemd.stderr.split('\n').filter(line => UNITS.some(unit => line.includes(unit)))
  assert.deepEqual(
    faults.filter(line => !line.includes('is not executable')),
    [],
  )
})

test('the compose file joins both processes of Spacebar and the bridge by one bus', async t => {
  const { services, volumes } = parse(read('compose.yaml'), { merge: true }) as {
    services: Record<string, Service>
    volumes: Record<string, unknown>
  }
  for (const { command, depends_on = [] } of Object.values(services)) {
    const wanted = Array.isArray(depends_on) ? depends_on : Object.keys(depends_on)
    for (const name of wanted) assert.ok(name in services, name)
    if (command?.[1] === PARLEY)
      await knows(
        t,
        command.slice(2).filter(argument => !argument.startsWith('--')),
      )
  }
  const onBus = Object.entries(services).filter(([, { volumes: used = [] }]) => used.includes('bus:/run/spacebar'))
  assert.deepEqual(onBus.map(([name]) => name).sort(), ['bridge', 'spacebar-api', 'spacebar-gateway'])
  assert.ok('bus' in volumes)
  assert.equal(services['spacebar-gateway']?.pid, 'service:spacebar-api')
  for (const name of ['spacebar-api', 'spacebar-gateway'])
    assert.equal(services[name]?.environment?.EVENT_SOCKET_PATH, '/run/spacebar')
  checkSettings(bridgeInput({}, services.bridge?.environment ?? {}))
})

test('the SQL gives the bridge what it needs, and nothing to write', {
  timeout: 120_000,
  skip: reasonToSkip(postgres()),
}, async t => {
  const database = await Postgres.open(t)
  await database.run(read('voice.sql').replaceAll(":'password'", "'password'"))
  const url = database.url.replace('//spacebar@', '//parley@')
  const bus = `unix:${folderOf(t)}`
  const node = [{ lvsp: 'ws://127.0.0.1:1/lvsp', endpoint: '127.0.0.1:1', secret: 'secret' }]
  const results = await checkBridge(checkSettings({ bus, database: url, node }))
  const texts = results.map(({ kind, text }) => `${kind} ${text}`)
  assert.ok(texts.includes('ok database: bots can join'), texts.join('\n'))
  assert.ok(texts.includes('ok database: the tables of roles and channels can be read'))
  const bridge = await Database.open(url)
  t.after(() => bridge.close())
  await assert.rejects(bridge.read('START TRANSACTION READ WRITE; DELETE FROM voice_states'), /permission/)
})
