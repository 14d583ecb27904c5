// What `parley setup` writes for different machines and answers: each configuration is one that a node accepts.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkSettings } from '@parley/spacebar'
import { Command } from 'commander'
import { register } from '../cli/bridge/bridge.ts'
import { bridgeInput } from '../cli/bridge/bridge-input.ts'
import { loadConfig } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { type Answers, askFor, backendOf, hostOf } from './answers.ts'
import { nextSteps } from './next-steps.ts'
import { planSetup, type SetupWishes } from './setup-plan.ts'
import { installedPort, likelyHost, type Surroundings } from './surroundings.ts'
import { DOCUMENTED_PATHS, unitText } from './unit.ts'
import { fateOf, writePlanned } from './written-files.ts'

const SERVER: Surroundings = {
  isRoot: false,
  user: 'ana',
  hasSystemd: true,
  addresses: ['203.0.113.10', '2001:db8::10'],
  publicAddress: undefined,
  lanes: 3,
  usedPorts: [],
  command: ['/usr/bin/node', '/usr/lib/node_modules/@parley/server/bin/parley.mjs'],
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-plan-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

function planned(
  t: TestContext,
  answers: Partial<Answers>,
  machine: Partial<Surroundings> = {},
  wishes: SetupWishes = {},
) {
  const folder = folderOf(t)
  const whole: Answers = { host: 'voice.example.org', backend: 'lvsp', folder, ...answers }
  const surroundings = { ...SERVER, ...machine }
  const plan = planSetup(whole, surroundings, { unit: join(folder, 'parley.service'), ...wishes })
  writePlanned(plan.files, undefined)
  const config = loadConfig({ file: plan.written.config })
  return { plan, config, steps: nextSteps(whole, surroundings, plan.placement, plan.written) }
}

test('a server with port 443 free serves everything there, with a certificate for its name', t => {
  const { config, steps } = planned(t, {})
  assert.deepEqual(config.http.listen, { host: '::', port: 443 })
  assert.equal(config.http.endpoint, 'voice.example.org:443')
  assert.deepEqual([config.acme.names, config.acme.challenge], [['voice.example.org'], 'tls-alpn-01'])
  assert.match(steps, /TCP 443 and UDP 50000-50005/)
  assert.match(steps, /ufw allow 443\/tcp && ufw allow 50000:50005\/udp/)
})

test('beside a web server on 443 the node takes 8443, and the challenge port 80', t => {
  const { config, steps } = planned(t, {}, { usedPorts: [443] })
  assert.deepEqual([config.http.listen.port, config.acme.challenge], [8_443, 'http-01'])
  assert.match(steps, /TCP 8443, 80 /)
  const both = planned(t, {}, { usedPorts: [443, 80], lanes: 1 })
  assert.deepEqual(both.config.acme.http_listen, { host: '127.0.0.1', port: 8_402 })
  assert.match(both.steps, /proxy_pass http:\/\/127\.0\.0\.1:8402; }/)
  assert.match(both.steps, /TCP 8443 and UDP 50000-50001$/m)
})

test('a node that runs already keeps its port, which it uses itself', t => {
  const { plan } = planned(t, {})
  const folder = dirname(plan.written.config)
  assert.equal(installedPort(folder), 443)
  const answers: Answers = { host: 'voice.example.org', backend: 'lvsp', folder }
  const again = (usedPorts: number[], port?: number) =>
    planSetup(answers, { ...SERVER, usedPorts, installedPort: 443 }, { unit: join(folder, 'parley.service'), port })
  assert.equal(again([443]).placement.port, 443)
  assert.equal(again([443], 443).placement.port, 443)
  assert.throws(() => again([443, 8_443], 8_443), /TCP port 8443 is in use/)
  assert.equal(installedPort(folderOf(t)), undefined)
})

