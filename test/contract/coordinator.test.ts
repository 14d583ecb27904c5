// The contract of a coordinator, on memory and on a real NATS server; then what only NATS can do: be away, and be empty.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Kvm } from '@nats-io/kv'
import { connect } from '@nats-io/transport-node'
import { encodePlacementKey, type PlacementKey } from '@parley/protocol'
import { nodeRecord } from '../../packages/core/src/testing/node-record.ts'
import type { Coordinator } from '../../packages/server/src/cluster/coordinator.ts'
import { MemoryCoordinator, SharedMemory } from '../../packages/server/src/cluster/memory-coordinator.ts'
import { NatsCoordinator } from '../../packages/server/src/cluster/nats-coordinator.ts'
import { missingNats, NatsServer } from '../e2e/nats-server.ts'
import { until, untilFits } from '../e2e/until.ts'
import { loadReport, Recorder } from './cluster-records.ts'

const KEY = { tenant: 'main', channelId: '500' }
const OTHER_TENANT = { tenant: 'other', channelId: '500' }
const at = (node: string, epoch = 1) => ({ schema: 1, node, epoch })

type Join = (t: TestContext) => Promise<{ coordinator: Coordinator; recorder: Recorder }>
/** What another program does to a placement. */
type Write = (key: PlacementKey, text: string) => Promise<unknown>

async function joined(t: TestContext, coordinator: Coordinator) {
  t.after(() => coordinator.close())
  const recorder = new Recorder()
  coordinator.watch(recorder)
  await until('the coordinator', () => coordinator.isAvailable)
  return { coordinator, recorder }
}

const natsFor = (server: NatsServer, prefix = 'parley') =>
  new NatsCoordinator({ connection: { servers: server.url }, prefix, replicas: 1, refused: assert.fail })

const KINDS: Record<string, { skip: string | false; start(t: TestContext): Promise<Join & { write: Write }> }> = {
  memory: {
    skip: false,
    async start() {
      const shared = new SharedMemory()
      const join: Join = t => joined(t, new MemoryCoordinator(shared))
      const write: Write = async (key, text) =>
        shared.placements.set(encodePlacementKey(key), { text, revision: ++shared.revision })
      return Object.assign(join, { write })
    },
  },
  NATS: {
    skip: missingNats,
    async start(t) {
      const server = await NatsServer.start(t)
      const join: Join = each => joined(each, natsFor(server))
      const write: Write = async (key, text) => {
        const connection = await connect({ servers: server.url })
        t.after(() => connection.close())
        await (await new Kvm(connection).open('parley_place')).put(encodePlacementKey(key), text)
      }
      return Object.assign(join, { write })
    },
  },
}

