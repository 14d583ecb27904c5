// DAVE in large calls, with a client of the real library for every member: fifty, of whom some come late, leave or cannot.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadDavey } from '@parley/client'
import { NodeBench } from '../../packages/core/src/testing/node-bench.ts'
import { DaveyCall } from '../dave/davey-call.ts'
import { assertHeard, runSessions, SessionClient } from '../dave/session-client.ts'

test('fifty members who come at once hear each other, also after joins, leaves and a visit in the clear', () => {
  const call = new DaveyCall()
  const clients = Array.from({ length: 50 }, (_, index) => call.join(1_000 + index))
  call.run()
  call.assertConverged('at first')
  assert.equal(call.group.state.epoch, 2)
  for (const client of clients.slice(10, 20)) call.leave(client)
  call.join(5_000)
  call.run()
  call.assertConverged('after ten have left and one has come')
  const old = call.join(6_000, 0)
  call.run()
  assert.equal(call.group.state.version, 0)
  call.leave(old)
  call.run(10_000)
  call.assertConverged('encrypted again')
})

test('fifty of our own clients at one node do too, while some resume, leave and come', async () => {
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
