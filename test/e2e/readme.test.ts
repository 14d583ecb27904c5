// The bot of the README, unchanged, in a demo started as the README describes.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ParleyProcess } from './parley-process.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

test('the bot of the README joins the demo and speaks', { timeout: 90_000 }, async t => {
  // Inside the checkout, so that the bot resolves @parley/client.
  mkdirSync(join(ROOT, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(ROOT, '.cache/readme-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const demo = new ParleyProcess(['demo', '--port', '0', '--no-view'], { folder, t })
  await demo.says(/ben is here/)
  const asking = new ParleyProcess(['demo', '--credentials'], { folder, t })
  await asking.exit
  const credentials: { ca: string; user_id: string } = JSON.parse(asking.stdout)
  writeFileSync(join(folder, 'bot.json'), asking.stdout)

  const [, source = ''] = /```js\n([^`]+)```/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? []
  const bot = join(folder, 'bot.mjs')
  writeFileSync(bot, source.replace("'bot.json'", `${JSON.stringify(join(folder, 'bot.json'))}`))
  const env = { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: credentials.ca }
  const running = spawn(process.execPath, [bot], { cwd: ROOT, env, stdio: 'inherit' })
  t.after(() => running.kill())
  await demo.says(new RegExp(`${credentials.user_id} speaks`))
})
