// DAVE scenarios: a channel's group with clients of the real library that join, leave and fail.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, decodeTransition, ReferenceLabel, referencedBytes, VoiceOp } from '@parley/protocol'
import { readWelcome } from '../../packages/protocol/src/dave/mls-message.ts'
import { nodeCrypto } from '../../packages/server/src/crypto.ts'
import { DaveyCall } from '../dave/davey-call.ts'

const users = (count: number) => Array.from({ length: count }, (_, index) => 1_000 + index)

/** A call whose clients already decrypt each other. */
function callOf(count: number) {
  const call = new DaveyCall()
  const clients = users(count).map(user => call.join(user))
  call.run()
  call.assertConverged('at first')
  return { call, clients }
}

test('the first client receives version 1 and waits', () => {
  const call = new DaveyCall()
  const ana = call.join(1)
  call.run()
  assert.deepEqual(call.group.state, { version: 1, epoch: 0, members: 0 })
  assert.deepEqual(ana.seen, ['4', '25', '11'])
  assert.equal(call.group.deadline, Infinity)
})

test('a second and a third client join, and all decrypt each other', () => {
  const call = new DaveyCall()
  for (const user of [1, 2, 3]) {
    call.join(user)
    call.run()
    call.assertConverged(`after ${user}`)
  }
  assert.equal(call.group.state.epoch, 2)
})

test('ten clients that join at once take two epochs', () => {
  const { call } = callOf(10)
  assert.equal(call.group.state.epoch, 2)
})

test('a member that has left can no longer decrypt', () => {
  const { call, clients } = callOf(3)
  const [ana, , cyn] = clients
  call.leave(cyn!)
  call.run()
  call.assertConverged()
  const sealed = ana!.encrypt(Buffer.from([0xfc, 1, 2, 3]))
  assert.ok(cyn!.decrypt(ana!.userId, sealed) instanceof Error)
})

test('concurrent leaves and joins share one epoch', () => {
  const { call, clients } = callOf(4)
  const { epoch } = call.group.state
  call.leave(clients[1]!)
  call.join(2_000)
  call.leave(clients[2]!)
  call.join(2_001)
  call.join(2_002)
  call.run()
  call.assertConverged()
  assert.equal(call.group.state.epoch, epoch + 1)
})

test('a call shrinks to two, grows again, and leaf positions are reused', () => {
  const { call, clients } = callOf(6)
  for (const client of [clients[0]!, clients[2]!, clients[4]!, clients[5]!]) {
    call.leave(client)
    call.run()
    call.assertConverged(`without ${client.userId}`)
  }
  for (const user of users(9).slice(6)) call.join(user)
  call.run()
  call.assertConverged('grown')
})

test('the last remaining member creates a new group, which the next client joins', () => {
  const { call, clients } = callOf(2)
  call.leave(clients[0]!)
  call.run()
  assert.deepEqual(clients[1]!.seen.slice(-2), ['24', '21'])
  assert.deepEqual(call.group.state, { version: 1, epoch: 0, members: 0 })
  call.join(3_000)
  call.run()
  call.assertConverged()
})

test('a user rejoins with a new session before the old leaf is removed', () => {
  const { call, clients } = callOf(3)
  call.leave(clients[1]!)
  call.join(clients[1]!.userId)
  call.run()
  call.assertConverged()
})

test('a user rejoins between proposals and commit', () => {
  for (const steps of [1, 2, 3, 4, 5, 6]) {
    const { call, clients } = callOf(3)
    const dan = call.join(9_000)
    call.deliver()
    call.tick(call.group.deadline)
    for (let step = 0; step < steps; step++) for (const client of clients) client.inbox.length > 0 && client.receive()
    for (const client of clients.slice(0, steps % 3)) call.send(client)
    call.leave(dan)
    call.join(9_000)
    call.run()
    call.assertConverged(`after ${steps} steps`)
  }
})

test('a proposed member leaves before any commit', () => {
  const { call, clients } = callOf(3)
  const dan = call.join(9_000)
  call.deliver()
  call.tick(call.group.deadline)
  call.leave(dan)
  call.run()
  call.assertConverged()
  assert.equal(clients.length, 3)
})

test('one of the first two members leaves before either commits', () => {
  for (const others of [0, 1, 4]) {
    const call = new DaveyCall()
    const [ana] = [1, 2, ...users(others)].map(user => call.join(user))
    call.deliver()
    call.tick(call.group.deadline)
    call.leave(ana!)
    call.run()
    call.assertConverged(`with ${others} others`)
    call.join(5_000)
    call.run()
    call.assertConverged(`with ${others} others and a newcomer`)
  }
})

test('of concurrent commits the first wins, and the others are no strikes', () => {
  const { call, clients } = callOf(5)
  call.join(9_000)
  call.run()
  call.assertConverged()
  assert.equal(call.notes.filter(({ event }) => event === 'dave.commit_refused').length, 0)
  assert.ok(clients.every(client => client.invalids === 0))
})

test('when the expected committer crashes, the commit of another member is accepted', () => {
  const { call, clients } = callOf(4)
  clients[0]!.faults.commit = () => undefined
  call.join(9_000)
  call.deliver()
  call.tick(call.group.deadline)
  call.leave(clients[0]!)
  call.run()
  call.assertConverged()
})

test('the commit of a member that crashes right after it stays valid, and the next commit removes that member', () => {
  const { call, clients } = callOf(4)
  const { epoch } = call.group.state
  call.join(9_000)
  call.deliver()
  call.tick(call.group.deadline)
  clients[0]!.receive()
  clients[0]!.receive()
  call.send(clients[0]!)
  assert.equal(call.group.state.epoch, epoch + 1)
  call.leave(clients[0]!)
  call.run()
  call.assertConverged()
  assert.equal(call.group.state.epoch, epoch + 2)
})

