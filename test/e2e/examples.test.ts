// The programs in examples/, unchanged: the backend admits the bot and receives its speaking events.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { VoiceClient } from '@parley/client'
import { createDemoBackend, createServer } from '@parley/server'
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
    await until(`an example to print ${pattern}`, isOver)
    const [, found = ''] = pattern.exec(this.output) ?? assert.fail(`did not print ${pattern}: ${this.output}`)
    return found
  }
}

test('the example backend admits the example bot and notices that it speaks', { timeout: 120_000 }, async t => {
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
  // A member that is alone in an encrypted call sends no frames, so a second bot has to be there.
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

test('the example backend with tokens of its own sends them again after a restart of the node', {
  timeout: 120_000,
}, async t => {
  const backend = { id: 'main', secret: 'shared secret', adopts_tokens: true }
  const first = await createServer({ backend: [backend] })
  const example = new Example(t, 'adopting-backend.ts', [first.lvspUrl, first.secret, first.endpoint, '7'])
  const token = await example.says(/voice server update 7 \{[^}]*token: '([^']+)'/)
  const connect = () =>
    new VoiceClient({
      endpoint: first.endpoint,
      url: first.url,
      serverId: '100',
      channelId: '500',
      userId: '7',
      sessionId: 'session-of-7',
      token,
    })
  const before = connect()
  await before.connect()
  await before.close()
  await first.close()
  const second = await createServer({ http: { listen: first.endpoint }, backend: [backend] })
  t.after(() => second.close())
  await example.says(/(voice server update 7[\s\S]*){2}/)
  const after = connect()
  await after.connect()
  await after.close()
})

test('the example bot repeats a user that is kicked while it speaks', { timeout: 60_000 }, async t => {
  const server = await createServer({ voice: { dave: 'off' } })
  t.after(() => server.close())
  const backend = await createDemoBackend({ lvspUrl: server.lvspUrl, secret: server.secret })
  t.after(() => backend.close())
  const bot = new Example(t, 'bot.ts', ['-'])
  const credentials = await backend.join()
  bot.child.stdin?.end(JSON.stringify(credentials))
  await bot.says(/^(joined) with/m)
  const join = async () => {
    const { endpoint, server_id: serverId, channel_id: channelId, ...user } = await backend.join()
    const { user_id: userId, session_id: sessionId, token } = user
    const client = new VoiceClient({ endpoint, url: server.url, serverId, channelId, userId, sessionId, token })
    t.after(() => client.close())
    await client.connect()
    return { userId, client }
  }
  const [ana, ben] = [await join(), await join()]
  const heard = new Map<string | undefined, number>()
  ben.client.on('frame', ({ userId }) => heard.set(userId, (heard.get(userId) ?? 0) + 1))
  function* speech() {
    for (;;) yield Uint8Array.of(0x78, 1, 2, 3)
  }
  const speaking = ana.client.play(speech())
  await until('frames of the user', () => (heard.get(ana.userId) ?? 0) > 25)
  backend.leave(ana.userId)
  await speaking
  await until('frames of the bot', () => (heard.get(credentials.user_id) ?? 0) > 5)
})
