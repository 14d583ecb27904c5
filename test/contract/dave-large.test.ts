// DAVE in calls of fifty, every member with the real library; some join late, leave or do not support DAVE.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadDavey } from '@parley/client'
import { NodeBench } from '../../packages/core/src/testing/node-bench.ts'
import { DaveyCall } from '../dave/davey-call.ts'
import { assertHeard, runSessions, SessionClient } from '../dave/session-client.ts'

test('fifty members that join at once decrypt each other, also after joins, leaves and a downgrade', () => {
  const call = new DaveyCall()
  const clients = Array.from({ length: 50 }, (_, index) => call.join(1_000 + index))
  call.run()
  call.assertConverged('at first')
  assert.equal(call.group.state.epoch, 2)
  for (const client of clients.slice(10, 20)) call.leave(client)
  call.join(5_000)
  call.run()
  call.assertConverged('after ten leaves and one join')
  const old = call.join(6_000, 0)
  call.run()
  assert.equal(call.group.state.version, 0)
  call.leave(old)
  call.run(10_000)
  call.assertConverged('encrypted again')
})

test('fifty Parley clients on one node decrypt each other while some resume, leave and join', async () => {
  const library = await loadDavey()
  const bench = new NodeBench()
  const backend = bench.backend()
  const join = (user: number) => new SessionClient(bench, backend.join(String(user)), library)
  const clients = Array.from({ length: 50 }, (_, index) => join(1_000 + index))
  runSessions(bench, clients)
  assertHeard(clients)
  for (const { socket, session } of clients.slice(0, 5)) {
    socket!.drop()
    session.connectionClosed(1006, 'cut', bench.now)
  }
  for (const { session } of clients.slice(40)) session.close()
  clients.push(join(2_000))
  runSessions(bench, clients, 8_000)
  const staying = clients.filter(({ session }) => session.state === 'live')
  assert.equal(staying.length, 41)
  assertHeard(staying)
})
