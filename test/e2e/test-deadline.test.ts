// The test runner ends a file that does not end by itself, with all processes that it started, and fails.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runFiles } from '../test-process.mjs'

const RUN = fileURLToPath(new URL('../run.mjs', import.meta.url))

/** A process that never exits. It holds the standard output of the test runner open. */
const startProcess = (options: string) =>
  `spawn(process.execPath, ['-e', 'setInterval(() => {}, 1_000)'], { stdio: 'inherit', ${options} })`
const START_PROCESS = startProcess('')

/** A file with this body, in a folder of its own. */
function fixture(context: TestContext, body: string) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-test-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'fixture.test.mjs')
  const imports = ['spawn } from "node:child_process"', 'writeFileSync } from "node:fs"', 'test } from "node:test"']
  writeFileSync(file, `${imports.map(each => `import { ${each}\n`).join('')}${body}`)
  return { file, folder }
}

/** Runs it. Returns when no process holds the standard output any longer. */
function runTest(context: TestContext, seconds: number, body: string) {
  const { file } = fixture(context, body)
  const env = { ...process.env, TEST_SECONDS: String(seconds) }
  return spawnSync(process.execPath, [RUN, file], { env, encoding: 'utf8', timeout: 120_000 })
}

test('a file that runs past its deadline fails, is named and ends with the processes that it started', context => {
  const body = `test('passes', () => {}); test('blocks', () => { ${START_PROCESS}; for (;;); })`
  const { status, stdout } = runTest(context, 10, body)
  assert.equal(status, 1)
  assert.match(stdout, /✖ .*fixture\.test\.mjs: ran for 10 s, last in "blocks"/)
})

test('processes that a passing file leaves behind are ended', context => {
  const { status, stdout } = runTest(context, 60, `test('leaves a process', () => { ${START_PROCESS}.unref() })`)
  assert.equal(status, 0, stdout)
})

test('a process that left the group of a passing file does not delay the run', { timeout: 20_000 }, async context => {
  let pid = ''
  context.after(() => process.kill(Number(readFileSync(pid, 'utf8'))))
  const { file, folder } = fixture(
    context,
    `test('leaves a process', () => {
      const child = ${startProcess('detached: true')}
      writeFileSync(new URL('pid', import.meta.url), String(child.pid))
      child.unref()
    })`,
  )
  pid = join(folder, 'pid')
  assert.equal(await runFiles([file], { deadline: 15, after: Promise.resolve() }), true)
})
