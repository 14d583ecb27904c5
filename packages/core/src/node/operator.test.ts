// The operator of a node: kick, mute, end of a draining.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LvspFailure, LvspInfo, VoiceClose } from '@parley/protocol'
import { connect, NodeBench } from '../testing/node-bench.ts'

function scene() {
  const bench = new NodeBench()
  const backend = bench.backend()
  const credentials = backend.join('7')
  const ana = connect(bench, credentials)
  const ben = connect(bench, backend.join('8'))
  return { bench, backend, credentials, ana, ben }
}

test('a kicked user is disconnected, cannot identify again, and the backend is notified', () => {
  const { bench, backend, credentials, ana, ben } = scene()
  let kicked = 0
  bench.input(now => {
    kicked = bench.node.operator.kick({ userId: '7' }, now)
  })
  assert.equal(kicked, 1)
  assert.equal(ana.closeCode, VoiceClose.Disconnected)
  assert.equal(ana.closeReason, 'disconnected by the operator')
  assert.equal(ben.closeCode, undefined)
  assert.equal(backend.infos(LvspInfo.VoiceStateDisconnected).at(-1).user_id, '7')
  const again = connect(bench, credentials)
  assert.equal(again.closeCode, VoiceClose.AuthenticationFailed)
})

test('a kick in another channel or backend selects no user', () => {
  const { bench } = scene()
  bench.input(now => {
    assert.equal(bench.node.operator.kick({ userId: '7', channelId: '501' }, now), 0)
    assert.equal(bench.node.operator.kick({ userId: '7', backend: 'other' }, now), 0)
    assert.equal(bench.node.operator.kick({ userId: '9' }, now), 0)
  })
})

test('the packets of a muted user are not forwarded until the operator lifts the mute', () => {
  const { bench, backend } = scene()
  const routes = () => bench.commands('setRoute').length
  const ended = () => bench.commands('removeRoute').length
  const before = { routes: routes(), ended: ended() }
  bench.input(() => assert.equal(bench.node.operator.mute({ userId: '7' }, true), 1))
  assert.deepEqual({ routes: routes(), ended: ended() }, { routes: before.routes, ended: before.ended + 1 })
  // The backend lifts its own mute, which changes nothing.
  backend.info(LvspInfo.VoiceStateUpdate, { user_id: '7', channel_id: '500', guild_id: '100', mute: false })
  assert.equal(routes(), before.routes)
  bench.input(() => assert.equal(bench.node.operator.mute({ userId: '7' }, false), 1))
  assert.equal(routes(), before.routes + 1)
})

test('after the end of a draining the node takes channels again, and closes no session', () => {
  const { bench, backend, ana } = scene()
  bench.input(now => bench.node.drain(now + 10_000, now))
  assert.equal(backend.tryJoin('9', '501', '100'), undefined)
  assert.equal(backend.infos(LvspInfo.Failure).at(-1).code, LvspFailure.Draining)
  bench.input(() => assert.equal(bench.node.operator.undrain(), true))
  bench.advance(20_000)
  bench.input(now => bench.node.measured({ eventLoopLag: 0 }, now))
  assert.equal(ana.closeCode, undefined)
  assert.ok(backend.tryJoin('9', '501', '100'))
  assert.ok(bench.node.inspect().health > 0)
  bench.input(() => assert.equal(bench.node.operator.undrain(), false))
})

test('a configured backend is shown as not connected until it connects', () => {
  const bench = new NodeBench()
  const detached = () => bench.node.inspect().backends.map(({ backend, isDetached }) => [backend, isDetached])
  assert.deepEqual(detached(), [['main', true]])
  bench.backend()
  assert.deepEqual(detached(), [['main', false]])
})
