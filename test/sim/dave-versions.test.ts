// DAVE with clients that do not support it, or claim to and do not: downgrades, upgrades, channels that require DAVE.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceOp } from '@parley/protocol'
import type { DavePolicy } from '../../packages/core/src/dave/version.ts'
import { LIMITS } from '../../packages/core/src/limits.ts'
import { DaveyCall } from '../dave/davey-call.ts'

function callOf(count: number, policy: DavePolicy = 'allowed') {
  const call = new DaveyCall({ policy })
  const clients = Array.from({ length: count }, (_, index) => call.join(1_000 + index))
  call.run()
  return { call, clients }
}

const opcodesAfter = (seen: readonly string[], from: number) =>
  seen.slice(from).filter(op => op !== '11' && op !== '13')

test('when a client without DAVE joins, the members prepare, report ready and send unencrypted', () => {
  const { call, clients } = callOf(3)
  const before = clients[0]!.seen.length
  const old = call.join(9_000, 0)
  assert.equal(call.group.state.version, 1, 'not before the others are ready')
  call.run()
  assert.deepEqual(opcodesAfter(clients[0]!.seen, before), ['21', '22'])
  assert.deepEqual(old.seen, ['4', '11'])
  assert.equal(call.group.state.version, 0)
  call.assertHeard()
})

test('two seconds after the last client without DAVE leaves, the call is encrypted again', () => {
  const { call, clients } = callOf(3)
  const old = call.join(9_000, 0)
  call.run()
  const before = clients[0]!.seen.length
  call.leave(old)
  call.run(1_900)
  assert.deepEqual(opcodesAfter(clients[0]!.seen, before), [])
  call.run()
  assert.deepEqual(opcodesAfter(clients[0]!.seen, before).slice(0, 2), ['24', '27'])
  call.assertConverged()
})

test('of two clients without DAVE, the last to leave triggers the upgrade', () => {
  const { call } = callOf(2)
  const old = [call.join(9_000, 0), call.join(9_001, 0)]
  call.run()
  call.leave(old[0]!)
  call.run()
  assert.equal(call.group.state.version, 0)
  call.leave(old[1]!)
  call.run()
  call.assertConverged()
})

test('when the client without DAVE leaves during the downgrade, the downgrade is executed before the upgrade', () => {
  const { call, clients } = callOf(3)
  clients[1]!.faults.silent = new Set([VoiceOp.DaveTransitionReady])
  const old = call.join(9_000, 0)
  call.run(100)
  call.leave(old)
  call.run()
  clients[1]!.faults = {}
  call.run()
  const seen = clients[0]!.seen.join(' ')
  assert.match(seen, /21 (1[13] )*22 .*24/)
  call.assertConverged()
})

test('a call that started unencrypted is encrypted once all members support DAVE', () => {
  const call = new DaveyCall()
  const old = call.join(9_000, 0)
  const ana = call.join(1)
  call.join(2)
  call.run()
  assert.deepEqual(ana.seen, ['4', '11', '11'])
  assert.equal(call.group.state.version, 0)
  call.leave(old)
  call.run()
  // The client creates its DAVE session on Prepare Epoch, so the external sender must follow it.
  assert.deepEqual(opcodesAfter(ana.seen, 1).slice(0, 2), ['24', '25'])
  call.assertConverged()
})

test('the last member of an unencrypted call is upgraded at once, and the next client joins its group', () => {
  const call = new DaveyCall()
  const old = call.join(9_000, 0)
  const ana = call.join(1)
  call.leave(old)
  call.run()
  assert.deepEqual(opcodesAfter(ana.seen, 0), ['4', '24', '25', '21'])
  assert.equal(call.group.state.version, 1)
  call.join(2)
  call.run()
  call.assertConverged()
})

test('a client that joins in the two seconds before an upgrade is upgraded with the others', () => {
  const { call } = callOf(2)
  const old = call.join(9_000, 0)
  call.run()
  call.leave(old)
  call.run(1_000)
  const late = call.join(3)
  assert.equal(late.inbox.length > 0, true)
  call.run()
  call.assertConverged()
})

test('a client that never sends its key package is treated as a client without DAVE', () => {
  const { call } = callOf(2)
  const mute = call.join(9_000)
  mute.outbox.length = 0
  mute.faults.silent = new Set([VoiceOp.DaveKeyPackage])
  call.run(4_900)
  assert.equal(call.group.state.version, 1)
  call.run(3_000)
  assert.equal(call.group.state.version, 0)
  call.run(60_000)
  assert.equal(call.group.state.version, 0, 'the downgrade persists')
  call.leave(mute)
  call.run()
  call.assertConverged()
})

test('where DAVE is required, a client that sends no key package is closed with 4017, and the call continues', () => {
  const { call } = callOf(2, 'required')
  const mute = call.join(9_000)
  mute.faults.silent = new Set([VoiceOp.DaveKeyPackage])
  call.run(6_000)
  assert.deepEqual(
    call.closed.map(({ userId, code }) => [userId, code]),
    [['9000', 4017]],
  )
  call.assertConverged()
})

