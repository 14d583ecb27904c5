// `parley conformance node` against a node of ours, in both dialects, and against nodes that are limited or wrong.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createServer, selfSignedCertificate } from '@parley/server'
import { type Behaviour, ScriptedNode } from '../../packages/server/src/conformance/backend/scripted-node.ts'
import { NODE_CASES, runNode } from '../../packages/server/src/conformance/node/run-node.ts'
import { type CaseResult, verdictOf } from '../../packages/server/src/conformance/result.ts'
import { ParleyProcess } from './parley-process.ts'

const TIMEOUT = 120_000
const SECRET = 'a secret of these tests, 32 bytes long'

const withVerdict = (results: readonly CaseResult[], verdict: string) =>
  results.filter(result => verdictOf(result) === verdict).map(({ number, detail }) => `${number}: ${detail}`)

async function nodeOf(t: TestContext, dialect: 'spec' | 'litecord', tls?: ReturnType<typeof selfSignedCertificate>) {
  const server = await createServer({ tls, backend: [{ id: 'main', secret: SECRET, dialect }] })
  t.after(() => server.close())
  return server
}

test('a node of ours passes every case, and skips none', { timeout: TIMEOUT }, async t => {
  const tls = selfSignedCertificate()
  const { lvspUrl: url } = await nodeOf(t, 'spec', tls)
  const results = await runNode({ target: { url, secret: SECRET, dialect: 'spec', ca: tls.cert }, only: [] })
  assert.deepEqual(withVerdict(results, 'fail'), [])
  assert.deepEqual(withVerdict(results, 'skipped'), [])
  assert.equal(results.length, NODE_CASES.length)
  assert.equal(new Set(results.map(({ number }) => number)).size, results.length)
})

test('in the litecord dialect the cases of CHANNEL_ASSIGN are skipped with the reason', {
  timeout: TIMEOUT,
}, async t => {
  const { lvspUrl: url } = await nodeOf(t, 'litecord')
  const results = await runNode({ target: { url, secret: SECRET, dialect: 'litecord' }, only: [] })
  assert.deepEqual(withVerdict(results, 'fail'), [])
  assert.deepEqual(
    withVerdict(results, 'skipped'),
    ['channel', 'channel-dm', 'channel-again', 'channel-destroyed'].map(
      number => `${number}: in the litecord dialect a node sends no CHANNEL_ASSIGN`,
    ),
  )
})

/** Runs cases against a scripted node; the results by number. */
async function scripted(t: TestContext, behaviour: Partial<Behaviour>, ...only: string[]) {
  const node = await ScriptedNode.open(behaviour)
  t.after(() => node.close())
  const results = await runNode({ target: { url: node.url, secret: node.secret, dialect: 'spec' }, only })
  return new Map(results.map(result => [result.number, result]))
}

test('a node that implements the specification only passes its cases and skips the extensions', {
  timeout: TIMEOUT,
}, async t => {
  const wanted = [
    'hello',
    'identify',
    'voice-state',
    'channel',
    'numbers',
    'resume',
    'sync',
    'token-refresh',
    'voice-v',
  ]
  const results = await scripted(t, { capabilities: undefined }, ...wanted)
  const outcome = (number: string) => results.get(number)?.outcome
  assert.equal(outcome('identify'), 'passes')
  assert.equal(outcome('channel'), 'passes')
  assert.equal(results.get('numbers')?.detail, 'READY has no seq: INFO is not numbered')
  assert.equal(results.get('resume-replay')?.outcome, 'skipped')
  assert.equal(results.get('sync')?.detail, 'HELLO does not offer the capability sync')
  assert.equal(results.get('voice-version-8')?.detail, 'the node names no endpoint: pass --endpoint')
})

test('a wrong node fails, with a sentence that says what it did', { timeout: TIMEOUT }, async t => {
  const unhealthy = await scripted(t, { health: 7 }, 'hello', 'identify')
  assert.equal(unhealthy.get('hello')?.outcome, 'passes')
  assert.match(unhealthy.get('identify')?.detail ?? '', /^READY is malformed \(health: /)
  const open = await scripted(t, { entry: 'admit' }, 'identify-wrong')
  assert.match(open.get('identify-wrong')?.detail ?? '', /^expected a close with 4001 after a wrong token within 8 s/)
  const shut = await scripted(t, { entry: 'close' }, 'hello')
  assert.match(shut.get('hello')?.detail ?? '', /^expected HELLO .* but the connection closed with 4000/)
  const [away] = await runNode({
    target: { url: 'ws://127.0.0.1:9', secret: SECRET, dialect: 'spec' },
    only: ['hello-n'],
  })
  assert.match(away?.detail ?? '', /^cannot connect to ws:\/\/127\.0\.0\.1:9: .*ECONNREFUSED/)
})

test('parley conformance node writes reports, and refuses wrong options with exit code 2', {
  timeout: TIMEOUT,
}, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-conformance-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const { lvspUrl: url } = await nodeOf(t, 'litecord')
  const [secret, report] = [join(folder, 'secret'), join(folder, 'report.xml')]
  writeFileSync(secret, `${SECRET}\n`)
  const cases = ['--only', 'channel-again,identify-wrong', '--dialect', 'litecord', '--secret-file', secret]
  const parley = (...args: string[]) => new ParleyProcess(['conformance', 'node', ...args], { folder, t })
  assert.equal(await parley(url, ...cases, '--format', 'junit', '-o', report).exit, 0)
  const xml = readFileSync(report, 'utf8')
  assert.match(xml, /tests="2" failures="0" skipped="1"/)
  assert.match(xml, /name="channel-again" time="[\d.]+"><skipped message="in the litecord dialect/)
  const wrong = parley('http://127.0.0.1:1', '--secret', 'x')
  assert.equal(await wrong.exit, 2)
  assert.match(wrong.stderr, /^parley: expected the ws: or wss: URL of LVSP, found http:/)
  const secretless = parley(url)
  assert.equal(await secretless.exit, 2)
  assert.match(secretless.stderr, /^parley: expected either --secret or --secret-file\n$/)
  const listed = parley('--list')
  assert.equal(await listed.exit, 0)
  assert.equal(listed.stdout.trim().split('\n').length, NODE_CASES.length)
})
