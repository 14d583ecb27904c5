// A rolling upgrade as docs/cluster.md describes it: each node and front is replaced by another process while bots talk.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parley } from './admin-command.ts'
import { BusyFactor } from './busy-factor.ts'
import { ClusterCall, lengthOf, uncovered } from './cluster-call.ts'
import { ClusterBackend, ClusterScene, type Served } from './cluster-scene.ts'
import { missingNats } from './nats-server.ts'
import { processPauses } from './process-pauses.ts'
import { until, untilFits } from './until.ts'

const CALLS = 4
/** Frames of 20 ms. */
const SECOND = 50

test('nodes and fronts are replaced one at a time while bots talk', {
  skip: missingNats,
  timeout: 240_000,
}, async t => {
  const pauses = processPauses(t)
  const scene = await ClusterScene.open(t)
  const nodes = new Map<string, Served>([
    ['n1', await scene.node('n1')],
    ['n2', await scene.node('n2')],
  ])
  const fronts = new Map([
    ['f1', await scene.administeredFront('f1')],
    ['f2', await scene.administeredFront('f2')],
  ])
  const backend = await ClusterBackend.connect(t, fronts.get('f1')!.address)
  const calls: ClusterCall[] = []
  for (let index = 0; index < CALLS; index++) calls.push(await ClusterCall.join(t, backend, index))
  const soundIn = async () => {
    const before = calls.map(({ heard }) => heard.length)
    await until('sound in each call', () => calls.every(({ heard }, index) => heard.length > before[index]! + SECOND))
  }
  const listed = async (front: string) =>
    JSON.parse(await parley(fronts.get(front)!.socket, 'parley cluster ls --json')) as {
      nodes: { node: string; state: string; draining: boolean; placed: number }[]
      backends: { acts: boolean }[]
    }
  const nodeIs = (id: string, fits: (node: { draining: boolean; state: string; placed: number }) => boolean) =>
    untilFits(
      `node ${id}`,
      () => listed('f1'),
      ({ nodes: all }) => all.some(each => each.node === id && fits(each)),
    )
  await soundIn()
  const busy = new BusyFactor()
  const since = performance.now()
  const moves = () => calls.reduce((sum, { reconnects }) => sum + reconnects.length, 0)

  for (const [id, { process }] of nodes) {
    await parley(fronts.get('f1')!.socket, `parley cluster drain ${id} --deadline 10m`)
    await nodeIs(id, ({ draining, placed }) => draining && placed === 0)
    process.signal('SIGTERM')
    assert.equal(await process.exit, 0)
    nodes.set(id, await scene.node(id))
    await nodeIs(id, ({ draining, state }) => !draining && state === 'alive')
    await soundIn()
  }
  assert.ok(moves() >= 2 * CALLS, 'each call has moved')

  const before = moves()
  for (const [id, other] of [
    ['f1', 'f2'],
    ['f2', 'f1'],
  ] as const) {
    await backend.moveTo(fronts.get(other)!.address)
    await untilFits(
      `front ${other} to act`,
      () => listed(other),
      ({ backends }) => backends.every(({ acts }) => acts),
    )
    const { process } = fronts.get(id)!
    process.signal('SIGTERM')
    assert.equal(await process.exit, 0)
    fronts.set(id, await scene.administeredFront(id))
    await soundIn()
  }
  assert.equal(moves(), before, 'a front moves no call')

  // The backend is served by the new processes.
  const late = await ClusterCall.join(t, backend, CALLS)
  calls.push(late)
  await soundIn()
  const silence = Math.max(...calls.flatMap(call => call.silences(since).map(lengthOf)))
  const gap = Math.max(
    ...calls.flatMap(call => call.silences(since).map(span => uncovered(span, [...call.reconnects, ...pauses]))),
  )
  t.diagnostic(`longest silence ${Math.round(silence)} ms; without the reconnect of the client ${Math.round(gap)} ms`)
  assert.ok(gap <= 200 * busy.read(), `${gap} ms`)
})