test('where DAVE is required, a client without it is rejected', () => {
  const { call } = callOf(2, 'required')
  assert.ok(!call.group.admits(0))
  assert.ok(call.group.admits(1))
  call.join(9_000, 0)
  assert.deepEqual(
    call.closed.map(({ userId, code }) => [userId, code]),
    [['9000', 4017]],
  )
  call.run()
  call.assertConverged()
})

test('where DAVE is off, clients receive no DAVE messages', () => {
  const { call, clients } = callOf(3, 'off')
  for (const client of clients) assert.deepEqual(opcodesAfter(client.seen, 0), ['4'])
  assert.deepEqual(call.group.state, { version: 0, epoch: 0, members: 0 })
  assert.equal(call.group.deadline, Infinity)
  call.assertHeard()
})

test('a channel may turn DAVE off and on again', () => {
  const { call } = callOf(3)
  call.group.setPolicy('off', call.now)
  call.run()
  assert.equal(call.group.state.version, 0)
  call.assertHeard()
  call.group.setPolicy('allowed', call.now)
  call.run()
  call.assertConverged()
})

test('a channel that starts to require DAVE closes the clients without it', () => {
  const { call } = callOf(2)
  const old = call.join(9_000, 0)
  call.run()
  call.group.setPolicy('required', call.now)
  call.tick(call.now)
  assert.deepEqual(
    call.closed.map(({ userId, code }) => [userId, code]),
    [[old.userId, 4017]],
  )
  call.run()
  call.assertConverged()
})

test('a group that fails repeatedly is abandoned and retried after a minute', () => {
  const { call, clients } = callOf(3)
  for (const client of clients) client.faults.commit = () => undefined
  call.join(9_000)
  call.run(40_000)
  assert.equal(call.group.state.version, 0)
  assert.ok(call.notes.some(({ event }) => event === 'dave.downgraded'))
  call.assertHeard('unencrypted')
  for (const client of clients) client.faults = {}
  call.run(61_000)
  call.assertConverged('retried')
})

test('where DAVE is required, a group that fails repeatedly ends the call', () => {
  const { call, clients } = callOf(3, 'required')
  for (const client of clients) client.faults.commit = () => undefined
  call.join(9_000)
  const silent = [...call.clients].at(-1)!
  silent.faults.commit = () => undefined
  call.run(60_000)
  assert.deepEqual(new Set(call.closed.map(({ code }) => code)), new Set([4015]))
  assert.equal(call.clients.size, 0)
})

test('a user whose id does not fit into 64 bits takes no part in DAVE', () => {
  const { call } = callOf(2)
  call.join('99999999999999999999')
  call.run()
  assert.equal(call.group.state.version, 0)
})

test('sealed frames are not forwarded to clients that cannot open them, in channels that may have a group', () => {
  const { call, clients } = callOf(2)
  const old = call.join(9_000, 0)
  assert.ok(old.refusesSealed)
  assert.ok(!clients[0]!.refusesSealed)
  const plain = new DaveyCall()
  assert.ok([1, 2, 3].every(user => !plain.join(user, 0).refusesSealed))
  const off = new DaveyCall({ policy: 'off' })
  assert.ok([1, 2, 3].every(user => !off.join(user).refusesSealed))
})

/** A call of clients that have not answered yet, which is enough to count them. */
function crowd(count: number, policy: DavePolicy = 'allowed') {
  const call = new DaveyCall({ policy })
  const clients = Array.from({ length: count }, (_, index) => call.join(1_000 + index))
  return { call, clients }
}

test('a call with more members than a group may have is not encrypted until it has fewer, for a minute at least', () => {
  const { call, clients } = crowd(LIMITS.daveMembers)
  assert.deepEqual([call.group.state.version, call.group.inspect().target], [1, 1])
  const start = call.now
  const late = call.join(9_000)
  assert.deepEqual(late.inbox[0], { op: VoiceOp.SessionDescription, data: { dave_protocol_version: 0 } })
  call.tick(start + LIMITS.daveTransitionTimeout)
  assert.deepEqual([call.group.state.version, call.group.inspect().target], [0, 0])
  call.leave(clients[0]!)
  call.tick(start + LIMITS.daveRetryDelay - 1)
  assert.equal(call.group.inspect().target, 0)
  call.tick(start + LIMITS.daveRetryDelay)
  assert.equal(call.group.inspect().target, 1)
  assert.deepEqual(call.closed, [])
})

test('where DAVE is required, a member that one group has no place for is closed with 4017', () => {
  const { call } = crowd(LIMITS.daveMembers, 'required')
  call.join(9_000)
  assert.deepEqual(
    call.closed.map(({ userId, code }) => [userId, code]),
    [['9000', 4017]],
  )
  assert.equal(call.group.inspect().target, 1)
})

test('when the backend requires DAVE in a call that is too large, the latest members are closed with 4017', () => {
  const { call } = crowd(LIMITS.daveMembers + 2)
  call.group.setPolicy('required', call.now)
  call.tick(call.now)
  assert.deepEqual(
    call.closed.map(({ userId, code }) => [userId, code]),
    [
      [String(1_000 + LIMITS.daveMembers), 4017],
      [String(1_001 + LIMITS.daveMembers), 4017],
    ],
  )
})
