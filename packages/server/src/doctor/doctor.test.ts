// `parley doctor`: misconfigurations that are injected one by one are named, each with its fix.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ConfigSources, loadConfig } from '../config/config.ts'
import { selfSignedCertificate } from '../net/self-signed.ts'
import { CHECKS, diagnose } from './doctor.ts'
import type { Machine } from './machine.ts'

const folder = mkdtempSync(join(tmpdir(), 'parley-doctor-'))
after(() => rmSync(folder, { recursive: true }))

const DAY = 24 * 60 * 60 * 1_000
const NOW = Date.UTC(2026, 10, 20)
const fixture = (name: string) => fileURLToPath(new URL(`../../../../test/e2e/fixtures/${name}`, import.meta.url))

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

const own = selfSignedCertificate(NOW)
const other = selfSignedCertificate(NOW)
const CERT = write('cert.pem', own.cert)
const KEY = write('key.pem', own.key)
const ISSUED_KEY = write('issued.pem', readFileSync(fixture('localhost-issued-key.pem'), 'utf8'))
const SECRET = write('secret', 'a secret of a backend that is long enough\n')

/** A machine on which all is well. */
const MACHINE: Machine = {
  now: NOW,
  platform: 'linux',
  nodeVersion: '22.12.0',
  addresses: ['203.0.113.10', '2001:db8::10'],
  read: path =>
    path.startsWith('/proc/sys/net') ? '8388608\n' : 'Max open files            65536      65536   files\n',
  resolve: async host => (host === 'voice.example.org' ? ['203.0.113.10'] : []),
  engine: async () => ({ engine: 'ffi', aead: 'libsodium', reason: 'all requirements are met' }),
}

/** Settings of a public node on which all is well, except that its certificate is for this machine only. */
const SETTINGS: Record<string, string> = {
  'http.listen': '0.0.0.0:8443',
  'http.endpoint': 'voice.example.org:8443',
  'http.tls_cert': CERT,
  'http.tls_key': KEY,
  'media.announce': '203.0.113.10',
  'backend.0.secret_file': SECRET,
}

/** Instead of the certificate: one that the node obtains. */
const ACME = {
  'http.tls_cert': undefined,
  'http.tls_key': undefined,
  'acme.names': 'voice.example.org',
  'acme.agree_to_terms': 'true',
  'acme.storage': folder,
}

interface Case {
  settings?: Record<string, string | undefined>
  environment?: ConfigSources['environment']
  machine?: Partial<Machine>
  prepare?: () => void
}

async function problemsOf({ settings = {}, environment = {}, machine = {}, prepare }: Case) {
  prepare?.()
  const all = Object.entries({ ...SETTINGS, ...settings }).filter(([, value]) => value !== undefined)
  const flags = all.map(([key, value]) => `${key}=${value}`)
  const load = () => loadConfig({ flags, environment })
  const { findings } = await diagnose(load, () => ({ ...MACHINE, ...machine }), true)
  return findings.filter(({ ok }) => !ok)
}

