// `parley setup`: what it asks, writes and refuses; and the first minute of a new operator.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '@parley/server'
import { missingNamespaces, runIsolated } from './namespaces.ts'
import { ParleyProcess } from './parley-process.ts'
import { missingPebble } from './pebble-server.ts'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const PARLEY = path('../../packages/server/bin/parley.mjs')

test('from three answers to the first bot heard in a minute; then renewal, reload and upgrade cut no call', {
  skip: missingPebble || missingNamespaces(),
  timeout: 300_000,
}, t => {
  const { questions, config, unit, output, problems, seconds, operations, calls } = runIsolated(
    'setup-walk.ts',
    200_000,
  )
  t.diagnostic(`seconds: ${JSON.stringify(seconds)}`)
  assert.equal(questions, 3)
  assert.match(config, /endpoint = "203\.0\.113\.10:443"/)
  assert.match(config, /names = \["203\.0\.113\.10"\]/)
  assert.match(unit, /^ExecStart=\S+node \S+ serve --config \S+\/etc\/parley\.toml$/m)
  assert.match(output, /TCP 443 and UDP 50000/)
  assert.match(output, /wss:\/\/203\.0\.113\.10:443\/lvsp/)
  assert.ok(seconds.all < 60, JSON.stringify(seconds))
  assert.deepEqual(operations, {
    isRenewed: true,
    applied: ['backend.main.max_member_kbit'],
    isReplaced: true,
    oldExit: 0,
  })
  t.diagnostic(`frames: ${JSON.stringify(calls)}`)
  for (const { missing, interruptions } of calls) assert.deepEqual([missing, interruptions], [0, []])
  assert.ok(calls[0].sent > 500, 'the first call went on during all of it')
  // A test authority is not a public one, and its certificate lasts for half a minute; everything else is well.
  const checks = problems.map(({ check }: { check: string }) => check)
  assert.deepEqual(checks, ['certificate-dates', 'certificate-chain'], JSON.stringify(problems))
})

/** As root, with copies of /etc and /run: systemd seems to run, and nothing outside changes. */
const AS_ROOT = `set -e
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system
cp -a /etc "$1/etc" && mount --bind "$1/etc" /etc
"$2" "$3" setup --yes --host voice.example.org --backend lvsp --no-stun >"$1/output"
stat -c '%a %U %n' /etc/parley/* /etc/systemd/system/parley.service
getent passwd parley
sed '/^ExecStart=/s/$/ --take-over/' \\
  /etc/systemd/system/parley.service > /etc/systemd/system/parley@.service
if command -v systemd-analyze >/dev/null; then
  systemd-analyze verify /etc/systemd/system/parley.service /etc/systemd/system/parley@1.service
fi
`

test('as root the service has a user, a secret that only it reads, and units that systemd accepts', {
  skip: missingNamespaces(),
}, t => {
  const folder = emptyFolder(t)
  const args = ['--net', '--mount', 'sh', '-c', AS_ROOT, 'sh', folder, process.execPath, PARLEY]
  const { stdout, stderr, status } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 100_000 })
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  assert.match(stdout, /^600 parley \/etc\/parley\/lvsp\.secret$/m)
  assert.match(stdout, /^644 parley \/etc\/parley\/parley\.toml$/m)
  assert.match(stdout, /^644 root \/etc\/systemd\/system\/parley\.service$/m)
  assert.match(stdout, /^parley:x:\d+:\d+::\/var\/lib\/parley:\/usr\/sbin\/nologin$/m)
  assert.match(readFileSync(join(folder, 'output'), 'utf8'), /systemctl daemon-reload && systemctl enable --now parley/)
})

async function setup(t: TestContext, folder: string, args: readonly string[], input = '') {
  const child = new ParleyProcess(['setup', '--no-stun', '--port', '18443', ...args], { folder, input, t })
  const exit = await child.exit
  return { exit, stdout: child.stdout, stderr: child.stderr }
}

function emptyFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-setup-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

const unattended = (folder: string) => [
  ...['--yes', '--host', 'voice.example.org', '--backend', 'spacebar'],
  ...['--folder', join(folder, 'etc'), '--unit', join(folder, 'etc/parley.service')],
]

test('with --yes nothing is asked, and what is written is a valid configuration with a secret', async t => {
  const folder = emptyFolder(t)
  const { exit, stdout, stderr } = await setup(t, folder, unattended(folder))
  assert.deepEqual({ exit, stderr }, { exit: 0, stderr: '' })
  assert.doesNotMatch(stdout, /^> /m)
  assert.match(stdout, /"endpoint": "voice\.example\.org:18443"/)
  const etc = join(folder, 'etc')
  assert.deepEqual(readdirSync(etc).sort(), ['lvsp.secret', 'parley.service', 'parley.toml'])
  assert.equal(statSync(join(etc, 'lvsp.secret')).mode & 0o777, 0o600)
  const config = loadConfig({ file: join(etc, 'parley.toml') })
  assert.deepEqual(config.warnings, [])
  assert.deepEqual([config.http.endpoint, config.backend[0]?.adopts_tokens], ['voice.example.org:18443', true])
  assert.ok(config.backend[0]!.secrets[0]!.length >= 32)
})

test('files are replaced only if the operator agrees, and a secret never', async t => {
  const folder = emptyFolder(t)
  const file = join(folder, 'etc/parley.toml')
  const secret = () => readFileSync(join(folder, 'etc/lvsp.secret'), 'utf8')
  assert.equal((await setup(t, folder, unattended(folder))).exit, 0)
  const before = secret()
  writeFileSync(file, '# mine\n')
  const refused = await setup(t, folder, unattended(folder))
  assert.deepEqual([refused.exit, refused.stderr.includes('would be replaced: use --force')], [2, true])
  const asked = unattended(folder).slice(1)
  assert.equal((await setup(t, folder, asked, 'y\n')).exit, 0)
  assert.equal(readFileSync(`${file}.old`, 'utf8'), '# mine\n')
  assert.equal(secret(), before)
})

test('--dry-run prints the files without the secret, and writes none', async t => {
  const folder = emptyFolder(t)
  const { exit, stdout } = await setup(t, folder, [...unattended(folder), '--dry-run'])
  assert.equal(exit, 0)
  assert.match(stdout, /--- \S+\/parley\.toml: written\n# Written by parley setup[\s\S]*\[\[backend\]\]/)
  assert.match(stdout, /\(a random secret\)/)
  assert.ok(!existsSync(join(folder, 'etc')))
})

test('an answer that cannot be used is asked for again, and a flag is refused with a sentence', async t => {
  const folder = emptyFolder(t)
  const answers = `voice_example\nvoice.example.org\n7\n2\n${join(folder, 'etc')}\n`
  const { exit, stdout } = await setup(t, folder, ['--unit', join(folder, 'etc/unit')], answers)
  assert.equal(exit, 0)
  assert.match(stdout, /expected a domain name such as voice\.example\.org or an IP address, found "voice_example"/)
  assert.match(stdout, /expected spacebar, litecord, lvsp or a number, found "7"/)
  assert.equal(loadConfig({ file: join(folder, 'etc/parley.toml') }).lvsp.listen?.port, 8_444)
})
