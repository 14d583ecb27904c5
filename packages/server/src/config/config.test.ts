// The configuration: accepted settings, precedence of sources, and the message for each error.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ConfigSources, configOf, describeConfig, loadConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import type { ConfigInput } from './schema.ts'

const BACKEND = '[[backend]]\nid = "main"\nsecret = "s3cret-value"\n'

function folderWith(t: TestContext, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-config-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

function load(t: TestContext, toml: string, sources: ConfigSources = {}) {
  return loadConfig({ file: join(folderWith(t, { 'parley.toml': toml }), 'parley.toml'), ...sources })
}

/** The message with which the sources are refused, without the folder of the file. */
function refusal(load: () => unknown): string {
  try {
    load()
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    assert.doesNotMatch(error.message, /\n/)
    assert.doesNotMatch(error.message, /s3cret/)
    return error.message.replace(/(?:\/|[A-Z]:\\)\S*parley-config-\w+[\\/]/g, '')
  }
  throw new Error('was not refused')
}

test('the example of the documentation is accepted', t => {
  const folder = folderWith(t, {
    'lvsp.secret': 'from-a-file\n',
    'parley.toml': `
      [http]
      listen = "0.0.0.0:8443"
      endpoint = "voice.example.org:8443"
      tls_cert = "cert.pem"
      tls_key  = "key.pem"
      [lvsp]
      listen = "0.0.0.0:8444"
      [media]
      port = 50000
      announce = ["203.0.113.10"]
      [voice]
      legacy_modes = false
      resume_window = "30s"
      [[backend]]
      id = "main"
      secret_file = "lvsp.secret"
      dialect = "spec"
      [log]
      level = "info"
      format = "json"`,
  })
  const config = loadConfig({ file: join(folder, 'parley.toml') })
  assert.deepEqual(config.http.listen, { host: '0.0.0.0', port: 8443 })
  assert.equal(config.http.tls_cert, join(folder, 'cert.pem'))
  assert.equal(config.voice.resume_window, 30_000)
  assert.deepEqual(config.backend, [
    {
      id: 'main',
      dialect: 'spec',
      legacy_assign: false,
      adopts_tokens: false,
      channel_end_code: 4014,
      draft_resume: false,
      max_channel_members: 5_000,
      max_channel_kbit: 0,
      max_member_kbit: 0,
      max_channels: 100_000,
      max_voice_states: 500_000,
      secrets: ['from-a-file'],
    },
  ])
})

test('only a secret is required', () => {
  const config = configOf({ backend: [{ secret: 'x' }] })
  assert.deepEqual(config.http.listen, { host: '127.0.0.1', port: 8443 })
  assert.equal(config.http.endpoint, undefined)
  assert.equal(config.media.port, 50_000)
  assert.equal(config.backend[0]?.id, 'main')
})

test('the environment overrides the file, and flags override both', t => {
  const environment = { PARLEY_MEDIA_PORT: '2', PARLEY_VOICE_MIN_VERSION: '4', PATH: '/bin' }
  const config = load(t, `${BACKEND}[media]\nport = 1\n[log]\nlevel = "warn"`, {
    environment,
    flags: ['media.port=3'],
  })
  assert.deepEqual([config.media.port, config.voice.min_version, config.log.level], [3, 4, 'warn'])
})

test('text from the environment becomes lists, numbers and booleans; commas in a secret stay', () => {
  const environment = {
    PARLEY_MEDIA_ANNOUNCE: '203.0.113.10, 2001:db8::1',
    PARLEY_VOICE_LEGACY_MODES: 'true',
    PARLEY_CAPACITY_EGRESS_MBIT: '2.5',
    PARLEY_HTTP_METRICS_FROM: '',
    PARLEY_BACKEND_0_SECRET: 'a,b',
  }
  const config = loadConfig({ environment })
  assert.deepEqual(config.media.announce, ['203.0.113.10', '2001:db8::1'])
  assert.equal(config.voice.legacy_modes, true)
  assert.equal(config.capacity.egress_mbit, 2.5)
  assert.deepEqual(config.http.metrics_from, [])
  assert.deepEqual(config.backend[0]?.secrets, ['a,b'])
})

test('the file can be named by the environment', t => {
  const folder = folderWith(t, { 'a.toml': BACKEND })
  assert.equal(loadConfig({ environment: { PARLEY_CONFIG: join(folder, 'a.toml') } }).backend.length, 1)
})

test('variables that Kubernetes sets for a service named parley are ignored', () => {
  const environment = {
    PARLEY_BACKEND_0_SECRET: 'x',
    PARLEY_SERVICE_HOST: '10.0.0.1',
    PARLEY_SERVICE_PORT_HTTPS: '443',
    PARLEY_PORT: 'tcp://10.0.0.1:443',
    PARLEY_PORT_443_TCP_ADDR: '10.0.0.1',
    PARLEY_GRAFANA_SERVICE_HOST: '10.0.0.2',
  }
  assert.equal(loadConfig({ environment }).backend.length, 1)
})

test('a secret from the environment replaces the secret file of the configuration file', t => {
  const config = load(t, '[[backend]]\nsecret_file = "missing"', { environment: { PARLEY_BACKEND_0_SECRET: 'new' } })
  assert.deepEqual(config.backend[0]?.secrets, ['new'])
})

test('a secret rotates: as a list, or as two lines of its file', t => {
  const folder = folderWith(t, { s: 'new\r\nold\n\n', 'parley.toml': '[[backend]]\nsecret_file = "s"' })
  assert.deepEqual(loadConfig({ file: join(folder, 'parley.toml') }).backend[0]?.secrets, ['new', 'old'])
  assert.deepEqual(configOf({ backend: [{ secret: ['new', 'old'] }] }).backend[0]?.secrets, ['new', 'old'])
})

test('durations are milliseconds, and are described as written', () => {
  const config = configOf({
    backend: [{ secret: 'x' }],
    voice: { resume_window: '10m' },
    lvsp: { orphan_grace: '250ms' },
  })
  assert.deepEqual([config.voice.resume_window, config.lvsp.orphan_grace], [600_000, 250])
  assert.match(describeConfig(config), /resume_window = "10m"/)
  assert.match(describeConfig(config), /orphan_grace = "250ms"/)
})

test('a described configuration hides secrets and is accepted again', () => {
  const described = describeConfig(configOf({ backend: [{ secret: 's3cret' }], http: { listen: '[::1]:9000' } }))
  assert.doesNotMatch(described, /s3cret/)
  assert.match(described, /listen = "\[::1\]:9000"/)
  assert.match(described, /secret = \[ "\(hidden\)" \]/)
})

test('the configuration cannot be changed', () => {
  const config = configOf({ backend: [{ secret: 'x' }] })
  assert.throws(() => {
    config.media.announce.push('1.2.3.4')
  }, TypeError)
})

const inFile: [string, string, string][] = [
  ['a syntax error', '[http\nlisten = 1', 'parley.toml, line 1, column 6: not valid TOML: expected a closing'],
  ['an unknown section', '[htpp]\nlisten = ""', 'htpp.listen (in parley.toml): no such section (did you mean http?)'],
  [
    'a misspelt key',
    '[http]\nlistne = "x"',
    'http.listne (in parley.toml): no such setting (did you mean http.listen?)',
  ],
  [
    'a key of another section',
    '[http]\nport = 1',
    'http.port (in parley.toml): no such setting (did you mean media.port?)',
  ],
  ['an unknown key without a similar one', '[http]\nzzzzzzzz = 1', 'http.zzzzzzzz (in parley.toml): no such setting'],
  ['a section as a value', 'http = 3', 'http (in parley.toml): expected a section [http], found a value'],
  ['a backend as a value', 'backend = "x"', 'backend (in parley.toml): expected [[backend]] sections, found a value'],
  [
    'a backend as one section',
    '[backend]\nid = "x"',
    'backend.id (in parley.toml): expected [[backend]] sections, found a value',
  ],
  [
    'a listen address without port',
    `${BACKEND}[http]\nlisten = "localhost"`,
    'http.listen (in parley.toml): expected an address and a port such as "0.0.0.0:8443" or "[::]:8443", found "localhost"',
  ],
  [
    'a port too high',
    `${BACKEND}[http]\nlisten = "127.0.0.1:65536"`,
    'http.listen (in parley.toml): expected an address and a port such as "0.0.0.0:8443" or "[::]:8443", found "127.0.0.1:65536"',
  ],
  [
    'a number for a duration',
    `${BACKEND}[voice]\nresume_window = 30`,
    'voice.resume_window (in parley.toml): expected a duration of at most 24 days such as "250ms", "30s", "10m" or "1h", found 30',
  ],
  [
    'a duration longer than a timer supports',
    `${BACKEND}[voice]\ndrain_timeout = "600h"`,
    'voice.drain_timeout (in parley.toml): expected a duration of at most 24 days such as "250ms", "30s", "10m" or "1h", found "600h"',
  ],
  [
    'an endpoint with an invalid port',
    `${BACKEND}[http]\nendpoint = "voice.example.org:65536"`,
    'http.endpoint (in parley.toml): expected a host or host:port without scheme and path, such as "voice.example.org:8443", found "voice.example.org:65536"',
  ],
  [
    'an endpoint that is no host',
    `${BACKEND}[http]\nendpoint = "10.0.0.256:443"`,
    'http.endpoint (in parley.toml): expected a host or host:port without scheme and path, such as "voice.example.org:8443", found "10.0.0.256:443"',
  ],
  [
    'an endpoint with a scheme',
    `${BACKEND}[http]\nendpoint = "wss://voice.example.org"`,
    'http.endpoint (in parley.toml): expected a host or host:port without scheme and path, such as "voice.example.org:8443", found "wss://voice.example.org"',
  ],
  [
    'an announced name',
    `${BACKEND}[media]\nannounce = ["1.2.3.4", "voice.example.org"]`,
    'media.announce (in parley.toml): expected a list of IP addresses such as ["203.0.113.10"], found ["1.2.3.4","voice.example.org"]',
  ],
  [
    'an unknown dialect',
    '[[backend]]\nsecret = "x"\ndialect = "spacebar"',
    'backend.0.dialect (in parley.toml): expected "spec" or "litecord", found "spacebar"',
  ],
  [
    'an empty secret',
    '[[backend]]\nsecret = ""',
    'backend.0.secret (in parley.toml): expected a non-empty secret, or a list of the new and the old one, found an empty string',
  ],
  [
    'an empty secret in a list',
    '[[backend]]\nsecret = ["s3cret", ""]',
    'backend.0.secret (in parley.toml): expected a non-empty secret, or a list of the new and the old one, found a list with an empty string',
  ],
  [
    'three secrets',
    '[[backend]]\nsecret = ["s3cret1", "s3cret2", "s3cret3"]',
    'backend.0.secret (in parley.toml): expected a non-empty secret, or a list of the new and the old one, found a list of 3',
  ],
  [
    'a secret that is a number',
    '[[backend]]\nsecret = 1234',
    'backend.0.secret (in parley.toml): expected a non-empty secret, or a list of the new and the old one, found neither text nor a list',
  ],
  ['no backend', '', 'backend: expected at least one, with secret or secret_file, found none'],
  ['no secret', '[[backend]]\nid = "a"', 'backend.0: expected secret or secret_file, found neither'],
  [
    'two kinds of secret',
    '[[backend]]\nsecret = "s3cret"\nsecret_file = "f"',
    'backend.0.secret_file (in parley.toml): expected either secret or secret_file, found both',
  ],
  [
    'a missing secret file',
    '[[backend]]\nsecret_file = "f"',
    'backend.0.secret_file (in parley.toml): f cannot be read (ENOENT)',
  ],
  [
    'the same id twice',
    `${BACKEND}[[backend]]\nid = "main"\nsecret = "y"`,
    'backend.1.id (in parley.toml): "main" is already the id of an earlier backend',
  ],
  [
    'the same secret twice',
    `${BACKEND}[[backend]]\nid = "other"\nsecret = "s3cret-value"`,
    'backend.1: has the secret of an earlier backend; each backend needs its own',
  ],
  [
    'a public listener without TLS',
    `${BACKEND}[http]\nlisten = "0.0.0.0:80"\nendpoint = "a"`,
    'http.listen (in parley.toml): 0.0.0.0 is reachable from other machines, which requires TLS: set http.tls_cert and http.tls_key, acme.names, or http.behind_proxy = true if a proxy terminates TLS',
  ],
  [
    'a public LVSP listener without TLS',
    `${BACKEND}[lvsp]\nlisten = "[::]:80"`,
    'lvsp.listen (in parley.toml): :: is reachable from other machines, which requires TLS: set http.tls_cert and http.tls_key, acme.names, or http.behind_proxy = true if a proxy terminates TLS',
  ],
  [
    'a certificate without key',
    `${BACKEND}[http]\ntls_cert = "a"`,
    'http.tls_cert (in parley.toml): requires http.tls_key',
  ],
  [
    'a key without certificate',
    `${BACKEND}[http]\ntls_key = "a"`,
    'http.tls_key (in parley.toml): requires http.tls_cert',
  ],
  [
    'a public listener without endpoint',
    `${BACKEND}[http]\nlisten = "0.0.0.0:80"\ntls_cert = "a"\ntls_key = "b"`,
    'http.endpoint: expected the host:port at which clients reach this node, found nothing',
  ],
  [
    'a proxy without announced address',
    `${BACKEND}[http]\nbehind_proxy = true`,
    'media.announce: expected the address that clients send packets to, because behind a proxy it cannot be detected',
  ],
]
for (const [mistake, toml, sentence] of inFile)
  test(`refused: ${mistake}`, t => {
    const found = refusal(() => load(t, toml))
    if (mistake === 'a syntax error') assert.ok(found.startsWith('parley.toml, line 1, column '), found)
    else assert.equal(found, sentence)
  })

test('refused: a secret file that is empty, or has too many lines', t => {
  const folder = folderWith(t, { empty: '\n', many: 's3cret1\ns3cret2\ns3cret3\n' })
  const withFile = (name: string): ConfigInput => ({ backend: [{ secret_file: join(folder, name) }] })
  assert.equal(
    refusal(() => configOf(withFile('empty'))),
    'backend.0.secret_file: expected a secret in empty, found an empty file',
  )
  assert.equal(
    refusal(() => configOf(withFile('many'))),
    'backend.0.secret_file: expected at most two lines in many (the new secret and the old), found 3',
  )
})

test('refused: a file that does not exist', () => {
  assert.equal(
    refusal(() => loadConfig({ file: '/nowhere/parley.toml' })),
    '/nowhere/parley.toml: cannot be read (ENOENT)',
  )
})

test('refused: a value of a variable, under the name of the variable', () => {
  const environment = { PARLEY_BACKEND_0_SECRET: 'x', PARLEY_MEDIA_PORT: 'high' }
  assert.equal(
    refusal(() => loadConfig({ environment })),
    'PARLEY_MEDIA_PORT: expected a port from 0 to 65535, found "high"',
  )
})

test('refused: a numbered backend without the one before it', () => {
  assert.equal(
    refusal(() => loadConfig({ environment: { PARLEY_BACKEND_1_SECRET: 's3cret' } })),
    'backend.0: missing, although a backend with a higher number is set',
  )
})

test('refused: flags with an unknown setting, a wrong backend number, or without a value', () => {
  const flag = (text: string) => refusal(() => loadConfig({ flags: [text] }))
  assert.equal(flag('http.listem=1'), '--set http.listem: no such setting (did you mean http.listen?)')
  assert.equal(
    flag('backend.main.secret=s3cret'),
    '--set backend.main.secret: expected the number of a backend such as backend.0.id, found "main"',
  )
  assert.equal(flag('s3cret'), '--set: expected key=value such as http.listen=0.0.0.0:8443, found no "="')
})

test('a variable without a setting and a short secret are warnings and no errors', t => {
  const folder = folderWith(t, { 'lvsp.secret': 'short\n', 'parley.toml': '[[backend]]\nsecret_file = "lvsp.secret"' })
  const file = join(folder, 'parley.toml')
  chmodSync(join(folder, 'lvsp.secret'), 0o600)
  const { warnings } = loadConfig({ file, environment: { PARLEY_HTPP_LISTEN: 'x' } })
  assert.equal(warnings.length, 2)
  assert.match(
    warnings[0]!,
    /^PARLEY_HTPP_LISTEN: no such setting \(did you mean PARLEY_HTTP_LISTEN\?\); the variable is ignored$/,
  )
  assert.match(warnings[1]!, /^backend main: a secret of less than 32 bytes/)
  assert.ok(!warnings.join().includes('short'))
  writeFileSync(join(folder, 'lvsp.secret'), 'x'.repeat(32))
  assert.deepEqual(loadConfig({ file }).warnings, [])
})

test('a secret that every user can read is a warning', {
  skip: process.platform === 'win32' && 'Windows has no file modes of POSIX',
}, t => {
  const text = '[[backend]]\nsecret_file = "lvsp.secret"'
  const folder = folderWith(t, { 'lvsp.secret': `${'x'.repeat(32)}\n`, 'parley.toml': text })
  chmodSync(join(folder, 'lvsp.secret'), 0o644)
  const [warning] = loadConfig({ file: join(folder, 'parley.toml') }).warnings
  assert.match(warning!, /lvsp\.secret can be read by every user of this machine: chmod 600$/)
})
