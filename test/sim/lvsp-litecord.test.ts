// Unpatched Litecord against a node: it stays connected, and the node sends no message that Litecord crashes on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BenchBackend, connect, NodeBench, SECRET } from '../../packages/core/src/testing/node-bench.ts'
import { StrictLitecord } from './strict-litecord.ts'

const HOUR = 60 * 60_000

function start(dialect: 'spec' | 'litecord', legacyAssign = false) {
  const bench = new NodeBench({ backends: [{ id: 'main', secrets: [SECRET], dialect, legacyAssign }] })
  const userAgent = 'Python/3.11 websockets/10.4'
  const litecord = new StrictLitecord(bench.open({ protocol: 'lvsp', remoteAddress: '192.0.2.9', userAgent }), SECRET)
  litecord.look(bench.now)
  const pass = (duration: number, step: number) => {
    for (let elapsed = 0; elapsed < duration; elapsed += step) {
      bench.advance(step)
      litecord.look(bench.now)
    }
  }
  return { bench, litecord, pass }
}

test('Litecord stays connected for a day although it sends heartbeats only every few hours', () => {
  const { litecord, pass } = start('litecord')
  pass(24 * HOUR, 60_000)
  assert.equal(litecord.leftBecause, undefined)
  assert.equal(litecord.socket.closeCode, undefined)
  assert.ok(litecord.beats >= 2 && litecord.beats < 24, `${litecord.beats} beats`)
  assert.equal(litecord.health, 1)
})

test('a user who joins and toggles mute keeps one voice state and one connection', () => {
  const { bench, litecord } = start('litecord')
  litecord.userChanged('100', '500', '7')
  litecord.look(bench.now)
  const [done] = litecord.socket.ops(6).map(({ d }) => d.data)
  const user = connect(bench, {
    server_id: '100',
    channel_id: '500',
    user_id: '7',
    session_id: done.session_id,
    token: done.token,
  })
  for (let i = 0; i < 5; i++) litecord.userChanged('100', '500', '7')
  litecord.look(bench.now)
  assert.equal(litecord.leftBecause, undefined)
  assert.equal(user.closeCode, undefined)
  assert.equal(bench.node.inspect().channels.length, 1)
  const types = litecord.socket.ops(6).map(({ d }) => d.type)
  assert.deepEqual(types, Array(6).fill(4))
})

test('user events are not sent to Litecord', () => {
  const { bench, litecord } = start('litecord')
  litecord.userChanged('100', '500', '7')
  const done = litecord.socket.ops(6)[0].d.data
  const user = connect(bench, {
    server_id: '100',
    channel_id: '500',
    user_id: '7',
    session_id: done.session_id,
    token: done.token,
  })
  user.send(5, { speaking: 1, delay: 0, ssrc: 1 })
  user.drop(1000)
  litecord.look(bench.now)
  assert.equal(litecord.leftBecause, undefined)
})

test('a patched Litecord receives CHANNEL_ASSIGN', () => {
  const { litecord } = start('litecord', true)
  litecord.userChanged('100', '500', '7')
  assert.deepEqual(
    litecord.socket.ops(6).map(({ d }) => d.type),
    [1, 4],
  )
})

test('with the spec dialect Litecord crashes on its first CHANNEL_ASSIGN, and the log names the setting to change', () => {
  const { bench, litecord } = start('spec')
  const hint = bench.notes.find(({ event }) => event === 'lvsp.looks_like_litecord')
  assert.match(String(hint?.fields?.hint), /dialect = "litecord"/)
  litecord.userChanged('100', '500', '7')
  litecord.look(bench.now)
  assert.equal(litecord.leftBecause, 'CHANNEL_ASSIGN')
})

test('a specification backend on the same node is not affected by a Litecord backend', () => {
  const bench = new NodeBench({
    backends: [
      { id: 'old', secrets: [SECRET], dialect: 'litecord' },
      { id: 'new', secrets: ['another secret'] },
    ],
  })
  const litecord = new StrictLitecord(bench.open({ protocol: 'lvsp', remoteAddress: '192.0.2.9' }), SECRET)
  litecord.look(bench.now)
  const backend = new BenchBackend(bench, 'another secret', [])
  litecord.userChanged('100', '500', '7')
  backend.join('7')
  assert.equal(backend.infos(1).length, 1)
  assert.equal(litecord.socket.ops(6).length, 1)
})
