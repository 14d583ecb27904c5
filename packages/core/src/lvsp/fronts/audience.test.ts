// The sessions of the fronts of one backend: how many there are, and which one yields.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Front } from '../../cluster/front.ts'
import type { FrontPorts } from '../../cluster/front-ports.ts'
import { LIMITS } from '../../limits.ts'
import { ALL_CAPABILITIES, LvspBench, SECRET, tokenFor } from '../../testing/lvsp-bench.ts'
import { seededCrypto } from '../../testing/seeded-crypto.ts'

const MOST = LIMITS.lvspFrontsPerBackend
const OTHER = 'another secret'
const BACKENDS = [
  { id: 'main', secrets: [SECRET] },
  { id: 'other', secrets: [OTHER] },
]

/** A connection that has sent IDENTIFY as this front. */
function front(bench: LvspBench, name: string, secret = SECRET) {
  const socket = bench.open()
  return socket.send(1, { token: tokenFor(secret, socket.nonce), capabilities: ALL_CAPABILITIES, front: name })
}

const fronts = (bench: LvspBench, count: number = MOST) =>
  Array.from({ length: count }, (_, index) => front(bench, `f${index}`))
const sessions = (bench: LvspBench, backend = 'main') =>
  bench.lvsp.inspect().sessions.filter(session => session.backend === backend)
const open = (bench: LvspBench) => bench.lvsp.inspect().connections.filter(({ backend }) => backend === 'main').length

test('a backend that identifies under ever new ids of fronts has a bounded number of sessions', () => {
  const bench = new LvspBench(BACKENDS)
  for (let index = 0; index < 5 * MOST; index++) front(bench, `f${index}`).drop()
  assert.equal(sessions(bench).length, MOST)
  assert.equal(front(bench, 'last').closeCode, undefined)
  assert.equal(sessions(bench).length, MOST)
})

test('the session whose connection was lost first yields, and another one is resumed', () => {
  const bench = new LvspBench()
  const all = fronts(bench)
  const replay = (name: string, { session, seq }: { session: string; seq: number }) => {
    const socket = bench.open()
    const token = tokenFor(SECRET, socket.nonce)
    socket.send(2, { token, capabilities: ALL_CAPABILITIES, front: name, session, seq })
    return socket.ops(3)[0].resumed
  }
  all[5]!.drop()
  bench.advance(1_000)
  all[2]!.drop()
  assert.equal(front(bench, 'new').closeCode, undefined)
  assert.equal(replay('f2', all[2]!.ops(3)[0]), 'replay')
  assert.equal(sessions(bench).length, MOST)
})

test('a front too many is closed, and is served once another one is gone', () => {
  const bench = new LvspBench(BACKENDS)
  const all = fronts(bench)
  const refused = front(bench, 'new')
  assert.deepEqual([refused.closeCode, refused.closeReason], [4000, 'too many fronts of this backend are connected'])
  assert.deepEqual(refused.story(), ['0'])
  assert.equal(front(bench, 'new', OTHER).closeCode, undefined, 'of another backend')
  assert.equal(bench.backend().closeCode, undefined, 'the backend itself')
  assert.ok(all.every(({ closeCode }) => closeCode === undefined))
  all[7]!.drop()
  assert.equal(front(bench, 'new').closeCode, undefined)
})

test('a front has one connection, so that those of one backend are bounded', () => {
  const bench = new LvspBench()
  for (let round = 0; round < 3; round++) fronts(bench, 2 * MOST)
  for (let index = 0; index < 3 * LIMITS.lvspConnectionsPerBackend; index++) bench.backend()
  assert.equal(open(bench), MOST + LIMITS.lvspConnectionsPerBackend)
})

test('a session that ended for another front does not end again later', () => {
  const bench = new LvspBench()
  for (const each of fronts(bench)) each.drop()
  front(bench, 'new').drop()
  const again = front(bench, 'f0')
  bench.advance(2 * LIMITS.lvspResumeWindow)
  assert.equal(again.closeCode, undefined)
  assert.equal(sessions(bench).length, 1)
})

test('a process that does not serve fronts takes a connection that says it is one for the backend itself', () => {
  const process = new Front({
    crypto: seededCrypto('audience'),
    backends: BACKENDS,
    ports: new Proxy({} as FrontPorts, { get: () => () => {} }),
    serverVersion: '1.2.3',
    random: () => 0,
    wallClock: () => 0,
  })
  for (let id = 1; id <= 3 * MOST; id++) {
    process.connectionOpened(id, { remoteAddress: '192.0.2.1' }, id)
    const [hello] = process
      .takeEffects()
      .flatMap(each => (each.kind === 'send' ? [JSON.parse(String(each.data)).d] : []))
    const d = { token: tokenFor(SECRET, hello.nonce), capabilities: ALL_CAPABILITIES, front: `f${id}` }
    process.messageReceived(id, JSON.stringify({ op: 1, d }), id)
    process.takeEffects()
    process.connectionClosed(id, 1006, id)
  }
  assert.equal(process.inspect().lvsp.sessions.length, 1)
  assert.equal(process.inspect().backends[0]?.isConnected, true)
})