test('the Welcome of each joining member contains only the secret of that member', () => {
  const { call } = callOf(2)
  const newcomers = [9_000, 9_001, 9_002].map(user => call.join(user))
  const keyPackages = newcomers.map(client => {
    while (client.inbox.length > 0) client.receive()
    return (client.outbox.find(({ op }) => op === VoiceOp.DaveKeyPackage) as { payload: Uint8Array }).payload
  })
  const welcomes: Uint8Array[] = []
  for (const [index, client] of newcomers.entries()) {
    const send = client.sendBinary.bind(client)
    client.sendBinary = (op, payload) => {
      if (op === VoiceOp.DaveWelcome) welcomes[index] = payload
      send(op, payload)
    }
  }
  call.run()
  call.assertConverged()
  for (const [index, welcome] of welcomes.entries()) {
    const { secrets } = readWelcome(new ByteReader(decodeTransition(welcome).body))
    const expected = nodeCrypto.sha256(referencedBytes(ReferenceLabel.KeyPackage, keyPackages[index]!))
    assert.deepEqual(
      secrets.map(({ reference }) => Buffer.from(reference).toString('hex')),
      [Buffer.from(expected).toString('hex')],
    )
  }
  assert.equal(welcomes.length, 3)
})

test('without a commit, all members create a new group after five seconds', () => {
  const { call, clients } = callOf(3)
  for (const client of clients) client.faults.commit = () => undefined
  call.join(9_000)
  call.run(5_000)
  for (const client of clients) client.faults = {}
  call.run()
  call.assertConverged()
  assert.ok(clients.every(client => client.seen.includes('24')))
})

test('a detached session does not delay a transition and catches up in order after its resume', () => {
  for (const epochs of [0, 1, 2]) {
    const { call, clients } = callOf(3)
    call.drop(clients[2]!)
    for (let joined = 0; joined < epochs; joined++) {
      call.join(9_000 + joined)
      call.run()
      call.assertConverged(`away, ${joined + 1} joined`)
    }
    call.resume(clients[2]!)
    call.run()
    call.assertConverged(`back after ${epochs} epochs`)
  }
})

test('a key package that was lost with the connection is requested again', () => {
  const { call } = callOf(2)
  const dan = call.join(9_000)
  while (dan.inbox.length > 0) dan.receive()
  call.drop(dan)
  call.run(10_000)
  call.resume(dan)
  call.run()
  call.assertConverged()
})

test('when all members that could commit lose their connections, the others create a new group', () => {
  const { call, clients } = callOf(2)
  call.drop(clients[0]!)
  call.drop(clients[1]!)
  call.join(9_000)
  call.join(9_001)
  call.run()
  call.assertConverged()
  call.resume(clients[0]!)
  call.resume(clients[1]!)
  call.run(20_000)
  call.assertConverged('all back')
})

test('a member that cannot process its Welcome reports it and receives another', () => {
  const { call } = callOf(3)
  const dan = call.join(9_000)
  dan.faults.breakWelcomes = 1
  call.run()
  assert.equal(dan.invalids, 1)
  call.assertConverged()
})

test('a member that cannot process a commit reports it, and one commit removes and re-adds it', () => {
  const { call, clients } = callOf(4)
  clients[3]!.faults.breakCommits = 1
  const { epoch } = call.group.state
  call.join(9_000)
  call.run()
  assert.equal(clients[3]!.invalids, 1)
  call.assertConverged()
  assert.equal(call.group.state.epoch, epoch + 2)
})

test('when no member can process a commit, all members create a new group', () => {
  const { call, clients } = callOf(3)
  for (const client of clients) client.faults.breakCommits = 1
  const dan = call.join(9_000)
  dan.faults.breakWelcomes = 1
  call.run()
  call.assertConverged()
  assert.ok(call.notes.some(({ event }) => event === 'dave.recreated'))
})

test('an Invalid Commit Welcome with an old transition id is accepted', () => {
  const { call, clients } = callOf(3)
  call.join(9_000)
  call.run()
  clients[1]!.recover(1)
  call.run()
  call.assertConverged()
})

test('a transition waits at most two seconds for members that are not ready', () => {
  const { call, clients } = callOf(3)
  clients[1]!.faults.silent = new Set([VoiceOp.DaveTransitionReady])
  call.join(9_000)
  call.run(100)
  assert.equal(clients[0]!.seen.at(-1), '29')
  call.run(1_900)
  assert.equal(clients[0]!.seen.at(-1), '29')
  call.run(150)
  assert.equal(clients[0]!.seen.at(-1), '22')
  call.assertConverged()
})

test('a transition no longer waits for a member that leaves', () => {
  const { call, clients } = callOf(4)
  clients[1]!.faults.silent = new Set([VoiceOp.DaveTransitionReady])
  call.join(9_000)
  call.run(100)
  call.leave(clients[1]!)
  call.deliver()
  assert.ok(clients[0]!.seen.slice(-2).includes('22'))
  call.run()
  call.assertConverged()
})

test('unknown transition ids change nothing', () => {
  const { call, clients } = callOf(2)
  for (const id of [0, 2, 65_535]) call.group.ready(clients[0]!, id, call.now)
  call.run()
  call.assertConverged()
})

test('a session that receives a second Session Description rejoins from scratch with the same user id', () => {
  const { call, clients } = callOf(3)
  const [ana] = clients
  const version = call.group.join(ana!, 1, call.now)
  ana!.sendText(VoiceOp.SessionDescription, JSON.stringify({ dave_protocol_version: version }))
  call.group.joined(ana!)
  call.run()
  call.assertConverged()
})
