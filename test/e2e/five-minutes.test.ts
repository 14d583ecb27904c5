// "Five minutes" of docs/testing-your-bot.md: its test fails because of the mistake in its bot, with the sentence of the page, and passes
// with the correction of the page.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SOURCE = join(ROOT, 'packages/server/bin/source.mjs')
const page = readFileSync(join(ROOT, 'docs/testing-your-bot.md'), 'utf8')

/** The block of the page that begins with the comment `// NAME`. */
function blockOf(name: string): string {
  const [, block = ''] =
    new RegExp(`\`\`\`js\\n( *// ${name}\\n[^\`]*(?:\`[^\`]+\`[^\`]*)*?)\\n *\`\`\``).exec(page) ?? []
  assert.notEqual(block, '', name)
  return block
}

test('the test of the page fails with its sentence, and passes with its correction', { timeout: 120_000 }, async t => {
  // Inside the checkout, so that the files resolve the packages.
  mkdirSync(join(ROOT, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(ROOT, '.cache/five-minutes-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const run = (bot: string) => {
    writeFileSync(join(folder, 'bot.mjs'), bot)
    return new Promise<{ code: number | string; output: string }>(resolve => {
      execFile(process.execPath, ['--import', SOURCE, '--test'], { cwd: folder, env }, (error, stdout, stderr) => {
        resolve({ code: error?.code ?? 0, output: `${stdout}${stderr}` })
      })
    })
  }
  writeFileSync(join(folder, 'bot.test.mjs'), blockOf('bot.test.mjs'))
  const bot = blockOf('bot.mjs')
  const wrong = await run(bot)
  assert.equal(wrong.code, 1, wrong.output)
  const [, sentence = ''] = /^ {3}> (ana: expected [\s\S]*?)\n\n/m.exec(page) ?? []
  assert.ok(wrong.output.includes(sentence.replace(/\n {3}> /g, ' ')), wrong.output)
  const corrected = await run(bot.replace('connection.rejoin()', 'connection.destroy()'))
  assert.equal(corrected.code, 0, corrected.output)
})
