// The test runner ends a file that does not end by itself, with all processes that it started, and fails.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const RUN = fileURLToPath(new URL('../run.mjs', import.meta.url))

/** A process that never exits. It holds the standard output of the test runner open. */
const START_PROCESS = `spawn(process.execPath, ['-e', 'setInterval(() => {}, 1_000)'], { stdio: 'inherit' })`

/** Runs a file with this body. Returns when no process holds the standard output any longer. */
function runTest(context: TestContext, seconds: number, body: string) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-test-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'fixture.test.mjs')
  writeFileSync(file, `import { spawn } from 'node:child_process'\nimport { test } from 'node:test'\n${body}`)
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
