// The voice client's DAVE side against a node, with the real library, in calls that switch encryption on and off.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadDavey } from '@parley/client'
import { type BenchCredentials, NodeBench } from '../../packages/core/src/testing/node-bench.ts'
import { assertHeard, FRAME, runSessions as run, SessionClient, SILENCE } from '../dave/session-client.ts'

const library = await loadDavey()
const client = (bench: NodeBench, credentials: BenchCredentials, dave = library) =>
  new SessionClient(bench, credentials, dave)

function callOf(count: number) {
  const bench = new NodeBench()
  const backend = bench.backend()
  const join = (user: number, dave = library) => client(bench, backend.join(String(user)), dave)
  const clients = Array.from({ length: count }, (_, index) => join(index + 1))
  run(bench, clients)
  return { bench, clients, join }
}

test('three clients encrypt end to end and show the same verification code', () => {
  const { clients } = callOf(3)
  assertHeard(clients)
  assert.match(clients[0]!.codes.at(-1) ?? '', /^[0-9]{30}$/)
})

test('ten clients that join at once encrypt, and a client that moves leaves one group and joins the other', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const join = (user: number, channel: string) =>
    client(bench, { ...backend.join(String(user), channel), channel_id: channel })
  const lounge = Array.from({ length: 10 }, (_, index) => join(index + 1, '500'))
  const garden = [join(21, '501'), join(22, '501')]
  run(bench, [...lounge, ...garden])
  for (const members of [lounge, garden]) assertHeard(members)
  const [mover] = lounge.splice(0, 1)
  const before = lounge[0]!.codes.at(-1)
  garden.push(join(1, '501'))
  run(bench, [mover!, ...lounge, ...garden])
  assert.equal(mover!.session.state, 'closed')
  for (const members of [lounge, garden]) assertHeard(members)
  assert.notEqual(lounge[0]!.codes.at(-1), before, 'the remaining members have new keys')
})

test('no frame but silence is sent unencrypted while a group is being established', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const clients = ['1', '2'].map(user => client(bench, backend.join(user)))
  while (clients.map(client => client.step()).includes(true));
  assert.equal(clients[0]!.session.dave?.version, 1)
  assert.equal(clients[0]!.session.dave?.seal(FRAME), undefined)
  assert.deepEqual(clients[0]!.session.dave?.seal(SILENCE), SILENCE)
})

test('a client without DAVE downgrades the call, which is encrypted again when that client leaves', () => {
  const { bench, clients, join } = callOf(2)
  const old = join(9, { ...library!, version: 0 })
  run(bench, [...clients, old])
  assertHeard(clients, false)
  assert.equal(clients[0]!.codes.at(-1), undefined)
  old.session.close()
  run(bench, [...clients, old], 8_000)
  assertHeard(clients)
})

test('a client that resumes catches up with its group', () => {
  const { bench, clients, join } = callOf(2)
  clients[1]!.cut()
  clients.push(join(3))
  run(bench, clients, 8_000)
  assertHeard(clients)
})

test('clients of all gateway versions encrypt together, and resume without a replay below version 8', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const join = (user: number, version: number) => new SessionClient(bench, backend.join(String(user)), library, version)
  const clients = [4, 7, 8, 9].map((version, index) => join(index + 1, version))
  run(bench, clients)
  assertHeard(clients)
  clients[0]!.cut()
  clients.push(join(5, 4))
  run(bench, clients, 8_000)
  assertHeard(clients)
})

test('a client below version 8 that loses its connection during a change of keys is settled after its resume', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const join = (user: number) => new SessionClient(bench, backend.join(String(user)), library, 4)
  const clients = [join(1), join(2)]
  run(bench, clients)
  clients.push(join(3))
  const isChanging = () => clients[1]!.session.dave!.isChanging
  while (!isChanging()) {
    for (const client of clients) if (!isChanging()) client.step()
    bench.advance(1)
  }
  clients[1]!.cut()
  run(bench, clients, 8_000)
  assert.ok(clients[1]!.session.dave!.isSettled)
  assertHeard(clients)
})

test('a client that cannot decrypt received frames rejoins the group', () => {
  const { bench, clients } = callOf(3)
  const [ana] = clients
  for (let count = 0; count < 40; count++) ana!.session.dave!.open('2', new Uint8Array(40).fill(0xfa))
  run(bench, clients)
  assertHeard(clients)
})
