// The files in deploy/cluster and the unit of a front: what reads them accepts them. With the environment of its service each process
// has a valid configuration.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { missingNats } from './nats-server.ts'
import { ParleyProcess } from './parley-process.ts'
import { CERTIFICATE_FILE, KEY_FILE } from './trust.ts'

const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url))
const read = (name: string) => readFileSync(join(DEPLOY, name), 'utf8')

interface Service {
  command?: string[]
  environment?: Record<string, string>
  depends_on?: string[]
}

const { services } = parse(read('cluster/compose.yml'), { merge: true }) as { services: Record<string, Service> }

/** The folder /etc/parley of the files. */
function configured(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-deploy-cluster-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  copyFileSync(CERTIFICATE_FILE, join(folder, 'fullchain.pem'))
  copyFileSync(KEY_FILE, join(folder, 'privkey.pem'))
  for (const [name, letter] of [
    ['secret', 'a'],
    ['cluster-secret', 'b'],
  ] as const)
    writeFileSync(join(folder, name), `${letter.repeat(64)}\n`, { mode: 0o600 })
  writeFileSync(join(folder, 'parley.toml'), read('cluster/parley.toml').replaceAll('/etc/parley', folder))
  return folder
}

const withHost = (value: string) => value.replace(/\$\{VOICE_HOST[^}]*\}/g, 'voice.example.org')

test('each process of the compose file has a valid configuration, with an id and ports of its own', async t => {
  const folder = configured(t)
  const own: string[] = []
  for (const [name, { environment = {} }] of Object.entries(services)) {
    if (name === 'nats') continue
    const settings = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, withHost(value)]))
    const check = new ParleyProcess(['check-config', '--config', join(folder, 'parley.toml')], {
      folder,
      t,
      environment: settings,
    })
    assert.equal(await check.exit, 0, `${name}: ${check.stderr}`)
    assert.doesNotMatch(check.stderr, /no such setting/, name)
    const { PARLEY_CLUSTER_ID: id, PARLEY_HTTP_LISTEN: listen, PARLEY_MEDIA_PORT: media } = settings
    own.push(...[id, listen, media].filter(each => each !== undefined))
    if (media !== undefined)
      assert.equal(new URL(settings.PARLEY_CLUSTER_LVSP!).port, /:(\d+)$/.exec(listen!)?.[1], 'the port of its LVSP')
  }
  assert.equal(own.length, 3 * 3 + 2)
  assert.equal(new Set(own).size, own.length)
})

test('the commands of the compose file exist', async t => {
  const folder = configured(t)
  for (const [name, { command = ['serve'], depends_on = [] }] of Object.entries(services)) {
    for (const other of depends_on) assert.ok(other in services)
    if (name === 'nats') continue
    const known = new ParleyProcess([...command, '--help'], { folder, t })
    assert.equal(await known.exit, 0, `parley ${command.join(' ')}: ${known.stderr}`)
  }
})

test('nats-server accepts its configuration and the arguments of the compose file', { skip: missingNats }, t => {
  const folder = configured(t)
  const file = join(DEPLOY, 'cluster/nats-server.conf')
  const parsed = spawnSync('nats-server', ['-t', '-c', file], { encoding: 'utf8' })
  assert.equal(parsed.status, 0, parsed.stderr)
  const empty = join(folder, 'empty.conf')
  writeFileSync(empty, '')
  const args = (services.nats?.command ?? []).map(each => (each === '/data' ? folder : each))
  const accepted = spawnSync('nats-server', [...args, '-t', '-c', empty], { encoding: 'utf8' })
  assert.equal(accepted.status, 0, accepted.stderr)
})

test('the unit of a front starts a command that exists, and systemd accepts it where it is installed', async t => {
  const [, line = ''] = /^ExecStart=\/usr\/bin\/env parley (.*)$/m.exec(read('systemd/parley-front.service')) ?? []
  const known = new ParleyProcess([...line.split(' ').slice(0, 1), '--help'], { folder: configured(t), t })
  assert.equal(await known.exit, 0, known.stderr)
  const unit = join(DEPLOY, 'systemd/parley-front.service')
  const systemd = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' })
  if (systemd.error !== undefined) return t.diagnostic('systemd-analyze is not installed')
  const faults = systemd.stderr.split('\n').filter(each => each.includes('parley-front.service'))
  assert.deepEqual(
    faults.filter(each => !each.includes('is not executable')),
    [],
  )
})
