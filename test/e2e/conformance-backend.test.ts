// `parley conformance backend` against `Fleet` of the client, which has to pass, and against backends that are wrong.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { selfSignedCertificate } from '@parley/server'
import type {
  BackendDriver,
  Seat,
  StartBackend,
} from '../../packages/server/src/conformance/backend/backend-under-test.ts'
import { BACKEND_CASES, runBackend } from '../../packages/server/src/conformance/backend/run-backend.ts'
import { DriverError, type DriverEvent } from '../../packages/server/src/conformance/driver.ts'
import { type CaseResult, verdictOf } from '../../packages/server/src/conformance/result.ts'
import { fleetBackend } from './drivers/fleet-backend.ts'
import { ParleyProcess } from './parley-process.ts'

const TIMEOUT = 180_000
const SOURCE = fileURLToPath(new URL('../../packages/server/bin/source.mjs', import.meta.url))
const driverOf = (name: string) => fileURLToPath(new URL(`drivers/${name}`, import.meta.url))

/** The driver of the fleet in this process: most of a case is waiting. */
const startFleet: StartBackend = environment => {
  const backend = fleetBackend(environment)
  const driver: BackendDriver = {
    exit: undefined,
    stderr: '',
    async call(command, fields) {
      const answer: DriverEvent = await backend.call({ do: command, ...(fields as Seat) })
      if (answer.event === 'failed') throw new DriverError(`${command}: ${answer.error}`)
      return answer
    },
    end: () => backend.close(),
  }
  return driver
}

const withVerdict = (results: readonly CaseResult[], verdict: string) =>
  results.filter(result => verdictOf(result) === verdict).map(({ number, detail }) => `${number}: ${detail}`)

test('the fleet of the client passes every case over wss', { timeout: TIMEOUT }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-conformance-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const [tls, ca] = [selfSignedCertificate(), join(folder, 'ca.pem')]
  writeFileSync(ca, tls.cert)
  const start: StartBackend = environment => startFleet({ ...environment, PARLEY_CA: ca })
  const place = { host: '127.0.0.1', tls }
  const results = await runBackend({ start, isDriven: true, only: [], parallel: 8, place })
  assert.deepEqual(withVerdict(results, 'fail'), [])
  assert.deepEqual(withVerdict(results, 'skipped'), [])
  assert.equal(results.length, BACKEND_CASES.length)
  assert.equal(new Set(results.map(({ number }) => number)).size, results.length)
})

test('a backend that is only observed skips the cases that need commands', { timeout: TIMEOUT }, async () => {
  const results = await runBackend({ start: startFleet, isDriven: false, only: ['identify', 'join'], parallel: 8 })
  assert.deepEqual(withVerdict(results, 'fail'), [])
  assert.equal(withVerdict(results, 'pass').length, 3)
  for (const sentence of withVerdict(results, 'skipped')) assert.match(sentence, /^join.*: the case needs commands/)
})

test('without TLS the case of the certificate is skipped', { timeout: TIMEOUT }, async () => {
  const results = await runBackend({ start: startFleet, isDriven: true, only: ['certificate'], parallel: 1 })
  assert.deepEqual(withVerdict(results, 'skipped'), ['certificate: the nodes have no certificates (--tls)'])
})

test('a wrong backend fails the cases of what is wrong, and only those, with a sentence', {
  timeout: TIMEOUT,
}, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-conformance-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const cases = ['--only', 'identify,certificate,secret,refused,bad-json,join-largest,join-credentials,unknown-opcode']
  const driver = [process.execPath, driverOf('wrong-backend.mjs')]
  const args = ['conformance', 'backend', '--tls', ...cases, '--format', 'json', '--', ...driver]
  const parley = new ParleyProcess(args, { folder, t })
  assert.equal(await parley.exit, 1)
  const { cases: results } = JSON.parse(parley.stdout) as { cases: (CaseResult & { verdict: string })[] }
  const of = (number: string) => {
    const { outcome, detail } = results.find(result => result.number === number)!
    return `${outcome}: ${detail}`
  }
  assert.equal(of('identify'), 'passes: ')
  assert.equal(of('unknown-opcode'), 'passes: ')
  assert.equal(of('certificate'), 'fails: the backend connected to a node whose certificate it does not trust')
  assert.equal(of('secret'), 'fails: the secret is in the request or in a message')
  assert.match(of('refused'), /^fails: the backend connected \d+ times in 3 s after 4001$/)
  assert.match(of('bad-json'), /^crashes: the process has ended: exit 1; .*SyntaxError/)
  assert.match(
    of('join-largest'),
    /^fails: expected VOICE_STATE_CREATE with user_id 18446744073709551615 within 10 s; .*18446744073709552000/,
  )
  assert.match(of('join-credentials'), /^fails: the user receives token "[^"]+", the node sent "[^"]+"$/)
  assert.equal(of('identify-nonce'), 'fails: the token of the second connection is not the HMAC of its nonce')
})

test('parley conformance backend drives a process, and lists its cases', { timeout: TIMEOUT }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-conformance-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const parley = (...args: string[]) => new ParleyProcess(['conformance', 'backend', ...args], { folder, t })
  const driver = [process.execPath, '--import', SOURCE, driverOf('fleet-backend.ts')]
  const run = parley('--tls', '--only', 'join-two,backend-restart', '--', ...driver)
  assert.equal(await run.exit, 0, run.stdout)
  assert.match(run.stdout, /: 2 passed, 0 failed\n$/)
  const listed = parley('--list')
  assert.equal(await listed.exit, 0)
  assert.equal(listed.stdout.trim().split('\n').length, BACKEND_CASES.length)
  const missing = parley()
  assert.equal(await missing.exit, 2)
  assert.match(missing.stderr, /^parley: expected the command of a driver/)
  for (const [host, problem] of [
    ['node.example', 'expected an IP address, found node.example'],
    ['0.0.0.0', 'expected the address that the backend connects to, not a wildcard'],
    ['192.0.2.1', 'cannot listen on 192.0.2.1 (EADDRNOTAVAIL)'],
  ]) {
    const refused = parley('--host', host!, '--', 'true')
    assert.equal(await refused.exit, 2)
    assert.equal(refused.stderr, `parley: --host: ${problem}\n`)
  }
})
