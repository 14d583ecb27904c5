// A node whose process stands still for longer than its deadlines: SIGSTOP, as a paused VM or a host without CPU time does it.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { LvspClient, VoiceClient } from '@parley/client'
import { ParleyProcess } from './parley-process.ts'
import { until } from './until.ts'

const OPTIONS = { timeout: 240_000, skip: process.platform === 'win32' && 'no SIGSTOP' }
const SECRET = 'a secret of more than thirty-two bytes'
/** Both deadlines pass while the process stands still. */
const DEADLINE = '3s'
const STALL = 6_000
/** The clients' first reconnect attempt: 0.5 s after the loss, while the process stands still. */
const random = () => 0.999

const ENVIRONMENT = {
  PARLEY_HTTP_LISTEN: '127.0.0.1:0',
  PARLEY_MEDIA_LISTEN: '127.0.0.1',
  PARLEY_MEDIA_PORT: '0',
  PARLEY_BACKEND_0_SECRET: SECRET,
  PARLEY_VOICE_RESUME_WINDOW: DEADLINE,
  PARLEY_LVSP_ORPHAN_GRACE: DEADLINE,
  PARLEY_LOG_FORMAT: 'json',
}

async function scene(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const node = new ParleyProcess(['serve'], { folder, t, environment: ENVIRONMENT })
  const endpoint = (await node.says(/"endpoint":"([^"]+)"/))[1]!
  const backend = new LvspClient({ url: `ws://${endpoint}/lvsp`, secret: SECRET, random })
  t.after(() => backend.close())
  await backend.connect()
  const user = { guildId: '100', channelId: '500', userId: '7' }
  const { sessionId, token } = await backend.createVoiceState(user)
  const { guildId: serverId, channelId, userId } = user
  const options = { endpoint, serverId, channelId, userId, sessionId, token: token!, tls: false, random } as const
  const client = new VoiceClient(options)
  t.after(() => client.close())
  await client.connect()
  await until('media to be connected', () => node.stdout.includes('"voice.connected"'))
  return { node, backend, client }
}

/**
 * On a busy machine a client may reconnect before the process stands still, so the process is stalled up to three times. A node that applies deadlines before it reads never resumes.
 */
async function resumesOnce(attempt: () => Promise<string>): Promise<void> {
  const outcomes: string[] = []
  while (outcomes.length < 3 && !outcomes.includes('resumed')) outcomes.push(await attempt())
  assert.ok(outcomes.includes('resumed'), outcomes.join(', '))
}

async function stall(node: ParleyProcess): Promise<void> {
  node.signal('SIGSTOP')
  await pause(STALL)
  node.signal('SIGCONT')
}

test('a Resume that arrived during a stall is accepted, although its window has passed', OPTIONS, t =>
  resumesOnce(async () => {
    const { node, backend, client } = await scene(t)
    const outcome = new Promise<string>(resolve => {
      client.on('resumed', () => resolve('resumed'))
      client.on('ready', () => resolve('a new session'))
      client.on('closed', ({ code }) => resolve(`closed with ${code}`))
    })
    const lost = new Promise(resolve => backend.once('voiceStateDisconnected', resolve))
    client.dropConnection()
    await lost
    await stall(node)
    return outcome
  }),
)

test('a backend that returned during a stall keeps its calls, although their grace has passed', OPTIONS, t =>
  resumesOnce(async () => {
    const { node, backend, client } = await scene(t)
    const outcome = new Promise<string>(resolve => {
      backend.on('connected', ({ resumed }) => resolve(resumed ? 'resumed' : 'a new session'))
      backend.on('closed', ({ code }) => resolve(`closed with ${code}`))
    })
    const closed: number[] = []
    client.on('closed', ({ code }) => closed.push(code))
    backend.dropConnection()
    await until('the node to notice the loss', () => node.stdout.includes('"lvsp.disconnected"'))
    await stall(node)
    const how = await outcome
    if (how !== 'resumed') return how
    // The node answers it after every deadline that had passed.
    await backend.createVoiceState({ guildId: '100', channelId: '500', userId: '8' })
    return closed.length === 0 ? how : `the client was closed with ${closed}`
  }),
)
