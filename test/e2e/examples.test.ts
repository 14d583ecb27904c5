// The examples, as they stand there: a backend lets a bot in, and hears that it speaks.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createServer } from '@parley/server'
import { until } from './until.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

class Example {
  readonly child: ChildProcess
  output = ''

  constructor(t: TestContext, file: string, args: readonly string[]) {
    const source = ['--import', './packages/server/bin/source.mjs', `examples/${file}`]
    this.child = spawn(process.execPath, [...source, ...args], { cwd: ROOT })
    t.after(() => this.child.kill('SIGKILL'))
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', chunk => {
        this.output += chunk
      })
  }

  async says(pattern: RegExp): Promise<string> {
    const isOver = () => pattern.test(this.output) || this.child.exitCode !== null
    // A busy machine takes long to start a process.
    await until(`an example to say ${pattern}`, isOver, 30_000)
    const [, found = ''] = pattern.exec(this.output) ?? assert.fail(`never said ${pattern}: ${this.output}`)
    return found
  }
}

test('the backend of the examples lets the bot of the examples in, and hears it', { timeout: 100_000 }, async t => {
  const server = await createServer()
  t.after(() => server.close())
  const backend = new Example(t, 'backend.ts', [server.lvspUrl, server.secret, '7', '8'])
  const join = async (userId: string, ...args: string[]) => {
    const sessionId = await backend.says(new RegExp(`user_id: '${userId}',\\s+session_id: '([^']+)'`))
    const token = await backend.says(new RegExp(`${sessionId}[^]*?voice server update [^}]*token: '([^']+)'`))
    const bot = new Example(t, 'bot.ts', ['-', ...args])
    const place = { endpoint: server.endpoint, server_id: '100', channel_id: '500', user_id: userId }
    bot.child.stdin?.end(JSON.stringify({ ...place, session_id: sessionId, token }))
    await backend.says(new RegExp(`^${userId} is connected$`, 'm'))
    return bot
  }
  // Whoever is alone in an encrypted call says nothing.
  await join('8')
  const bot = await join('7', 'packages/server/assets/speech/ana-1.opus')
  await backend.says(/^7 speaks$/m)
  await bot.says(/^closed: 1000/m)
  await backend.says(/^7 is disconnected \(1000\)$/m)

  const ended = once(backend.child, 'exit')
  backend.child.kill('SIGINT')
  assert.deepEqual(await ended, [0, null])
  assert.deepEqual(server.inspect().channels, [])
})
