// `parley conformance client` with released libraries: each joins and plays, resumes after a lost connection, and some cases show
// what docs/found.md describes.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runClient } from '../../packages/server/src/conformance/client/run-client.ts'
import { DRIVERS } from './drivers.ts'
import { reasonToSkip } from './foreign-tools.ts'
import { ParleyProcess } from './parley-process.ts'

const TIMEOUT = 300_000

for (const { name, tool } of DRIVERS) {
  test(`${name} logs in, joins, plays, and plays again after its voice connection was lost`, {
    skip: reasonToSkip(tool),
    timeout: TIMEOUT,
  }, async () => {
    assert.ok('command' in tool)
    const results = await runClient({ command: tool.command, only: ['join', 'fault-drop-ws'], parallel: 2 })
    for (const { number, outcome, detail } of results)
      assert.match(outcome, /^(stays|recovers)$/, `${number}: ${outcome} ${detail}`)
    assert.equal(results.length, 2)
  })
}

test('parley conformance client reports in JUnit and exits with 1 if a case failed', {
  timeout: TIMEOUT,
}, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-conformance-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const report = join(folder, 'report.xml')
  const driver = fileURLToPath(new URL('drivers/discordjs.mjs', import.meta.url))
  // @discordjs/voice 0.19.2 joins again after 4022 (docs/found.md).
  const cases = ['--only', 'join,close-4022', '--format', 'junit', '--output', report]
  const parley = new ParleyProcess(['conformance', 'client', ...cases, '--', 'node', driver], { folder, t })
  assert.equal(await parley.exit, 1)
  const xml = readFileSync(report, 'utf8')
  assert.match(xml, /<testsuite name="node .*discordjs.mjs" tests="2" failures="1" skipped="0">/)
  assert.match(xml, /<testcase classname="conformance" name="join" time="[\d.]+"\/>/)
  assert.match(xml, /<failure message="recovers; expected: stops/)
})

test('parley conformance client --list prints the cases, and a missing driver is one sentence', {
  timeout: 60_000,
}, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-conformance-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const listed = new ParleyProcess(['conformance', 'client', '--list'], { folder, t })
  assert.equal(await listed.exit, 0)
  assert.ok(listed.stdout.trim().split('\n').length > 100)
  const wrong = new ParleyProcess(['conformance', 'client'], { folder, t })
  assert.equal(await wrong.exit, 2)
  assert.match(wrong.stderr, /^parley: expected the command of a driver/)
})