for (const [kind, { skip, start }] of Object.entries(KINDS)) {
  test(`${kind}: records and reports reach every process, those that join later included`, { skip }, async t => {
    const join = await start(t)
    const [a, b] = [await join(t), await join(t)]
    a.coordinator.announce(nodeRecord('n1'))
    await until('the record', () => b.recorder.nodes.has('n1') && a.recorder.nodes.has('n1'))
    const late = await join(t)
    await until('the record', () => late.recorder.nodes.has('n1'))
    a.coordinator.announce(nodeRecord('n1', { state: 'draining' }))
    await until('the change', () => late.recorder.nodes.get('n1')?.state === 'draining')
    a.coordinator.report(loadReport('n1', 0.25))
    await until('the report', () => b.recorder.loads.get('n1') === 0.25)
    await a.coordinator.withdraw('n1')
    await until('the withdrawal', () => !b.recorder.nodes.has('n1') && !late.recorder.nodes.has('n1'))
  })

  test(`${kind}: of a hundred that place one channel at once, one succeeds and all learn where it is`, {
    skip,
  }, async t => {
    const join = await start(t)
    const processes = await Promise.all(Array.from({ length: 4 }, () => join(t)))
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, i) => processes[i % 4]!.coordinator.place(KEY, at(`n${i}`))),
    )
    assert.equal(outcomes.filter(({ kind }) => kind === 'placed').length, 1)
    const names = new Set(outcomes.map(outcome => (outcome.kind === 'unavailable' ? '' : outcome.placed?.record.node)))
    assert.equal(names.size, 1)
    const other = await processes[0]!.coordinator.place(OTHER_TENANT, at('n7'))
    assert.equal(other.kind, 'placed', 'the same channel of another tenant is another one')
  })

  test(`${kind}: the node that has a client answers, and no other`, { skip }, async t => {
    const join = await start(t)
    const [a, b, c] = [await join(t), await join(t), await join(t)]
    a.coordinator.answer('n1', ({ server, user }) => server === '7' && user === '1001')
    b.coordinator.answer('n2', ({ server, session }) => server === '7' && session === 's1')
    const ask = (question: object) => c.coordinator.ask({ schema: 1, server: '7', ...question })
    // What a node answers reaches the server over another connection than the questions.
    const answered = (question: object) =>
      untilFits(
        'an answer',
        () => ask(question),
        id => id !== undefined,
      )
    assert.equal(await answered({ user: '1001' }), 'n1')
    assert.equal(await answered({ session: 's1' }), 'n2')
    assert.equal(await ask({ user: '1002' }), undefined)
    await a.coordinator.close()
    assert.equal(await ask({ user: '1001' }), undefined)
  })

  test(`${kind}: an order reaches its node, and whether it was executed returns`, { skip }, async t => {
    const join = await start(t)
    const [front, node, other] = [await join(t), await join(t), await join(t)]
    const orders: string[] = []
    node.coordinator.obey('n1', ({ order, deadline }) => orders.push(`n1 ${order} ${deadline}`) === 1)
    other.coordinator.obey('n2', ({ order }) => orders.push(`n2 ${order}`) > 0)
    const drained = await untilFits(
      'the first order',
      () => front.coordinator.order('n1', { order: 'drain', deadline: 5_000 }),
      done => done !== undefined,
    )
    assert.equal(drained, true)
    assert.equal(await front.coordinator.order('n1', { order: 'undrain' }), false)
    assert.equal(await front.coordinator.order('n3', { order: 'drain' }), undefined)
    assert.deepEqual(orders, ['n1 drain 5000', 'n1 undrain undefined'])
  })

  test(`${kind}: a placement changes only with its current revision`, { skip }, async t => {
    const { coordinator } = await (await start(t))(t)
    assert.deepEqual(await coordinator.find(KEY), { kind: 'taken', placed: undefined })
    const first = await coordinator.place(KEY, at('n1'))
    assert.ok(first.kind === 'placed')
    const { revision } = first.placed
    const second = await coordinator.replace(KEY, at('n2', 2), revision)
    assert.ok(second.kind === 'placed')
    const stale = await coordinator.replace(KEY, at('n3', 2), revision)
    assert.deepEqual(stale, { kind: 'taken', placed: second.placed })
    await coordinator.release(KEY, revision)
    assert.deepEqual(await coordinator.find(KEY), { kind: 'taken', placed: second.placed })
    await coordinator.release(KEY, second.placed.revision)
    assert.deepEqual(await coordinator.find(KEY), { kind: 'taken', placed: undefined })
    const again = await coordinator.place(KEY, at('n4', 3))
    assert.ok(again.kind === 'placed', 'a released channel can be placed again')
    const gone = await coordinator.replace(OTHER_TENANT, at('n1'), 1)
    assert.deepEqual(gone, { kind: 'taken', placed: undefined })
  })
}

for (const [kind, { skip, start }] of Object.entries(KINDS)) {
  for (const junk of ['not JSON', '{"schema":1,"node":"n1"}', '{"schema":1,"node":"n1","epoch":9007199254740991}'])
    test(`${kind}: a placement that no version can read is replaced: ${junk}`, { skip }, async t => {
      const join = await start(t)
      const { coordinator, recorder } = await join(t)
      await join.write(KEY, junk)
      const taken = await coordinator.place(KEY, at('n1'))
      assert.ok(taken.kind === 'taken' && taken.placed !== undefined)
      assert.equal(taken.placed.record.epoch, 0)
      assert.deepEqual(await coordinator.find(KEY), taken)
      const placed = await coordinator.replace(KEY, at('n1'), taken.placed.revision)
      assert.equal(placed.kind, 'placed')
      assert.deepEqual(await coordinator.find(KEY), { ...placed, kind: 'taken' })
      assert.equal(recorder.malformedReasons.length, 2)
    })

  test(`${kind}: a placement of a later version stays as it is, and is reported a few times only`, {
    skip,
  }, async t => {
    const join = await start(t)
    const { coordinator, recorder } = await join(t)
    const later = JSON.stringify({ schema: 2, nodes: ['n1', 'n2'], epoch: 7 })
    await join.write(KEY, later)
    for (let attempt = 0; attempt < 20; attempt++) {
      assert.deepEqual(await coordinator.place(KEY, at('n1')), { kind: 'unavailable' })
      assert.deepEqual(await coordinator.replace(KEY, at('n1'), 77), { kind: 'unavailable' })
      assert.deepEqual(await coordinator.find(KEY), { kind: 'unavailable' })
    }
    assert.ok(recorder.malformedReasons.length <= 10, `${recorder.malformedReasons.length} reports`)
  })
}

