// DAVE with malicious members: tampered commits, stolen key packages, floods of messages.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ByteWriter, decodeCommitWelcome } from '@parley/protocol'
import davey from '@snazzah/davey'
import { CHANNEL, DaveyCall } from '../dave/davey-call.ts'

/** A commit split far enough to rebuild it with changes. */
interface Parts {
  groupId: Uint8Array
  epoch: bigint
  leafIndex: number
  authenticatedData: Uint8Array
  proposals: Uint8Array[]
  /** From the path to the membership tag. */
  rest: Uint8Array
  welcome: Uint8Array
}

const reference = (hash: Uint8Array) => new ByteWriter().u8(2).vector(hash).bytes()

function takeApart(payload: Uint8Array): Parts {
  const { commit } = decodeCommitWelcome(payload)
  const reader = new ByteReader(commit.bytes)
  reader.take(28)
  reader.vector()
  const proposals = commit.proposals.map(proposal => reference((proposal as { reference: Uint8Array }).reference))
  return { ...commit, proposals, rest: reader.take(reader.remaining), welcome: payload.subarray(commit.bytes.length) }
}

const putTogether = (parts: Parts) =>
  Buffer.from(
    new ByteWriter()
      .u32(0x0001_0001)
      .vector(parts.groupId)
      .u64(parts.epoch)
      .u8(1)
      .u32(parts.leafIndex)
      .vector(parts.authenticatedData)
      .u8(3)
      .vectorOf(parts.proposals)
      .raw(parts.rest)
      .raw(parts.welcome)
      .bytes(),
  )

const rebuilt = (change: (parts: Parts) => Partial<Parts>) => (payload: Buffer) => {
  const parts = takeApart(payload)
  return putTogether({ ...parts, ...change(parts) })
}

/** Changes one byte of a field, which is a view of the payload. */
const flipped = (field: (message: ReturnType<typeof decodeCommitWelcome>) => Uint8Array) => (payload: Buffer) => {
  const copy = Buffer.from(Uint8Array.from(payload))
  const view = field(decodeCommitWelcome(copy))
  view[view.length - 1]! ^= 1
  return copy
}

const TAMPERED: Record<string, (payload: Buffer) => Buffer> = {
  'for another group': rebuilt(() => ({ groupId: new Uint8Array(8) })),
  'for another epoch': rebuilt(({ epoch }) => ({ epoch: epoch + 1n })),
  'with another sender leaf': rebuilt(() => ({ leafIndex: 1 })),
  'with a sender leaf that does not exist': rebuilt(() => ({ leafIndex: 0xffff_ffff })),
  'with authenticated data': rebuilt(() => ({ authenticatedData: Uint8Array.of(1) })),
  'without proposals': rebuilt(() => ({ proposals: [] })),
  'without one of the proposals': rebuilt(({ proposals }) => ({ proposals: proposals.slice(1) })),
  'with a proposal twice': rebuilt(({ proposals }) => ({ proposals: [proposals[0]!, proposals[0]!] })),
  'with an unknown proposal reference': rebuilt(({ proposals }) => ({
    proposals: [...proposals, reference(new Uint8Array(32))],
  })),
  'with an inline proposal': rebuilt(({ proposals }) => ({
    proposals: [...proposals, Uint8Array.of(1, 0, 3, 0, 0, 0, 1)],
  })),
  'without its path': rebuilt(({ rest }) => {
    const { commit } = decodeCommitWelcome(putTogether({ ...NOWHERE, proposals: [], rest }))
    const tags = new ByteWriter().vector(commit.signature).vector(commit.confirmationTag).vector(commit.membershipTag)
    return { rest: Uint8Array.of(0, ...tags.bytes()) }
  }),
  'with the identity of another user in its path': flipped(({ commit }) => commit.path!.leaf.credential.identity),
  'with another signature key in its path': flipped(({ commit }) => commit.path!.leaf.signatureKey),
  'with another encryption key in its path': flipped(({ commit }) => commit.path!.leaf.encryptionKey),
  'with a wrong path signature': flipped(({ commit }) => commit.path!.leaf.signature),
  'without its Welcome': rebuilt(() => ({ welcome: new Uint8Array() })),
  'with a Welcome for another key package': flipped(({ welcome }) => welcome!.secrets[0]!.reference),
  'with trailing bytes': payload => Buffer.concat([payload, Buffer.of(0)]),
  truncated: payload => payload.subarray(0, -1),
}

