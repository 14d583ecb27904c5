// Effects of mute, deaf, suppress and wants on routes and targets.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BenchBackend, connect, NodeBench } from '../../packages/core/src/testing/node-bench.ts'

function scene() {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = connect(bench, backend.join('1'))
  const ben = connect(bench, backend.join('2'))
  const [anaPeer, benPeer] = bench.commands('addPeer')
  bench.laneCommands.length = 0
  return { bench, backend, ana, ben, anaPeer, benPeer }
}

const update = (backend: BenchBackend, userId: string, data: object) =>
  backend.info(6, { user_id: userId, channel_id: '500', guild_id: '100', ...data })

test('a server mute removes the speaker’s route with silence frames and sends the other members speaking 0', () => {
  const { bench, backend, ana, ben, benPeer } = scene()
  ben.send(5, { speaking: 1 })
  ana.clear()
  for (const muted of [{ mute: true }, { suppress: true }]) {
    update(backend, '2', muted)
    const ssrc = benPeer.ssrcs[0]
    assert.deepEqual(bench.commands('removeRoute').at(-1), { kind: 'removeRoute', ssrc, silence: true })
    assert.equal(ana.last(5).speaking, 0)
    ben.send(5, { speaking: 0 }).send(5, { speaking: 1 })
    assert.equal(ana.last(5).speaking, 0)
    update(backend, '2', { mute: false, suppress: false })
    assert.equal(bench.commands('setRoute').at(-1).ssrc, ssrc)
    assert.equal(ana.last(5).speaking, 1, 'the client has declared that it speaks, and does not repeat it')
  }
})

test('members are sent that a speaker has lost its priority', () => {
  const { backend, ana, ben } = scene()
  update(backend, '2', { priority: true })
  ben.send(5, { speaking: 5 })
  assert.equal(ana.last(5).speaking, 5)
  update(backend, '2', { priority: false })
  assert.equal(ana.last(5).speaking, 1)
})

test('a server deaf removes the listener from the targets, and ending it adds the listener again', () => {
  const { bench, backend, benPeer } = scene()
  update(backend, '2', { deaf: true })
  assert.deepEqual(
    bench.laneCommands.map(({ command }) => command.kind),
    ['removeTarget'],
  )
  assert.equal(bench.commands('removeTarget')[0].peer, benPeer.peer)
  update(backend, '2', { deaf: false })
  assert.equal(bench.commands('addTarget')[0].peer, benPeer.peer)
})

test('a client muted and deafened before it connects has no route and is no target', () => {
  const { bench, backend } = scene()
  const credentials = backend.join('3')
  update(backend, '3', { mute: true, deaf: true })
  connect(bench, credentials)
  assert.deepEqual(bench.commands('setRoute'), [])
  assert.deepEqual(bench.commands('addTarget'), [])
})

test('a voice state may be created muted', () => {
  const { bench, backend } = scene()
  connect(bench, backend.join('3', '500', '100', { suppress: true }))
  assert.deepEqual(bench.commands('setRoute'), [])
  assert.equal(bench.commands('addTarget').length, 1)
})

test('flags and platform are sent to the other members when the backend sets them', () => {
  const { backend, ana, ben } = scene()
  ana.clear()
  ben.clear()
  update(backend, '2', { flags: 3, platform: 1 })
  assert.deepEqual(ana.last(18), { user_id: '2', flags: 3 })
  assert.deepEqual(ana.last(20), { user_id: '2', platform: 1 })
  assert.deepEqual(ben.received, [])
})

test('an SSRC with want 0 has its own target list without that listener until the listener wants it again', () => {
  const { bench, ana, benPeer } = scene()
  ana.send(15, { any: 100, [benPeer.ssrcs[0]]: 0, pixelCounts: { 5: 1.5 } })
  bench.advance(0)
  const [{ targets: individual, peers }] = bench.commands('openTargets')
  assert.deepEqual(bench.commands('setRoute').at(-1).targets, individual)
  assert.deepEqual([...peers], [benPeer.peer])
  ana.send(15, { any: 100 })
  assert.deepEqual(bench.commands('closeTargets'), [{ kind: 'closeTargets', targets: individual }])
  assert.notEqual(bench.commands('setRoute').at(-1).targets, individual)
  assert.deepEqual(bench.commands('removeTarget'), [], 'the listener stays in the shared list')
})

test('in a stream channel only the owner is forwarded', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  backend.info(16, { channel_id: '900', channel_properties: { kind: 'stream', owner_id: '1' } })
  const owner = connect(bench, backend.join('1', '900', null))
  const viewer = connect(bench, backend.join('2', '900', null))
  assert.deepEqual(
    bench.commands('setRoute').map(({ ssrc }) => ssrc),
    [owner.last(2).ssrc],
  )
  owner.send(5, { speaking: 2 })
  viewer.send(5, { speaking: 1 })
  assert.equal(viewer.last(5).speaking, 2)
  assert.equal(owner.last(5).speaking, 0)
})
