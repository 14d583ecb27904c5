// What one member of a DAVE call may send: floods, resets without end, key packages of others and oversized ones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { snowflakeBytes, VoiceOp } from '@parley/protocol'
import davey from '@snazzah/davey'
import { CHANNEL, DaveyCall } from '../dave/davey-call.ts'
import { forgeKeyPackage } from '../dave/forged.ts'

const strikesOf = (call: DaveyCall, user: string) =>
  call.group.inspect().users.find(({ userId }) => userId === user)?.strikes ?? 0

test('the key package of another user closes the connection that sent it', () => {
  const call = new DaveyCall()
  const [ana] = [1, 2].map(user => call.join(user))
  call.run()
  const stolen = new davey.DAVESession(1, '2', CHANNEL).getSerializedKeyPackage()
  call.group.keyPackage(ana!, stolen, call.now)
  call.tick(call.now)
  assert.deepEqual(
    call.closed.map(({ userId, code }) => [userId, code]),
    [['1', 4020]],
  )
})

test('a key package with tens of thousands of capabilities closes its sender, and the group continues', () => {
  const call = new DaveyCall()
  const clients = [1, 2, 3].map(user => call.join(user))
  call.run()
  let longest = 0
  for (const { faults } of clients)
    faults.commit = payload => {
      longest = Math.max(longest, payload.length)
      return payload
    }
  const mallory = call.join(4)
  mallory.faults.silent = new Set([VoiceOp.DaveKeyPackage])
  call.deliver()
  call.group.keyPackage(mallory, forgeKeyPackage(snowflakeBytes('4')!, 120_000), call.now)
  call.run()
  call.join(5)
  call.run()
  assert.deepEqual(
    call.closed.map(({ userId, code }) => [userId, code]),
    [['4', 4020]],
  )
  assert.ok(longest > 0 && longest < 4_096)
  call.assertConverged()
})

test('a flood of key packages closes the connection with 4021', () => {
  const call = new DaveyCall()
  const [ana] = [1, 2, 3].map(user => call.join(user))
  call.run()
  for (let count = 0; count < 12; count++)
    call.group.keyPackage(ana!, ana!.library!.getSerializedKeyPackage(), call.now)
  call.tick(call.now)
  assert.deepEqual(
    call.closed.map(({ code }) => code),
    [4021],
  )
  call.run()
  call.assertConverged()
})

test('a flood of commits closes the connection with 4021', () => {
  const call = new DaveyCall()
  const [ana] = [1, 2, 3].map(user => call.join(user))
  call.run()
  for (let count = 0; count < 12; count++) call.group.commitWelcome(ana!, new Uint8Array(100), call.now)
  call.tick(call.now)
  assert.deepEqual(
    call.closed.map(({ code }) => code),
    [4021],
  )
})

test('a flood of Invalid Commit Welcome reports closes the connection with 4020', () => {
  const call = new DaveyCall()
  const [ana] = [1, 2, 3].map(user => call.join(user))
  call.run()
  for (let count = 0; count < 6; count++) call.group.invalid(ana!, 1, call.now)
  call.tick(call.now)
  assert.deepEqual(
    call.closed.map(({ code }) => code),
    [4020],
  )
  call.run()
  call.assertConverged()
})

test('a member that selects its protocol again keeps its strikes and its limits', () => {
  const call = new DaveyCall()
  const [mallory] = [1, 2, 3].map(user => call.join(user))
  call.run()
  mallory!.faults.commit = payload => payload.subarray(0, -1)
  call.join(4)
  call.run()
  assert.equal(strikesOf(call, '1'), 1)
  for (let count = 0; count < 6; count++) {
    assert.deepEqual([strikesOf(call, '1'), call.closed], [1, []])
    call.describe(mallory!)
    call.group.invalid(mallory!, 0, call.now)
    call.tick(call.now)
  }
  assert.deepEqual(
    call.closed.map(({ userId, code }) => [userId, code]),
    [['1', 4020]],
  )
  call.run()
  call.assertConverged()
})

test('a member that selects its protocol again and again is closed, and the other one starts over ten times at most', () => {
  const call = new DaveyCall()
  const [mallory, ben] = [1, 2].map(user => call.join(user))
  call.run()
  for (let count = 0; count < 20 && call.closed.length === 0; count++) {
    call.describe(mallory!)
    call.tick(call.now)
  }
  assert.deepEqual(
    call.closed.map(({ userId, code }) => [userId, code]),
    [['1', 4021]],
  )
  call.deliver()
  const resets = ben!.seen.filter(op => op === '24').length
  assert.ok(resets > 0 && resets <= 12, `${resets}`)
})

test('members that reset themselves in turn and send no key package delay a batch once', () => {
  const call = new DaveyCall()
  const [a, b, c] = [1, 2, 3, 4, 5].map(user => call.join(user))
  call.run()
  const start = call.now
  const dan = call.join(6)
  call.deliver()
  for (let turn = 0; turn < 9; turn++) {
    call.group.invalid([a!, b!, c!][turn % 3]!, 0, call.now)
    for (const until = call.now + 200; call.now < until; ) {
      call.tick(Math.min(until, Math.max(call.now + 1, call.group.deadline)))
      call.deliver()
    }
    if (dan.seen.includes('30')) break
  }
  assert.ok(call.now - start <= 600, `${call.now - start}`)
})

test('late messages for an old group are ignored', () => {
  const call = new DaveyCall()
  const [ana, ben, cyn] = [1, 2, 3].map(user => call.join(user))
  call.run()
  let late: Buffer | undefined
  ana!.faults.commit = payload => {
    late = payload
    return undefined
  }
  call.leave(cyn!)
  call.run(300)
  call.leave(ben!)
  ana!.faults = {}
  call.run()
  call.group.commitWelcome(ana!, late!, call.now)
  call.group.ready(ana!, 1, call.now)
  call.join(4)
  call.run()
  call.assertConverged()
})
