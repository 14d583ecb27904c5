// The voice endpoint of the test server, with a client that is no library.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { RawBot } from '../../testing/raw-bot.ts'
import { createTestServer } from '../test-server.ts'

const LOUNGE = '1300000000000000002'

test('a voice connection whose request line is no URL is served', async t => {
  const server = await createTestServer()
  t.after(() => server.close())
  const { endpoint } = await (await RawBot.login(t, server, 'ana')).credentials(LOUNGE)
  const socket = new WebSocket(`wss://${endpoint}//`, { ca: readFileSync(server.addresses.ca) })
  t.after(() => socket.terminate())
  const [hello] = await once(socket, 'message')
  assert.equal(JSON.parse(String(hello)).op, 8)
})
