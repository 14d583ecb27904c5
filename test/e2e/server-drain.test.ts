// A node that stops during a call: the call may end by itself, and is closed at the drain timeout.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { LvspClient } from '@parley/client'
import { createServer } from '@parley/server'
import { WebSocket } from 'ws'

/** A node with a backend, and a client that has identified. */
async function call(t: TestContext) {
  const server = await createServer()
  t.after(() => server.close())
  const backend = new LvspClient({ url: server.lvspUrl, secret: server.secret })
  t.after(() => backend.close())
  await backend.connect()
  const channel = { guildId: '1', channelId: '2' }
  await backend.requestChannel(channel)
  const { sessionId, token } = await backend.createVoiceState({ ...channel, userId: '3' })
  const client = new WebSocket(`${server.url}?v=8`)
  t.after(() => client.terminate())
  await once(client, 'message')
  const d = { server_id: '1', user_id: '3', session_id: sessionId, token }
  client.send(JSON.stringify({ op: 0, d }))
  const [ready] = await once(client, 'message')
  assert.match(String(ready), /^\{"op":2/)
  return { server, backend, client }
}

test('a call that is still open at the drain timeout is closed with 4014, which ends the drain', async t => {
  const { server, client } = await call(t)
  const closed = once(client, 'close')
  const start = performance.now()
  await server.drain(150)
  assert.ok(performance.now() - start >= 150)
  const [code] = await closed
  assert.equal(code, 4014)
  assert.equal(server.inspect().sessions.length, 0)
})

test('a drain ends when the last client leaves, and accepts no new channel', async t => {
  const { server, backend, client } = await call(t)
  const drained = server.drain(60_000)
  assert.equal(server.inspect().draining, true)
  assert.equal(server.inspect().health, 0)
  await assert.rejects(backend.requestChannel({ guildId: '1', channelId: '9' }))
  client.close(1000)
  await drained
})

test('a closed server closes open calls with 4014 and backends with 1001', async t => {
  const { server, client } = await call(t)
  const lvsp = new WebSocket(server.lvspUrl)
  await once(lvsp, 'message')
  const closed = Promise.all([once(client, 'close'), once(lvsp, 'close')])
  await server.close()
  const [[voiceCode], [lvspCode]] = await closed
  assert.deepEqual([voiceCode, lvspCode], [4014, 1001])
})