/** The problem, where it is found, and its fix. */
const CASES: [name: string, injected: Case, check: string, problem: RegExp, fix: RegExp][] = [
  [
    'a misspelled setting',
    { settings: { 'http.lisen': 'x' } },
    'configuration',
    /did you mean http\.listen/,
    /correct/,
  ],
  [
    'a port without TLS',
    { settings: { 'http.tls_cert': undefined, 'http.tls_key': undefined } },
    'configuration',
    /requires TLS/,
    /correct/,
  ],
  [
    'a key of another certificate',
    { settings: { 'http.tls_key': write('other.pem', other.key) } },
    'certificate-files',
    /are not a certificate and its key/,
    /correct/,
  ],
  [
    'a TCP listener on another address than the announced one',
    { settings: { 'http.listen': '203.0.113.11:8443' } },
    'tcp-media',
    /http\.listen is 203\.0\.113\.11 only/,
    /media\.tcp = false/,
  ],
  [
    'a certificate for another name',
    {},
    'certificate-names',
    /does not name voice\.example\.org/,
    /obtain a certificate/,
  ],
  ['an expired certificate', { machine: { now: NOW + 31 * DAY } }, 'certificate-dates', /expired on 2026-12/, /renew/],
  [
    'a certificate that is not renewed',
    { machine: { now: NOW + 20 * DAY } },
    'certificate-dates',
    /expires on/,
    /timer/,
  ],
  ['a clock behind the certificate', { machine: { now: NOW - 9 * DAY } }, 'certificate-dates', /valid from/, /clock/],
  ['a self-signed certificate', {}, 'certificate-chain', /self-signed/, /public authority/],
  [
    'a chain without its issuer',
    {
      settings: {
        'http.tls_cert': fixture('localhost-issued-cert.pem'),
        'http.tls_key': ISSUED_KEY,
      },
    },
    'certificate-chain',
    /which clients do not know/,
    /fullchain\.pem/,
  ],
  [
    'a chain in the wrong order',
    {
      settings: {
        'http.tls_cert': write('chain.pem', readFileSync(fixture('localhost-issued-cert.pem'), 'utf8') + own.cert),
        'http.tls_key': ISSUED_KEY,
      },
    },
    'certificate-chain',
    /certificate 2 .* did not issue/,
    /server first/,
  ],
  [
    'an endpoint without a DNS record',
    { settings: { 'http.endpoint': 'nowhere.example.org:8443' } },
    'endpoint-resolves',
    /has no address in DNS/,
    /A record/,
  ],
  [
    'a DNS record of another machine',
    { machine: { resolve: async () => ['198.51.100.1'] } },
    'endpoint-resolves',
    /not an address of this machine/,
    /DNS records/,
  ],
  [
    'an endpoint without its port',
    { settings: { 'http.endpoint': 'voice.example.org' } },
    'endpoint-port',
    /sent to port 443, but the node listens on port 8443/,
    /set http\.endpoint = "voice\.example\.org:8443"/,
  ],
  [
    'a public node on loopback',
    { settings: { 'http.listen': '127.0.0.1:8443' } },
    'listeners',
    /only this machine reaches/,
    /0\.0\.0\.0/,
  ],
  ['media on loopback', { settings: { 'media.listen': '127.0.0.1' } }, 'listeners', /voice packets/, /remove/],
  [
    'a machine behind NAT without an announced address',
    { settings: { 'media.announce': undefined }, machine: { addresses: ['192.168.1.5'] } },
    'announced-addresses',
    /private addresses only/,
    /set media\.announce/,
  ],
  [
    'several addresses and none announced',
    { settings: { 'media.announce': undefined }, machine: { addresses: ['203.0.113.10', '192.168.1.5'] } },
    'announced-addresses',
    /several addresses/,
    /set media\.announce/,
  ],
  [
    'a private announced address',
    { settings: { 'media.announce': '192.168.1.5' } },
    'announced-addresses',
    /private addresses only/,
    /public address/,
  ],
  [
    'an announced address of loopback',
    { settings: { 'media.announce': '127.0.0.1' } },
    'announced-addresses',
    /to which no client can send/,
    /public address/,
  ],
  ['no IPv4 address', { settings: { 'media.announce': '2001:db8::10' } }, 'ipv4', /no IPv4 address/, /add an IPv4/],
  [
    'a certificate that is obtained for another name',
    { settings: { ...ACME, 'acme.names': 'old.example.org', 'acme.challenge': 'http-01' } },
    'acme',
    /voice\.example\.org, which is not one of acme\.names/,
    /add "voice\.example\.org"/,
  ],
  [
    'a challenge at a port that the authority does not use',
    { settings: ACME },
    'acme',
    /connects to port 443, but the node listens on port 8443/,
    /http-01/,
  ],
  [
    'a proxy that can be bypassed',
    { settings: { 'http.behind_proxy': 'true', 'http.tls_cert': undefined, 'http.tls_key': undefined } },
    'exposure',
    /reachable without the proxy/,
    /127\.0\.0\.1/,
  ],
  ['public metrics', { settings: { 'http.metrics_from': '0.0.0.0/0' } }, 'exposure', /every address/, /Prometheus/],
  [
    'a weak secret',
    { settings: { 'backend.0.secret_file': undefined, 'backend.0.secret': 'short' } },
    'secret-strength',
    /backend main/,
    /openssl rand/,
  ],
  [
    'a secret that all users can read',
    {
      settings: { 'backend.0.secret_file': write('open', `${'x'.repeat(40)}\n`) },
      prepare: () => chmodSync(join(folder, 'open'), 0o644),
    },
    'file-modes',
    /can be read by every user/,
    /^chmod 600 \//,
  ],
  [
    'a misspelled variable',
    { environment: { PARLEY_HTP_LISTEN: 'x' } },
    'environment',
    /PARLEY_HTP_LISTEN/,
    /correct the name/,
  ],
  [
    'a stop that cuts calls',
    { settings: { 'voice.drain_timeout': '0s' } },
    'drain-time',
    /cuts all calls/,
    /at least 5s/,
  ],
  ['an old Node.js', { machine: { nodeVersion: '18.20.1' } }, 'node-version', /too old/, /install Node\.js/],
  ['a clock that was reset', { machine: { now: 0 } }, 'clock', /1970-01-01/, /timedatectl/],
  ['small UDP buffers', { machine: { read: () => '212992\n' } }, 'udp-buffers', /rmem_max is 212992/, /sysctl -w/],
  [
    'few file descriptors',
    {
      machine: {
        read: path => (path.endsWith('limits') ? 'Max open files            1024       4096  files\n' : '8388608'),
      },
    },
    'file-descriptors',
    /1024 open files/,
    /LimitNOFILE/,
  ],
  [
    'a missing native library',
    { machine: { engine: async () => ({ engine: 'portable', aead: 'node', reason: "Cannot find package 'koffi'" }) } },
    'engine',
    /portable engine would run/,
    /optional dependencies/,
  ],
  [
    'a missing libsodium',
    { machine: { engine: async () => ({ engine: 'ffi', aead: 'openssl', reason: 'all requirements are met' }) } },
    'libsodium',
    /more CPU time/,
    /libsodium23/,
  ],
]