test('a process starts without NATS, and joins when it is available', { skip: missingNats }, async t => {
  const server = await NatsServer.start(t)
  await server.stop()
  const coordinator = natsFor(server)
  t.after(() => coordinator.close())
  const recorder = new Recorder()
  coordinator.watch(recorder)
  coordinator.announce(nodeRecord('n1'))
  assert.deepEqual(await coordinator.place(KEY, at('n1')), { kind: 'unavailable' })
  await server.start()
  await until('the own record', () => recorder.nodes.has('n1'))
  assert.equal((await coordinator.place(KEY, at('n1'))).kind, 'placed')
})

test('after NATS returns without its store, nodes are announced again and placements are possible', {
  skip: missingNats,
}, async t => {
  const server = await NatsServer.start(t)
  const { coordinator, recorder } = await joined(t, natsFor(server))
  const other = await joined(t, natsFor(server))
  coordinator.announce(nodeRecord('n1'))
  assert.equal((await coordinator.place(KEY, at('n1'))).kind, 'placed')
  await server.stop()
  await until('the loss', () => recorder.availability.at(-1) === false)
  assert.equal((await coordinator.replace(KEY, at('n2', 2), 1)).kind, 'unavailable')
  server.forget()
  await server.start()
  other.recorder.nodes.clear()
  await until('the announcement', () => other.recorder.nodes.has('n1'))
  await until('both processes', () => coordinator.isAvailable && other.coordinator.isAvailable)
  assert.deepEqual(await other.coordinator.find(KEY), { kind: 'taken', placed: undefined })
  assert.equal((await other.coordinator.place(KEY, at('n1'))).kind, 'placed')
  coordinator.report(loadReport('n1', 0.5))
  await untilFits(
    'a report',
    () => {
      coordinator.report(loadReport('n1', 0.5))
      return other.recorder.loads.get('n1')
    },
    load => load === 0.5,
  )
})

test('while NATS is stalled every call returns within its timeout, and afterwards succeeds', {
  skip: missingNats,
}, async t => {
  const server = await NatsServer.start(t)
  const { coordinator } = await joined(t, natsFor(server))
  t.after(() => server.continue())
  await server.stall()
  assert.deepEqual(await coordinator.place(KEY, at('n1')), { kind: 'unavailable' })
  assert.deepEqual(await coordinator.find(KEY), { kind: 'unavailable' })
  server.continue()
  // The timed-out create may have been made: that is what `unavailable` says.
  const outcome = await untilFits(
    'NATS',
    () => coordinator.place(KEY, at('n1')),
    ({ kind }) => kind !== 'unavailable',
  )
  assert.equal(outcome.kind === 'unavailable' ? '' : outcome.placed?.record.node, 'n1')
})

test('records that another program wrote are reported and ignored', { skip: missingNats }, async t => {
  const server = await NatsServer.start(t)
  const { recorder } = await joined(t, natsFor(server))
  const intruder = await connect({ servers: server.url })
  t.after(() => intruder.close())
  const bucket = await new Kvm(intruder).open('parley_nodes')
  await bucket.put('n1', '{"schema":1}')
  await bucket.put('n2', 'not JSON')
  await bucket.put('n3', JSON.stringify(nodeRecord('n4')))
  await bucket.put('n5', JSON.stringify({ ...nodeRecord('n5'), added: 'by a later version' }))
  intruder.publish('parley.load.n1', JSON.stringify(loadReport('n2', 0.1)))
  intruder.publish('parley.load.n5', JSON.stringify(loadReport('n5', 0.2)))
  await until('the valid record and report', () => recorder.nodes.has('n5') && recorder.loads.has('n5'))
  assert.deepEqual([[...recorder.nodes.keys()], [...recorder.loads.keys()]], [['n5'], ['n5']])
  assert.equal(recorder.malformedReasons.length, 2)
})

test('wrong credentials are reported once, and the process goes on without a coordinator', {
  skip: missingNats,
}, async t => {
  const server = await NatsServer.start(t, ['--user', 'parley', '--pass', 'right'])
  const reasons: string[] = []
  const connection = { servers: server.url, user: 'parley', pass: 'wrong' }
  const refused = (reason: string) => void reasons.push(reason)
  const coordinator = new NatsCoordinator({ connection, prefix: 'parley', replicas: 1, refused })
  t.after(() => coordinator.close())
  coordinator.announce(nodeRecord('n1'))
  await until('the refusal', () => reasons.length > 0)
  assert.match(reasons.join(), /^Authorization Violation/i)
  assert.deepEqual(await coordinator.place(KEY, at('n1')), { kind: 'unavailable' })
  await coordinator.withdraw('n1')
})
