// A node that drains asks its backends to move their users, then closes what is left.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '@parley/core'
import { VoiceClose } from '@parley/protocol'
import { connect, NodeBench, SECRET } from '../../packages/core/src/testing/node-bench.ts'

const CHANNEL_DRAINING = 26
const WITH = ['failure', 'draining']

test('a draining node asks for a move of each channel with users, and closes what is left with 4014', () => {
  const bench = new NodeBench()
  const backend = bench.backend(SECRET, WITH)
  const ana = connect(bench, backend.join('1', '500'))
  backend.info(0, { channel_id: '501', guild_id: '100' })
  bench.input(now => bench.node.drain(now + 20_000, now))
  assert.deepEqual(backend.infos(CHANNEL_DRAINING), [{ channel_id: '500', guild_id: '100', timeout: 20_000 }])
  bench.advance(19_999)
  assert.equal(ana.closeCode, undefined)
  bench.advance(1)
  assert.equal(ana.closeCode, VoiceClose.Disconnected)
})

test('a channel that was empty when the drain began is asked for when its first session enters', () => {
  const bench = new NodeBench()
  const backend = bench.backend(SECRET, WITH)
  const [ana, ben] = [backend.join('1', '500'), backend.join('2', '500')]
  bench.input(now => bench.node.drain(now + 20_000, now))
  assert.deepEqual(backend.infos(CHANNEL_DRAINING), [])
  bench.advance(5_000)
  const client = connect(bench, ana)
  const asked = { channel_id: '500', guild_id: '100', timeout: 15_000 }
  assert.deepEqual(backend.infos(CHANNEL_DRAINING), [asked])
  const other = connect(bench, ben)
  assert.deepEqual(backend.infos(CHANNEL_DRAINING), [asked], 'once for all of its users')
  for (const each of [client, other]) each.drop(1000)
  bench.advance(5_000)
  connect(bench, ana)
  assert.deepEqual(backend.infos(CHANNEL_DRAINING).slice(1), [{ ...asked, timeout: 10_000 }])
})

test('a session that enters a node that no longer drains, or never did, asks for nothing', () => {
  const bench = new NodeBench()
  const backend = bench.backend(SECRET, WITH)
  connect(bench, backend.join('1', '500'))
  bench.input(now => bench.node.drain(now + 20_000, now))
  bench.node.operator.undrain()
  connect(bench, backend.join('2', '501'))
  assert.deepEqual(backend.infos(CHANNEL_DRAINING), [])
})

test('a backend that connects while the node drains is asked too, with the time that is left', () => {
  const bench = new NodeBench()
  const first = bench.backend(SECRET, WITH)
  connect(bench, first.join('1', '500'))
  bench.input(now => bench.node.drain(now + 20_000, now))
  bench.advance(5_000)
  const second = bench.backend(SECRET, WITH)
  assert.deepEqual(second.infos(CHANNEL_DRAINING), [{ channel_id: '500', guild_id: '100', timeout: 15_000 }])
})

test('the requests for many channels are sent in slices, and each channel is named once', () => {
  const bench = new NodeBench()
  const backend = bench.backend(SECRET, WITH)
  const COUNT = 3 * LIMITS.workSlice
  for (let index = 0; index < COUNT; index++) connect(bench, backend.join(String(index), String(1_000 + index)))
  backend.socket.clear()
  bench.input(now => bench.node.drain(now + 20_000, now))
  const named = () => backend.infos(CHANNEL_DRAINING).length
  for (let before = 0; before < COUNT; ) {
    const inTurn = named() - before
    assert.ok(inTurn > 0 && inTurn <= LIMITS.workSlice, `${inTurn} in one turn`)
    before = named()
    if (before < COUNT) bench.input(now => bench.node.tick(now))
  }
  const ids = backend.infos(CHANNEL_DRAINING).map(({ channel_id }) => channel_id)
  assert.equal(new Set(ids).size, COUNT)
  bench.advance(0)
  assert.equal(named(), COUNT)
})

test('a backend that reconnects while it is asked is asked for all channels again', () => {
  const bench = new NodeBench()
  const first = bench.backend(SECRET, WITH)
  const COUNT = 2 * LIMITS.workSlice
  for (let index = 0; index < COUNT; index++) connect(bench, first.join(String(index), String(1_000 + index)))
  bench.input(now => bench.node.drain(now + 20_000, now))
  first.socket.drop()
  const second = bench.backend(SECRET, WITH)
  bench.advance(0)
  const ids = second.infos(CHANNEL_DRAINING).map(({ channel_id }) => channel_id)
  assert.deepEqual([ids.length, new Set(ids).size], [COUNT, COUNT])
})

test('the sessions that are left end without a departure for each, which a large channel would not end in time', () => {
  const bench = new NodeBench()
  const backend = bench.backend(SECRET, WITH)
  const members = Array.from({ length: 20 }, (_, index) => connect(bench, backend.join(String(index), '500')))
  bench.advance(1_000)
  for (const member of members) member.clear()
  bench.input(now => bench.node.drain(now + 1_000, now))
  bench.advance(1_000)
  assert.deepEqual(new Set(members.map(({ closeCode }) => closeCode)), new Set([VoiceClose.Disconnected]))
  assert.deepEqual(
    members.flatMap(({ received }) => received),
    [],
  )
  assert.equal(bench.node.inspect().sessions.length, 0)
})

test('a backend without the capability receives nothing of it', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  connect(bench, backend.join('1', '500'))
  bench.input(now => bench.node.drain(now + 20_000, now))
  assert.deepEqual(backend.infos(CHANNEL_DRAINING), [])
})

test('a channel that a draining node loses closes with 4014, whatever the backend has configured', () => {
  const bench = new NodeBench({ backends: [{ id: 'main', secrets: [SECRET], channelEndCode: 4022 }] })
  const backend = bench.backend(SECRET, WITH)
  const ana = connect(bench, backend.join('1', '500'))
  bench.input(now => bench.node.drain(now + 20_000, now))
  backend.info(2, { channel_id: '500', guild_id: '100' })
  assert.equal(ana.closeCode, VoiceClose.Disconnected)
})
