import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { nodeRecord } from '../../../../core/src/testing/node-record.ts'
import { SERVER_LIMITS } from '../../limits.ts'
import { probeNode } from './node-probe.ts'

/** What a node that treats its connections this way is reported as, and how many it had. */
async function probed(t: TestContext, accept: (socket: Socket, close: () => void) => void) {
  let connections = 0
  const server = createServer(socket => {
    connections++
    accept(socket, () => server.close())
  })
  t.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { outcome: await probeNode(nodeRecord('n1', { lvsp: `ws://127.0.0.1:${port}/` }), undefined), connections }
}

test('a node whose URL is malformed does not answer', async () => {
  assert.equal(await probeNode(nodeRecord('n1', { lvsp: 'wss://n1.internal:84430/' }), undefined), 'silent')
})

test('a process that answers is alive, if it answers well', async t => {
  const answer = (status: string) => (socket: Socket) => {
    socket.on('error', () => {})
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
  }
  assert.deepEqual(await probed(t, answer('200 OK')), { outcome: 'alive', connections: 1 })
  assert.deepEqual(await probed(t, answer('503 No')), { outcome: 'silent', connections: 1 })
})

test('a process that is killed while it accepts the connection is reported as one that does not listen', async t => {
  const kill = (socket: Socket, close: () => void) => {
    close()
    socket.resetAndDestroy()
  }
  assert.deepEqual(await probed(t, kill), { outcome: 'refused', connections: 1 })
})

test('a listener that resets each connection is asked a few times', async t => {
  const { outcome, connections } = await probed(t, socket => socket.resetAndDestroy())
  assert.deepEqual([outcome, connections], ['silent', SERVER_LIMITS.nodeProbeAttempts])
})
