// `parley conformance client` with released libraries: what they do in some cases has to be what docs/matrix.md says.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runClient } from '../../packages/server/src/conformance/client/run-client.ts'
import type { CaseResult } from '../../packages/server/src/conformance/result.ts'
import { fits, matrixCases, matrixPage, readMatrix } from '../../scripts/docs/matrix.ts'
import { DRIVERS } from './drivers.ts'
import { reasonToSkip } from './foreign-tools.ts'
import { ParleyProcess } from './parley-process.ts'

const TIMEOUT = 300_000

/** Cases that run here for every library: a few seconds each, and not close to a limit of time. */
const SAMPLE = ['join', 'fault-drop-ws', 'fault-extra-fields', 'fault-only-xchacha', 'fault-no-clients-connect']
const PAGE = fileURLToPath(new URL('../../docs/matrix.md', import.meta.url))
const matrix = readMatrix(readFileSync(PAGE, 'utf8'))
const columns = new Map(matrix.columns.map(({ name, cells }) => [name, cells]))

test('docs/matrix.md has every case, and every library in the version that runs here', () => {
  assert.deepEqual(matrix.cases, matrixCases())
  assert.deepEqual(
    matrix.columns.map(({ name }) => name),
    DRIVERS.map(({ name }) => name),
  )
  assert.equal(readFileSync(PAGE, 'utf8'), matrixPage(matrix.columns))
  for (const { name, cells } of matrix.columns)
    for (const [number, cell] of cells) assert.notEqual(cell, '', `${name} ${number}: run npm run matrix`)
})

for (const { name, tool: toolOf, server } of DRIVERS.filter(({ isSlow }) => isSlow !== true)) {
  const tool = toolOf()
  test(`${name} does what docs/matrix.md says`, { skip: reasonToSkip(tool), timeout: TIMEOUT }, async t => {
    assert.ok('command' in tool)
    const { command } = tool
    const run = (only: readonly string[]) => runClient({ command, only, parallel: 3, server })
    const seen = (await run(SAMPLE)).filter(({ number }) => SAMPLE.includes(number))
    assert.equal(seen.length, SAMPLE.length)
    const differs = (result: CaseResult) => !fits(columns.get(name)?.get(result.number), result)
    for (const result of seen.filter(differs)) {
      t.diagnostic(`${result.number}: ${result.outcome} ${result.detail}; once more, alone`)
      const [again] = (await run([result.number])).filter(({ number }) => number === result.number)
      const says = columns.get(name)?.get(result.number)
      assert.ok(
        !differs(again!),
        `${result.number}: ${again!.outcome} ${again!.detail}, but docs/matrix.md says ${says} (npm run matrix)`,
      )
    }
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
