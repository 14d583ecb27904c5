// A node behind NAT: it learns its public address by STUN, and each client receives the address that fits.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { on, once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { encodeStunResponse } from '@parley/protocol'
import { App, configOf, createDemoBackend } from '@parley/server'
import { WebSocket } from 'ws'
import { until } from './until.ts'

const SECRET = 'the secret of the backend behind NAT'
const PUBLIC = '203.0.113.7'

/** Sees each client at the public address. */
async function stunServer(t: TestContext): Promise<string> {
  const socket = createSocket('udp4')
  const mac = (key: Uint8Array, bytes: Uint8Array, length: number) =>
    createHmac('sha1', key).update(bytes.subarray(0, length)).digest()
  const mapped = Uint8Array.from(PUBLIC.split('.').map(Number))
  socket.on('message', (bytes, { address, port }) =>
    socket.send(encodeStunResponse(bytes, mapped, port, Buffer.from('key'), mac), port, address),
  )
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return `127.0.0.1:${socket.address().port}`
}

/** The address in Ready, for a client that the proxy has seen at `from`. */
async function addressFor(
  t: TestContext,
  app: App,
  backend: Awaited<ReturnType<typeof createDemoBackend>>,
  from: string,
) {
  const { server_id, user_id, session_id, token } = await backend.join()
  const socket = new WebSocket(`${app.url}?v=8`, { headers: { 'x-forwarded-for': from } })
  t.after(() => socket.terminate())
  socket.once('open', () => socket.send(JSON.stringify({ op: 0, d: { server_id, user_id, session_id, token } })))
  // Buffered: messages that one read of the socket returns are events of one turn.
  for await (const [data] of on(socket, 'message')) {
    const { op, d } = JSON.parse(String(data))
    if (op === 2) return d.ip as string
  }
  return undefined
}

test('clients outside receive the address that a STUN server sees, those inside a private one', async t => {
  const lines: string[] = []
  const app = await App.start(
    configOf({
      http: { listen: '127.0.0.1:0', behind_proxy: true },
      media: { listen: '127.0.0.1', port: 0, lanes: 0, announce: ['127.0.0.1'], stun: [await stunServer(t)] },
      log: { format: 'json' },
      backend: [{ secret: SECRET }],
    }),
    { logSink: { write: line => void lines.push(line) } },
  )
  t.after(() => app.close())
  await until('the public address', () => lines.some(line => line.includes('media.public_address')))
  const backend = await createDemoBackend({ lvspUrl: app.lvspUrl, secret: SECRET })
  t.after(() => backend.close())
  assert.equal(await addressFor(t, app, backend, '198.51.100.9'), PUBLIC)
  assert.equal(await addressFor(t, app, backend, '127.0.0.1'), '127.0.0.1')
})