const WITHOUT_MODES = process.platform === 'win32' && 'Windows has no file modes of POSIX'

/** Those of the certificate in `SETTINGS`, which is for this machine only. */
const EXPECTED = ['certificate-chain', 'certificate-names']

test('a node on which all is well has the problems of its test certificate only', async () => {
  assert.deepEqual((await problemsOf({})).map(({ check }) => check).sort(), EXPECTED)
})

for (const [name, injected, check, problem, fix] of CASES)
  test(`${name} is named, with its fix`, { skip: check === 'file-modes' && WITHOUT_MODES }, async () => {
    const found = (await problemsOf(injected)).filter(each => each.check === check)
    assert.ok(
      found.some(each => problem.test(each.problem!) && fix.test(each.fix!)),
      JSON.stringify(found),
    )
  })

test('each injected problem is found by one check only, and each check of the table has a problem that it finds', async () => {
  const unexpected: string[] = []
  for (const [name, injected, check] of CASES) {
    const checks = new Set((await problemsOf(injected)).map(each => each.check))
    const alone = ['configuration', 'certificate-files', ...EXPECTED, 'certificate-dates', check]
    for (const each of checks) if (!alone.includes(each)) unexpected.push(`${name}: ${each}`)
  }
  assert.deepEqual(unexpected, [])
  const found = new Set(CASES.map(([, , check]) => check))
  const elsewhere = ['certificate-usage', 'certificate-renewal', 'running', 'backends', '…-from-here']
  assert.deepEqual(
    CHECKS.map(({ name }) => name).filter(each => !found.has(each) && !elsewhere.includes(each)),
    [],
  )
})

test('without the network nothing is resolved', async () => {
  const machine: Machine = { ...MACHINE, resolve: () => assert.fail('a name was resolved') }
  const flags = Object.entries(SETTINGS).map(([key, value]) => `${key}=${value}`)
  await diagnose(
    () => loadConfig({ flags }),
    () => machine,
    false,
  )
})
