// DAVE with clients that do not speak it, or claim to and do not: downgrades, upgrades, and channels that insist.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceOp } from '@parley/protocol'
import type { DavePolicy } from '../../packages/core/src/dave/policy.ts'
import { DaveyCall } from '../dave/davey-call.ts'

function callOf(count: number, policy: DavePolicy = 'allowed') {
  const call = new DaveyCall({ policy })
  const clients = Array.from({ length: count }, (_, index) => call.join(1_000 + index))
  call.run()
  return { call, clients }
}

const opcodesAfter = (seen: readonly string[], from: number) =>
  seen.slice(from).filter(op => op !== '11' && op !== '13')

test('a client without DAVE joins: everyone prepares, is ready, and sends in the clear', () => {
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

test('it leaves: two seconds later the call is encrypted again', () => {
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

test('of two without DAVE, the last to leave brings it back', () => {
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

test('it leaves while the others still prepare: the downgrade is executed first', () => {
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

test('a call that began in the clear is encrypted once everyone can', () => {
  const call = new DaveyCall()
  const old = call.join(9_000, 0)
  const ana = call.join(1)
  call.join(2)
  call.run()
  assert.deepEqual(ana.seen, ['4', '11', '11'])
  assert.equal(call.group.state.version, 0)
  call.leave(old)
  call.run()
  // Its client makes a DAVE session when it hears of the epoch, so the external sender comes after.
  assert.deepEqual(opcodesAfter(ana.seen, 1).slice(0, 2), ['24', '25'])
  call.assertConverged()
})

test('whoever remains alone of such a call is encrypted at once, and the next one joins it', () => {
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

test('a newcomer in the two seconds before an upgrade is upgraded with the others', () => {
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

test('a client that never sends its key package counts as one without DAVE', () => {
  const { call } = callOf(2)
  const mute = call.join(9_000)
  mute.outbox.length = 0
  mute.faults.silent = new Set([VoiceOp.DaveKeyPackage])
  call.run(4_900)
  assert.equal(call.group.state.version, 1)
  call.run(3_000)
  assert.equal(call.group.state.version, 0)
  call.run(60_000)
  assert.equal(call.group.state.version, 0, 'it lasts')
  call.leave(mute)
  call.run()
  call.assertConverged()
})

test('where DAVE is required, such a client is closed with 4017, and the others go on', () => {
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

test('where DAVE is required, a client without it is not admitted', () => {
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

test('where DAVE is off, nobody hears of it', () => {
  const { call, clients } = callOf(3, 'off')
  for (const client of clients) assert.deepEqual(opcodesAfter(client.seen, 0), ['4'])
  assert.deepEqual(call.group.state, { version: 0, epoch: 0, members: 0 })
  assert.equal(call.group.deadline, Infinity)
  call.assertHeard()
})

test('a channel may change its mind: off, and on again', () => {
  const { call } = callOf(3)
  call.group.setPolicy('off', call.now)
  call.run()
  assert.equal(call.group.state.version, 0)
  call.assertHeard()
  call.group.setPolicy('allowed', call.now)
  call.run()
  call.assertConverged()
})

test('a channel that starts to require DAVE closes who cannot', () => {
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

test('groups that fail again and again are given up, and tried again after a minute', () => {
  const { call, clients } = callOf(3)
  for (const client of clients) client.faults.commit = () => undefined
  call.join(9_000)
  call.run(40_000)
  assert.equal(call.group.state.version, 0)
  assert.ok(call.notes.some(({ event }) => event === 'dave.downgraded'))
  call.assertHeard('in the clear')
  for (const client of clients) client.faults = {}
  call.run(61_000)
  call.assertConverged('tried again')
})

test('where DAVE is required, groups that fail again and again end the call', () => {
  const { call, clients } = callOf(3, 'required')
  for (const client of clients) client.faults.commit = () => undefined
  call.join(9_000)
  const silent = [...call.clients].at(-1)!
  silent.faults.commit = () => undefined
  call.run(60_000)
  assert.deepEqual(new Set(call.closed.map(({ code }) => code)), new Set([4015]))
  assert.equal(call.clients.size, 0)
})

test('a user whose id does not fit takes no part', () => {
  const { call } = callOf(2)
  call.join('99999999999999999999')
  call.run()
  assert.equal(call.group.state.version, 0)
})

test('sealed frames are kept from whoever cannot open them, and only where there may be any', () => {
  const { call, clients } = callOf(2)
  const old = call.join(9_000, 0)
  assert.ok(old.refusesSealed)
  assert.ok(!clients[0]!.refusesSealed)
  const plain = new DaveyCall()
  assert.ok([1, 2, 3].every(user => !plain.join(user, 0).refusesSealed))
  const off = new DaveyCall({ policy: 'off' })
  assert.ok([1, 2, 3].every(user => !off.join(user).refusesSealed))
})
