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
  clients[1]!.socket!.drop()
  clients[1]!.session.connectionClosed(1006, 'cut', bench.now)
  clients.push(join(3))
  run(bench, clients, 8_000)
  assertHeard(clients)
})

test('a client that cannot decrypt received frames rejoins the group', () => {
  const { bench, clients } = callOf(3)
  const [ana] = clients
  for (let count = 0; count < 40; count++) ana!.session.dave!.open('2', new Uint8Array(40).fill(0xfa))
  run(bench, clients)
  assertHeard(clients)
})
