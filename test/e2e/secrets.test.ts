// No secret is in the log at its most talkative, in metrics, in inspect() or in an error message.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LvspClient, VoiceClient } from '@parley/client'
import { createServer } from '@parley/server'
import { WebSocket } from 'ws'
import { until } from './until.ts'

const SECRET = 'the secret of the backend, of more than thirty-two bytes'
const USER = { guildId: '100', channelId: '500', userId: '7' }
const LOGGED = ['lvsp.identified', 'voice.connected', 'voice.detached', 'voice.resumed']

test('no secret or token is in logs, metrics, inspect() or errors', { timeout: 60_000 }, async t => {
  const log: string[] = []
  const closes: string[] = []
  const server = await createServer({
    backend: [{ id: 'main', secret: SECRET }],
    log: { level: 'debug', format: 'json' },
    logSink: { write: line => void log.push(line) },
  })
  t.after(() => server.close())
  const sent: string[] = []
  const backend = new LvspClient({ url: server.lvspUrl, secret: SECRET })
  t.after(() => backend.close())
  await backend.connect()
  const channel = await backend.requestChannel(USER)
  const state = await backend.createVoiceState(USER)
  const refreshed = await backend.refreshToken(USER)
  const tokens = [channel.token, state.token!, refreshed.token!]
  const client = new VoiceClient({
    endpoint: server.endpoint,
    serverId: USER.guildId,
    channelId: USER.channelId,
    userId: USER.userId,
    sessionId: state.sessionId,
    token: refreshed.token!,
    tls: false,
  })
  t.after(() => client.close())
  await client.connect()
  const resumed = new Promise<void>(resolve => client.on('resumed', () => resolve()))
  client.dropConnection()
  await resumed
  for (const token of [...tokens, SECRET]) {
    const identify = { server_id: '100', user_id: '8', session_id: 'x', token }
    closes.push(await refusal(`${server.url}?v=8`, { op: 0, d: identify }))
    closes.push(await refusal(server.lvspUrl, { op: 1, d: { token } }))
  }
  await until('each kind of entry to be logged', () => LOGGED.every(event => log.some(line => line.includes(event))))
  const metrics = await (await fetch(`${server.url.replace('ws', 'http')}metrics`)).text()
  sent.push(log.join(''), metrics, JSON.stringify(server.inspect()), ...closes)
  assert.ok(closes.every(reason => reason.length > 4))
  for (const secret of [SECRET, ...tokens])
    for (const text of sent) assert.ok(!text.includes(secret), `found a secret in ${text.slice(0, 200)}`)
})

/** Code and reason with which the node closes after the message. */
function refusal(url: string, message: object): Promise<string> {
  const socket = new WebSocket(url)
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', (code, reason) => resolve(`${code} ${reason}`))
    socket.once('message', () => socket.send(JSON.stringify(message)))
  })
}