const NOWHERE = {
  groupId: new Uint8Array(8),
  epoch: 0n,
  leafIndex: 0,
  authenticatedData: new Uint8Array(),
  welcome: new Uint8Array(),
}

for (const [what, tamper] of Object.entries(TAMPERED))
  test(`a commit ${what} is rejected, and the next one wins`, () => {
    const call = new DaveyCall()
    const [mallory, , , leaver] = [1, 2, 3, 4].map(user => call.join(user))
    call.run()
    let tampered = 0
    mallory!.faults.commit = payload => {
      tampered++
      return tamper(payload)
    }
    const { epoch } = call.group.state
    call.leave(leaver!)
    call.join(5)
    call.run()
    assert.equal(tampered, 1)
    const refused = call.notes.filter(({ event }) => event === 'dave.commit_refused').map(({ fields }) => fields.user)
    // A commit for another epoch is indistinguishable from the loser of a commit race, so it is no strike.
    assert.deepEqual(refused, what === 'for another epoch' ? [] : ['1'])
    assert.equal(call.group.state.epoch, epoch + 1)
    call.assertConverged()
  })

test('a commit with a wrong confirmation tag passes the node, is reported by all members, and the group recovers', () => {
  const call = new DaveyCall()
  const [mallory] = [1, 2, 3, 4].map(user => call.join(user))
  call.run()
  mallory!.faults.commit = flipped(({ commit }) => commit.confirmationTag)
  call.join(5)
  call.run()
  mallory!.faults = {}
  call.run(20_000)
  call.assertConverged()
})

test('after two invalid commits of a member, the commits of other members win', () => {
  const call = new DaveyCall()
  const [mallory] = [1, 2, 3].map(user => call.join(user))
  call.run()
  mallory!.faults.commit = rebuilt(() => ({ proposals: [] }))
  for (const user of [4, 5, 6]) {
    call.join(user)
    call.run()
    call.assertConverged(`with ${user}`)
  }
  const reasons = call.notes.filter(({ event }) => event === 'dave.commit_refused').map(({ fields }) => fields.reason)
  assert.deepEqual(reasons.slice(0, 2), ['no proposals', 'no proposals'])
})

test('commits of a member are rejected after half of the members blamed it twice', () => {
  const call = new DaveyCall()
  const [, ...others] = [1, 2, 3, 4, 5].map(user => call.join(user))
  call.run()
  const hasFailed = () => call.notes.some(({ fields }) => fields.reason === 'earlier commits of this member failed')
  for (const [index, user] of [6, 7].entries()) {
    for (const other of others) other.faults = { commit: () => undefined }
    for (const other of others.slice(0, 3 + index)) other.faults.breakCommits = 1
    call.join(user)
    call.run()
    call.assertConverged(`with ${user}`)
    assert.equal(call.notes.filter(({ fields }) => fields.verdict === 'blamed').length, index + 1)
    assert.equal(hasFailed(), index === 1, 'the commit after the second blame is rejected')
  }
  for (const other of others) other.faults = {}
  const { epoch } = call.group.state
  call.join(8)
  call.run()
  call.assertConverged('with the commit of another member')
  assert.equal(call.group.state.epoch, epoch + 1)
  const { fields } = call.notes.findLast(({ event }) => event === 'dave.commit_refused')!
  assert.deepEqual(fields, { user: '1', reason: 'earlier commits of this member failed' })
})

test('a single report is no strike for the committer, because the reporter may be at fault', () => {
  const call = new DaveyCall()
  const [, ben] = [1, 2, 3, 4, 5].map(user => call.join(user))
  call.run()
  ben!.faults.breakCommits = 1
  call.join(6)
  call.run()
  call.assertConverged()
  const { users } = call.group.inspect()
  assert.ok(users.every(({ strikes }) => strikes === 0))
})

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
