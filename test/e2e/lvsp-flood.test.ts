// Floods of LVSP connections: of hosts without a secret, and of another backend.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { LvspClient } from '@parley/client'
import { LIMITS } from '@parley/core'
import { createServer } from '@parley/server'
import { SERVER_LIMITS } from '../../packages/server/src/limits.ts'
import { BusyFactor } from './busy-factor.ts'
import { until } from './until.ts'

const UPGRADE = [
  'GET /lvsp HTTP/1.1',
  'Host: node',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '',
  '',
].join('\r\n')

/** Opens a WebSocket that never sends anything, close frames included. */
async function openSilently(t: TestContext, url: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port) })
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'connect')
  socket.write(UPGRADE)
  return socket
}

async function connectBackend(t: TestContext, url: string, secret: string): Promise<LvspClient> {
  const client = new LvspClient({ url, secret })
  t.after(() => client.close())
  await client.connect()
  return client
}

test('a backend connects during a flood of silent upgrades from its own address', { timeout: 60_000 }, async t => {
  const server = await createServer()
  t.after(() => server.close())
  const before = await connectBackend(t, server.lvspUrl, server.secret)
  let lost = 0
  before.on('disconnected', () => lost++)
  let open = 0
  for (let round = 0; round < 15; round++) {
    const sockets = await Promise.all(Array.from({ length: 100 }, () => openSilently(t, server.lvspUrl)))
    open += sockets.length
    for (const socket of sockets) socket.once('close', () => open--)
  }
  const busy = new BusyFactor()
  const started = performance.now()
  await connectBackend(t, server.lvspUrl, server.secret)
  const took = performance.now() - started
  assert.ok(took < 2_000 * busy.read(), `the backend was ready after ${took} ms`)
  assert.equal(lost, 0)
  await until('the end of the sockets above the limit', () => open <= LIMITS.lvspUnidentifiedPerAddress)
  assert.ok(server.inspect().lvsp.connections.length <= 2 + LIMITS.lvspUnidentifiedPerAddress)
})

test('a socket that does not answer a close frame is destroyed before the usual close timeout', {
  timeout: 30_000,
}, async t => {
  const server = await createServer()
  t.after(() => server.close())
  const first = await openSilently(t, server.lvspUrl)
  let closedAfter: number | undefined
  for (let i = 0; i < LIMITS.lvspUnidentifiedPerAddress; i++) await openSilently(t, server.lvspUrl)
  await until(
    'the close of the oldest',
    () => !server.inspect().lvsp.connections.some(({ connection }) => connection === 1),
  )
  const started = performance.now()
  first.once('close', () => {
    closedAfter = performance.now() - started
  })
  await until('the end of the socket', () => closedAfter !== undefined)
  assert.ok(closedAfter! < SERVER_LIMITS.closeTimeout, `closed after ${closedAfter} ms`)
})

test('a backend with many connections does not keep another out', { timeout: 60_000 }, async t => {
  const backend = [
    { id: 'a', secret: 'the secret of tenant a' },
    { id: 'b', secret: 'the secret of tenant b' },
  ]
  const server = await createServer({ backend })
  t.after(() => server.close())
  for (let i = 0; i < 3 * LIMITS.lvspConnectionsPerBackend; i++)
    await connectBackend(t, server.lvspUrl, backend[1]!.secret)
  const other = await connectBackend(t, server.lvspUrl, backend[0]!.secret)
  const { token } = await other.createVoiceState({ userId: '7', channelId: '500', guildId: '100' })
  assert.ok(token !== undefined)
})
