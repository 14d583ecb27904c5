// DAVE over lost connections: messages that did not reach the client and messages that did not reach the node.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceOp } from '@parley/protocol'
import { DaveyCall } from '../dave/davey-call.ts'
import type { DaveyClient } from '../dave/davey-client.ts'

function callOf(count: number) {
  const call = new DaveyCall()
  const clients = Array.from({ length: count }, (_, index) => call.join(1_000 + index))
  call.run()
  call.assertConverged('at first')
  return { call, clients }
}

const receiveAll = (client: DaveyClient) => {
  while (client.inbox.length > 0) client.receive()
}

/** A call whose only member receives a second Prepare Epoch before it has answered the first. */
function askedTwice() {
  const { call, clients } = callOf(2)
  const [ana, ben] = clients
  call.leave(ben!)
  receiveAll(ana!)
  call.group.setPolicy('off', call.now)
  call.group.setPolicy('allowed', call.now)
  call.tick(call.now + 2_000)
  call.tick(call.now + 2_000)
  assert.equal(ana!.inbox.filter(({ op }) => op === VoiceOp.DavePrepareEpoch).length, 1)
  assert.equal(ana!.outbox.filter(({ op }) => op === VoiceOp.DaveKeyPackage).length, 1)
  return { call, ana: ana! }
}

test('a client that missed Session Description starts with the replayed one and receives no Prepare Epoch', () => {
  const { call } = callOf(2)
  const dan = call.join(9_000)
  call.drop(dan)
  call.run()
  call.resume(dan)
  call.run()
  call.assertConverged()
  assert.deepEqual([dan.seen.filter(op => op === '24').length, dan.invalids], [0, 0])
})

test('a key package from before a Prepare Epoch is not proposed, because its client could not use the Welcome', () => {
  const { call, ana } = askedTwice()
  call.send(ana)
  const ben = call.join(9_000)
  receiveAll(ben)
  while (ben.outbox.length > 0) call.send(ben)
  call.tick(call.now + 1_000)
  assert.ok(!ben.inbox.some(({ op }) => op === VoiceOp.DaveProposals))
  call.run()
  call.assertConverged()
  assert.deepEqual([ana.invalids, ben.invalids, call.group.state.epoch], [0, 0, 1])
})

test('a client that answers only one of two Prepare Epochs still joins the group', () => {
  const { call, ana } = askedTwice()
  ana.outbox.length = 0
  const ben = call.join(9_000)
  call.run(10_000)
  call.assertConverged()
  assert.equal(ben.version, 1)
})

test('a client that answered one of two Prepare Epochs is not asked to wait at its next reset', () => {
  const { call, ana } = askedTwice()
  ana.outbox.length = 0
  call.join(9_000)
  call.run(10_000)
  call.assertConverged()
  ana.recover(0)
  call.run(1_000)
  call.assertConverged('a second after its reset')
})

test('a client to which version 0 and then Prepare Epoch are replayed answers once, and joins at once', () => {
  const call = new DaveyCall()
  call.join(1)
  const old = call.join(2, 0)
  call.run()
  const dan = call.join(3)
  call.drop(dan)
  call.leave(old)
  call.run()
  call.resume(dan)
  call.run(1_000)
  assert.deepEqual(
    dan.seen.filter(op => op === '4' || op === '24'),
    ['4', '24'],
  )
  call.assertConverged('a second after its resume')
})

test('a client whose Invalid Commit Welcome was lost with its connection rejoins the group after the resume', () => {
  for (const isWelcome of [true, false]) {
    const { call, clients } = callOf(3)
    const dan = call.join(9_000)
    const victim = isWelcome ? dan : clients[1]!
    victim.faults = isWelcome ? { breakWelcomes: 1 } : { breakCommits: 1 }
    call.deliver()
    call.tick(call.group.deadline)
    // Every member answers the proposals; the node sends the commit and its Welcome.
    for (const client of clients) receiveAll(client)
    call.send(clients[0]!)
    receiveAll(victim)
    assert.equal(victim.invalids, 1)
    call.drop(victim)
    call.join(9_001)
    call.run()
    call.assertConverged('without the victim')
    call.resume(victim)
    call.run()
    call.assertConverged('with the victim again')
  }
})

test('a client that loses its connection during a transition is in the group after its resume', () => {
  const { call, clients } = callOf(3)
  call.join(9_000)
  call.deliver()
  call.tick(call.group.deadline)
  for (const client of clients) receiveAll(client)
  call.send(clients[0]!)
  call.drop(clients[1]!)
  call.resume(clients[1]!)
  call.run()
  call.assertConverged()
  assert.deepEqual(
    clients.map(({ invalids }) => invalids),
    [0, 0, 0],
  )
})

test('a commit from a member that has since reported its leaf invalid is no strike', () => {
  const { call, clients } = callOf(3)
  const [ana] = clients
  call.join(9_000)
  call.deliver()
  call.tick(call.group.deadline)
  receiveAll(ana!)
  const [commit] = ana!.outbox.splice(0)
  ana!.recover(1)
  while (ana!.outbox.length > 0) call.send(ana!)
  ana!.outbox.push(commit!)
  call.run()
  call.assertConverged()
  const { users } = call.group.inspect()
  assert.ok(users.every(({ strikes }) => strikes === 0))
})
