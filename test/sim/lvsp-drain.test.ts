// A node that drains asks its backends to move their users, then closes what is left.
import assert from 'node:assert/strict'
import { test } from 'node:test'
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

test('a backend that connects while the node drains is asked too, with the time that is left', () => {
  const bench = new NodeBench()
  const first = bench.backend(SECRET, WITH)
  connect(bench, first.join('1', '500'))
  bench.input(now => bench.node.drain(now + 20_000, now))
  bench.advance(5_000)
  const second = bench.backend(SECRET, WITH)
  assert.deepEqual(second.infos(CHANNEL_DRAINING), [{ channel_id: '500', guild_id: '100', timeout: 15_000 }])
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