test('a machine announces its public address to clients outside and the private ones inside', t => {
  const nat = { addresses: ['fd00::2', '192.168.1.20'], publicAddress: '203.0.113.7' }
  assert.deepEqual(planned(t, {}, nat).config.media.announce, ['203.0.113.7', '192.168.1.20', 'fd00::2'])
  assert.equal(likelyHost(nat), '203.0.113.7')
  const two = { addresses: ['10.0.0.5', '203.0.113.10'] }
  assert.deepEqual(planned(t, {}, two).config.media.announce, ['203.0.113.10', '10.0.0.5'])
  const one = { addresses: ['203.0.113.10'], publicAddress: '203.0.113.10' }
  assert.deepEqual(planned(t, {}, one).config.media.announce, [])
  assert.deepEqual(planned(t, { host: '203.0.113.9' }, one).config.media.announce, ['203.0.113.9', '203.0.113.10'])
})

test('each backend has its settings, and the lines for its own configuration', t => {
  const [spacebar, litecord, lvsp] = (['spacebar', 'litecord', 'lvsp'] as const).map(backend => planned(t, { backend }))
  assert.equal(spacebar!.config.backend[0]!.adopts_tokens, true)
  assert.match(spacebar!.steps, /"endpoint": "voice\.example\.org:443"[\s\S]*parley bridge spacebar --bus unix:/)
  assert.deepEqual(
    [litecord!.config.backend[0]!.dialect, litecord!.config.lvsp.listen],
    ['litecord', { host: '::', port: 8_444 }],
  )
  assert.match(litecord!.steps, /hostname of the voice server: voice\.example\.org:8444/)
  assert.equal(lvsp!.config.backend[0]!.dialect, 'spec')
  assert.match(lvsp!.steps, /new LvspClient\({ url: 'wss:\/\/voice\.example\.org:443\/lvsp', secret }\)/)
})

/** The settings that the command of the bridge has from these steps. */
function bridgeSettings(steps: string) {
  const [, line = ''] = /^ +(?:parley|\S+node \S+parley\.mjs) bridge spacebar (.*)$/m.exec(steps) ?? []
  const program = new Command()
  register(program)
  const command = program.commands[0]!.commands.find(each => each.name() === 'spacebar')!
  assert.deepEqual(command.parseOptions(line.split(' ')), { operands: [], unknown: [] })
  return checkSettings(bridgeInput(command.opts(), {}))
}

test('the printed command of the bridge has all settings that it needs, and a secret that its user can read', t => {
  const own = bridgeSettings(planned(t, { backend: 'spacebar' }).steps)
  assert.equal(own.bus, 'unix:/run/spacebar')
  assert.match(own.database!, /^postgres:/)
  assert.equal(own.node[0]!.endpoint, 'voice.example.org:443')
  assert.match(own.node[0]!.secret_file!, /lvsp\.secret$/)

  const answers: Answers = { host: 'voice.example.org', backend: 'spacebar', folder: '/etc/parley' }
  const checkout = ['/usr/bin/node', '/opt/parley/packages/server/bin/parley.mjs']
  const root = { ...SERVER, isRoot: true, command: checkout }
  const plan = planSetup(answers, root, {})
  const steps = nextSteps(answers, root, plan.placement, plan.written)
  assert.match(
    steps,
    /install -o spacebar -g spacebar -m 600 \/etc\/parley\/lvsp\.secret \/etc\/parley\/bridge\.secret$/m,
  )
  assert.equal(bridgeSettings(steps).node[0]!.secret_file, '/etc/parley/bridge.secret')
})

test('a program that the service cannot see is the first step', () => {
  const answers: Answers = { host: 'voice.example.org', backend: 'lvsp', folder: '/etc/parley' }
  const nvm = '/root/.nvm/versions/node/v22.12.0/bin/node'
  const machine = { ...SERVER, isRoot: true, command: [nvm, '/usr/lib/node_modules/@parley/server/bin/parley.mjs'] }
  const plan = planSetup(answers, machine, {})
  const steps = nextSteps(answers, machine, plan.placement, plan.written)
  assert.match(steps, /^1\. Install Node\.js and Parley outside of \/home and \/root.*\n {3}\/root\/\.nvm\S+\n2\. /)
})

