// The fixtures of each language, with the commands of their READMEs.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cargo, goTests, maven, pytest, reasonToSkip, type Tool } from './foreign-tools.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const PARLEY = `node ${join(root, 'packages/server/bin/parley.mjs')}`
const TIMEOUT = 600_000

const LANGUAGES: readonly [name: string, tool: Tool, args: readonly string[], says: RegExp, environment?: object][] = [
  ['python', pytest(), ['-q', '-p', 'no:cacheprovider'], /4 passed/],
  ['go', goTests(), ['test', './...'], /^ok/m],
  ['rust', cargo(), ['test', '--quiet'], /1 passed/, { CARGO_TARGET_DIR: join(root, '.cache/fixtures-rust') }],
  ['java', maven(), ['-B', 'test'], /Tests run: 1, Failures: 0/],
]

for (const [name, tool, args, says, environment] of LANGUAGES) {
  test(`the fixture for ${name} starts a server, and its failures are sentences`, {
    skip: reasonToSkip(tool),
    timeout: TIMEOUT,
  }, async () => {
    assert.ok('command' in tool)
    const [program, ...first] = tool.command
    const env = { ...process.env, ...environment, PARLEY_COMMAND: PARLEY, PYTHONDONTWRITEBYTECODE: '1' }
    const { stdout } = await run(program, [...first, ...args], { cwd: join(root, 'fixtures', name), env })
    assert.match(stdout, says)
    assert.match(readFileSync(join(root, 'fixtures', name, 'README.md'), 'utf8'), /PARLEY_COMMAND=/)
  })
}

test('the GitHub Action writes the addresses of a server that goes on running', { timeout: 60_000 }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-action-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const output = join(folder, 'output')
  const script = join(root, 'fixtures/action/start.sh')
  const env = { ...process.env, GITHUB_OUTPUT: output, RUNNER_TEMP: folder, PARLEY_OPTIONS: '--seed 7' }
  const code = await new Promise(resolve => {
    spawn('bash', [script, PARLEY], { env, stdio: 'ignore' }).on('exit', resolve)
  })
  assert.equal(code, 0)
  const outputs = Object.fromEntries(
    readFileSync(output, 'utf8')
      .trim()
      .split('\n')
      .map(line => line.split(/=(.*)/s).slice(0, 2)),
  )
  t.after(() => process.kill(Number(outputs.pid)))
  const action = readFileSync(join(root, 'fixtures/action/action.yml'), 'utf8')
  for (const name of ['rest', 'gateway', 'control', 'token', 'ca']) {
    assert.ok(outputs[name], name)
    assert.match(action, new RegExp(`steps.start.outputs.${name} `))
  }
  const response = await fetch(`${outputs.rest}/v10/users/@me`, { headers: { authorization: 'Bot ana' } })
  assert.equal(response.status, 200)
})
