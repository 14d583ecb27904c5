// The node with a second DAVE implementation: Discord's libdave (C++, mlspp), in calls shared with davey (Rust, OpenMLS).
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { VoiceOp } from '@parley/protocol'
import type { CallClient } from '../dave/call-client.ts'
import type { DaveyCall } from '../dave/davey-call.ts'
import type { ForeignClient } from '../dave/foreign-client.ts'
import { libdaveCalls } from '../dave/libdave-calls.ts'

const { newCall, skip, close } = libdaveCalls()
after(close)

const FRAME = Buffer.from([0xfc, 9, 8, 7, 6])

/** A call whose users joined in this order and decrypt each other. */
function callOf(...users: number[]) {
  const call = newCall()
  const clients = users.map(user => {
    const client = call.join(user)
    call.run()
    return client
  })
  call.assertConverged('at first')
  return { call, clients }
}

/** From now on only commits of this client reach the node. */
function onlyCommitter(call: DaveyCall<CallClient>, committer: CallClient): void {
  for (const client of call.clients) client.faults = client === committer ? {} : { commit: () => undefined }
}

/** Asserts that `act` leads to a new epoch with commits of this client alone. */
function commits(call: DaveyCall<CallClient>, committer: CallClient, act: () => void, what: string): void {
  const { epoch } = call.group.state
  onlyCommitter(call, committer)
  act()
  call.run(4_000)
  assert.ok(call.group.state.epoch > epoch, `${what}: no new epoch`)
  assert.ok(!call.notes.some(({ event }) => event === 'dave.recreated'), `${what}: the group had to be recreated`)
  call.assertConverged(what)
}

for (const [first, second] of [
  [2, 1],
  [1, 2],
]) {
  const [committing, joining] = first === 2 ? ['libdave', 'davey'] : ['davey', 'libdave']
  test(`${committing} creates the group, and ${joining} joins by Welcome`, { skip }, () => {
    const call = newCall()
    const founder = call.join(first!)
    call.join(second!)
    commits(call, founder, () => {}, 'founded')
    assert.equal(call.group.state.epoch, 1)
  })

  test(`${committing} adds one member of each library, removes one of each, and does both at once`, { skip }, () => {
    const { call, clients } = callOf(first!, second!, 21)
    const committer = clients[0]!
    commits(call, committer, () => [11, 12].map(user => call.join(user)), 'both added')
    const [davey, foreign] = [...call.clients].slice(-2)
    const leave = () => {
      call.leave(davey!)
      call.leave(foreign!)
    }
    commits(call, committer, leave, 'both removed')
    const change = () => {
      call.leave(clients[1]!)
      for (const user of [second!, 13, 14]) call.join(user)
    }
    commits(call, committer, change, 'one rejoined, two new')
    assert.equal(call.group.state.members, 5)
  })
}

test('a call with libdave members only converges', { skip }, () => {
  const { call, clients } = callOf(2, 4, 6)
  call.leave(clients[1]!)
  call.join(8)
  call.run()
  call.assertConverged()
})

test('twelve clients that join at once share a group in two epochs, and still do after half of them leave', {
  skip,
}, () => {
  const call = newCall()
  const clients = Array.from({ length: 12 }, (_, index) => call.join(100 + index))
  call.run()
  call.assertConverged('at once')
  assert.equal(call.group.state.epoch, 2)
  for (const client of clients.slice(3, 9)) call.leave(client)
  call.run()
  call.assertConverged('after half have left')
})

test('a member that has left and the remaining members cannot decrypt each other, with either library', {
  skip,
}, () => {
  const { call, clients } = callOf(1, 2, 3, 4)
  const [davey, foreign, ...gone] = clients
  for (const client of gone) call.leave(client)
  call.run()
  call.assertConverged()
  for (const client of gone)
    for (const other of [davey!, foreign!]) {
      assert.ok(client.decrypt(other.userId, other.encrypt(FRAME)) instanceof Error)
      assert.ok(other.decrypt(client.userId, client.encrypt(FRAME)) instanceof Error)
    }
})

test('libdave joins although a member has left since the commit was requested', { skip }, () => {
  const { call, clients } = callOf(1, 3, 5)
  const newcomer = call.join(2) as ForeignClient
  call.deliver()
  call.tick(call.group.deadline)
  call.leave(clients[1]!)
  call.run()
  assert.ok(!newcomer.said.includes(VoiceOp.DaveInvalidCommitWelcome))
  call.assertConverged()
  assert.deepEqual(call.group.state, { version: 1, epoch: 4, members: 3 })
})

test('a libdave client that remains alone creates a new group, and the next client joins it', { skip }, () => {
  const { call, clients } = callOf(2, 1)
  call.leave(clients[1]!)
  call.run()
  call.join(3)
  call.run()
  call.assertConverged()
  assert.equal(call.group.state.epoch, 1)
})

test('a libdave client that missed three epochs catches up after its resume', { skip }, () => {
  const { call, clients } = callOf(1, 2, 3)
  const away = clients[1]!
  call.drop(away)
  const visitor = call.join(4)
  call.run()
  call.leave(visitor)
  call.run()
  call.join(5)
  call.run()
  call.resume(away)
  call.run()
  call.assertConverged()
})

for (const fault of [{ breakWelcomes: 1 }, { breakCommits: 1 }])
  test(`libdave reports a message it cannot process and rejoins the group: ${Object.keys(fault)}`, { skip }, () => {
    const { call, clients } = callOf(1, 3)
    const foreign = call.join(2) as ForeignClient
    foreign.faults = { ...fault, commit: () => undefined }
    call.run()
    if ('breakCommits' in fault) call.leave(clients[1]!)
    call.run()
    assert.equal(foreign.said.filter(op => op === VoiceOp.DaveInvalidCommitWelcome).length, 1)
    call.assertConverged()
  })

test('libdave downgrades for a client without DAVE and upgrades after it leaves', { skip }, () => {
  const { call } = callOf(1, 2, 4)
  const old = call.join(6, 0)
  call.run()
  assert.equal(call.group.state.version, 0)
  call.assertHeard('unencrypted')
  call.leave(old)
  call.run(10_000)
  call.assertConverged('encrypted again')
})