test('as root on a machine with systemd the paths are those of the service', {
  skip: process.platform === 'win32' && 'Windows has no systemd',
}, () => {
  const answers: Answers = { host: '2001:db8::10', backend: 'lvsp', folder: '/etc/parley' }
  const { user, written, placement, files } = planSetup(answers, { ...SERVER, isRoot: true }, {})
  assert.deepEqual([user, written.unit, written.isInstalled], ['parley', '/etc/systemd/system/parley.service', true])
  assert.deepEqual(
    [placement.adminSocket, placement.certificate.kind === 'acme' && placement.certificate.storage],
    ['/run/parley/admin.sock', '/var/lib/parley/acme'],
  )
  assert.match(files[1]!.text, /endpoint = "\[2001:db8::10\]:443"/)
  assert.match(files[2]!.text, /^User=parley$[\s\S]*^ConfigurationDirectory=parley$/m)
})

test('a unit quotes paths, and has the service own a folder only where it is its own', () => {
  const unit = unitText({ ...DOCUMENTED_PATHS, command: ['/opt/my node', 'a"%b'], config: '/srv/parley.toml' }, '')
  assert.match(unit, /^ExecStart="\/opt\/my node" "a\\"%%b" serve --config \/srv\/parley\.toml$/m)
  assert.doesNotMatch(unit, /ConfigurationDirectory/)
})

test('answers that cannot work are refused with a sentence', t => {
  const refused = (act: () => unknown, sentence: RegExp) =>
    assert.throws(act, (error: Error) => error instanceof ConfigError && sentence.test(error.message))
  refused(() => planned(t, { host: '10.0.0.7' }), /10\.0\.0\.7 is a private address, for which no public authority/)
  planned(t, { host: '10.0.0.7' }, {}, { acmeDirectory: 'https://ca.internal/acme', email: 'a@b.example' })
  refused(() => planned(t, {}, {}, { cert: 'a.pem' }), /expected both --cert and --key/)
  refused(() => planned(t, {}, { usedPorts: [8_443] }, { port: 8_443 }), /TCP port 8443 is in use/)
  for (const text of ['', 'voice', 'a b.example', 'https://voice.example.org', '*.example.org'])
    refused(() => hostOf(text), /expected a domain name/)
  assert.equal(hostOf('Vóice.Example.ORG'), 'xn--vice-qqa.example.org')
  assert.equal(hostOf('[2001:DB8::1]'), '2001:db8::1')
  assert.equal(backendOf(' 2 '), 'litecord')
})

test('only what flags leave open is asked', async () => {
  const asked: string[] = []
  const ask = async <T>(question: string, fallback: string, accept: (text: string) => T) => {
    asked.push(question.split('\n')[0]!)
    return accept(fallback)
  }
  const defaults: Answers = { host: '203.0.113.10', backend: 'spacebar', folder: '/etc/parley' }
  assert.deepEqual(await askFor({}, defaults, ask), defaults)
  assert.equal(asked.length, 3)
  await askFor({ host: 'voice.example.org', folder: 'x' }, defaults, ask)
  assert.deepEqual(asked.slice(3), ['Which chat backend? 1 Spacebar, 2 Litecord, 3 another one that speaks LVSP'])
})

test('an existing secret is kept, another file is replaced and its old text too', t => {
  const folder = folderOf(t)
  const file = { path: join(folder, 'a'), text: 'new\n', mode: 0o600, isOfService: true }
  assert.equal(fateOf(file), 'new')
  writeFileSync(file.path, 'old\n', { mode: 0o644 })
  writePlanned([{ ...file, isKept: true }], undefined)
  assert.equal(readFileSync(file.path, 'utf8'), 'old\n')
  writePlanned([file], undefined)
  assert.deepEqual([readFileSync(file.path, 'utf8'), readFileSync(`${file.path}.old`, 'utf8')], ['new\n', 'old\n'])
  if (process.platform !== 'win32') assert.equal(statSync(file.path).mode & 0o777, 0o600)
  assert.equal(fateOf(file), 'unchanged')
})
