// DAVE with malicious members: tampered commits, commits that no member can use, blame.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ByteWriter, decodeCommitWelcome, type HpkeCiphertext, VoiceOp } from '@parley/protocol'
import { LIMITS } from '../../packages/core/src/limits.ts'
import { DaveyCall } from '../dave/davey-call.ts'

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

/** A commit that keeps every rule, and that neither the members nor the added ones can use. */
function useless(payload: Buffer): Buffer {
  const copy = Buffer.from(Uint8Array.from(payload))
  const { commit, welcome } = decodeCommitWelcome(copy)
  commit.confirmationTag[0]! ^= 1
  for (const { ciphertext } of welcome?.secrets ?? []) ciphertext[0]! ^= 1
  return copy
}

const padded = (bytes: Uint8Array) => Uint8Array.of(...bytes, ...new Uint8Array(10_000))

const ciphertextOf = ({ kemOutput, ciphertext }: HpkeCiphertext) =>
  new ByteWriter().vector(kemOutput).vector(ciphertext).bytes()

/** The rest of a commit with a longer signature, or with longer ciphertexts in its path. */
function longer(payload: Uint8Array, what: 'signature' | 'path'): Uint8Array {
  const { commit } = decodeCommitWelcome(payload)
  const { leaf, nodes } = commit.path!
  const writer = new ByteWriter().u8(1).raw(leaf.unsigned).vector(leaf.signature)
  writer.vectorOf(
    nodes.map(({ encryptionKey, ciphertexts }) => {
      const wanted =
        what === 'path' ? ciphertexts.map(each => ({ ...each, ciphertext: padded(each.ciphertext) })) : ciphertexts
      return new ByteWriter().vector(encryptionKey).vectorOf(wanted.map(ciphertextOf)).bytes()
    }),
  )
  writer.vector(what === 'signature' ? padded(commit.signature) : commit.signature)
  return writer.vector(commit.confirmationTag).vector(commit.membershipTag).bytes()
}

/** The Welcome of a commit with longer secrets, or with longer group information. */
function longerWelcome(payload: Uint8Array, what: 'secrets' | 'information'): Uint8Array {
  const { secrets, encryptedGroupInfo } = decodeCommitWelcome(payload).welcome!
  const entries = secrets.map(secret => {
    const ciphertext = what === 'secrets' ? padded(secret.ciphertext) : secret.ciphertext
    return new ByteWriter()
      .vector(secret.reference)
      .raw(ciphertextOf({ ...secret, ciphertext }))
      .bytes()
  })
  const information = what === 'information' ? padded(encryptedGroupInfo) : encryptedGroupInfo
  return new ByteWriter().u16(2).vectorOf(entries).vector(information).bytes()
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
  'with a padded signature': rebuilt(parts => ({ rest: longer(putTogether(parts), 'signature') })),
  'with padded secrets in its path': rebuilt(parts => ({ rest: longer(putTogether(parts), 'path') })),
  'with padded secrets in its Welcome': rebuilt(parts => ({ welcome: longerWelcome(putTogether(parts), 'secrets') })),
  'with padded group information': rebuilt(parts => ({ welcome: longerWelcome(putTogether(parts), 'information') })),
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

const strikesOf = (call: DaveyCall, user: string) =>
  call.group.inspect().users.find(({ userId }) => userId === user)?.strikes ?? 0

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

test('a commit that no recipient could use bars its committer, also from the group that follows', () => {
  const call = new DaveyCall({ policy: 'required' })
  const [mallory] = [1, 2, 3, 4].map(user => call.join(user))
  // It breaks what it sends and reports what it receives, as one of the two that create the group.
  mallory!.faults = { commit: useless, breakCommits: 1 }
  call.run(60_000)
  assert.deepEqual(call.closed, [])
  assert.equal(call.notes.filter(({ event }) => event === 'dave.recreated').length, 1)
  assert.ok(strikesOf(call, '1') >= LIMITS.daveStrikes)
  mallory!.faults = {}
  call.join(5)
  call.run()
  call.assertConverged()
})

test('a commit that all recipients but its committer report bars the committer', () => {
  const call = new DaveyCall()
  const [mallory] = [1, 2, 3].map(user => call.join(user))
  call.run()
  mallory!.faults = { commit: useless, silent: new Set([VoiceOp.DaveInvalidCommitWelcome]) }
  call.join(4)
  call.run()
  assert.ok(call.notes.some(({ fields }) => fields.verdict === 'useless'))
  assert.ok(strikesOf(call, '1') >= LIMITS.daveStrikes)
})

test('the commit of a barred member counts if no other member commits in time, and good ones make up for strikes', () => {
  const call = new DaveyCall()
  const [mallory, ...others] = [1, 2, 3].map(user => call.join(user))
  call.run()
  mallory!.faults.commit = rebuilt(() => ({ proposals: [] }))
  for (const user of [4, 5]) {
    others.push(call.join(user))
    call.run()
  }
  assert.equal(strikesOf(call, '1'), LIMITS.daveStrikes)
  mallory!.faults = {}
  for (const other of others) other.faults = { commit: () => undefined }
  const { epoch } = call.group.state
  for (let count = 1; count <= LIMITS.daveGoodCommits + LIMITS.daveBlamableCommits; count++) {
    const client = call.join(100 + count)
    client.faults = { commit: () => undefined }
    call.run(6_000)
    assert.equal(call.group.state.epoch, epoch + count)
  }
  call.assertConverged()
  assert.ok(!call.notes.some(({ event }) => event === 'dave.recreated'))
  assert.ok(strikesOf(call, '1') < LIMITS.daveStrikes)
})

test('a committer that breaks what it sends to one member is barred before that member is closed', () => {
  const call = new DaveyCall({ policy: 'required' })
  const [mallory] = [1, 2, 3].map(user => call.join(user))
  call.run()
  let broken = 0
  mallory!.faults.commit = payload => {
    broken++
    return flipped(({ welcome }) => welcome!.secrets[0]!.ciphertext)(payload)
  }
  const victim = call.join(4)
  victim.faults.reportsAll = true
  call.run(20_000)
  assert.deepEqual(call.closed, [])
  assert.equal(victim.invalids, LIMITS.daveStrikes + 1)
  assert.ok(broken > victim.invalids)
  assert.equal(strikesOf(call, '1'), LIMITS.daveStrikes)
  call.assertConverged()
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
