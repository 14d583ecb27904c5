// The MLS messages of a DAVE delivery service against messages of a real library.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import * as vectors from '../../../../test/dave/vectors.ts'
import { DecodeError, snowflakeBytes } from '../bytes.ts'
import { decodeCommitWelcome } from '../voice/voice-binary.ts'
import {
  decodeExternalSender,
  decodeKeyPackage,
  encodeExternalSender,
  LeafSource,
  ReferenceLabel,
  referencedBytes,
} from './mls.ts'
import { authenticatedContent, encodeProposal, encodeWelcome, peekPlace } from './mls-message.ts'

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())
const referenceOf = (label: ReferenceLabel, bytes: Uint8Array) => sha256(referencedBytes(label, bytes))
const proposalReference = (message: Uint8Array) => referenceOf(ReferenceLabel.Proposal, authenticatedContent(message))

test('a key package of a real library is decoded', () => {
  const keyPackage = decodeKeyPackage(vectors.KEY_PACKAGE)
  assert.deepEqual([keyPackage.version, keyPackage.suite], [1, 2])
  assert.deepEqual(keyPackage.leaf.credential, { type: 1, identity: snowflakeBytes(vectors.USERS[1]) })
  assert.deepEqual(keyPackage.leaf.capabilities, {
    versions: [1],
    suites: [2],
    extensions: [],
    proposals: [],
    credentials: [1],
  })
  assert.deepEqual(keyPackage.leaf.origin, { source: LeafSource.KeyPackage, notBefore: 0n, notAfter: 2n ** 64n - 1n })
  assert.deepEqual([keyPackage.extensions, keyPackage.leaf.extensions], [[], []])
  for (const key of [keyPackage.initKey, keyPackage.leaf.encryptionKey, keyPackage.leaf.signatureKey])
    assert.deepEqual([key.length, key[0]], [65, 4])
  assert.deepEqual(keyPackage.bytes, vectors.KEY_PACKAGE)
})

test('a key package wrapped in an MLSMessage is decoded like a bare one', () => {
  const wrapped = Uint8Array.of(0, 1, 0, 5, ...vectors.KEY_PACKAGE)
  assert.deepEqual(decodeKeyPackage(wrapped), decodeKeyPackage(vectors.KEY_PACKAGE))
})

test('references match those in the Welcome and the commit of a real library', () => {
  for (const [commitWelcome, keyPackage, add] of [
    [vectors.FIRST_COMMIT, vectors.KEY_PACKAGE, vectors.ADD],
    [vectors.SECOND_COMMIT, vectors.KEY_PACKAGE_2, vectors.ADD_2],
  ] as const) {
    const { commit, welcome } = decodeCommitWelcome(commitWelcome)
    assert.deepEqual(
      welcome?.secrets.map(secret => secret.reference),
      [referenceOf(ReferenceLabel.KeyPackage, keyPackage)],
    )
    assert.deepEqual(commit.proposals, [{ kind: 'reference', reference: proposalReference(add) }])
  }
})

test('a commit of a real library is decoded', () => {
  const { commit, welcome } = decodeCommitWelcome(vectors.REMOVING_COMMIT)
  assert.deepEqual([commit.groupId, commit.epoch, commit.leafIndex], [vectors.GROUP_ID, 2n, 0])
  assert.deepEqual(commit.proposals, [{ kind: 'reference', reference: proposalReference(vectors.REMOVE) }])
  assert.deepEqual(commit.path?.leaf.credential.identity, snowflakeBytes(vectors.USERS[0]))
  assert.equal(commit.path?.leaf.origin.source, LeafSource.Commit)
  assert.equal(welcome, undefined)
  assert.deepEqual(commit.bytes, vectors.REMOVING_COMMIT)
  assert.deepEqual([commit.confirmationTag.length, commit.membershipTag.length], [32, 32])
  assert.equal(commit.authenticatedData.length, 0)
  assert.equal(decodeCommitWelcome(vectors.FIRST_COMMIT).commit.path, undefined)
})

test('an encoded proposal equals one that clients accepted, except for its signature', () => {
  const place = { groupId: vectors.GROUP_ID, epoch: 2n }
  const unsigned = encodeProposal(place, { kind: 'remove', leafIndex: 1 }, () => new Uint8Array())
  assert.deepEqual(unsigned.subarray(0, -1), vectors.REMOVE.subarray(0, unsigned.length - 1))
})

test('a Welcome reduced to its only secret is unchanged', () => {
  const { commit, welcome } = decodeCommitWelcome(vectors.SECOND_COMMIT)
  assert.deepEqual(encodeWelcome(welcome!, welcome!.secrets[0]!), vectors.SECOND_COMMIT.subarray(commit.bytes.length))
})

test('group and epoch of a commit are read from its first bytes', () => {
  assert.deepEqual(peekPlace(vectors.SECOND_COMMIT), { groupId: vectors.GROUP_ID, epoch: 1n })
  assert.equal(peekPlace(vectors.KEY_PACKAGE), undefined)
  assert.equal(peekPlace(vectors.SECOND_COMMIT.subarray(0, 20)), undefined)
})

test('an external sender has 71 bytes and is read back', () => {
  const entry = { signatureKey: vectors.SENDER_KEY, identity: new Uint8Array(1) }
  const bytes = encodeExternalSender(entry)
  assert.equal(bytes.length, 71)
  assert.deepEqual(decodeExternalSender(bytes), entry)
})

test('a truncated message, or one with an extra byte, throws a DecodeError', () => {
  const readers: [Uint8Array, (bytes: Uint8Array) => unknown][] = [
    [vectors.KEY_PACKAGE, decodeKeyPackage],
    [vectors.REMOVING_COMMIT, decodeCommitWelcome],
    [vectors.SECOND_COMMIT, decodeCommitWelcome],
  ]
  // A commit without its Welcome is whole.
  const whole = decodeCommitWelcome(vectors.SECOND_COMMIT).commit.bytes.length
  for (const [bytes, read] of readers) {
    for (let length = 0; length < bytes.length; length++)
      if (bytes !== vectors.SECOND_COMMIT || length !== whole)
        assert.throws(() => read(bytes.subarray(0, length)), DecodeError, `cut at ${length}`)
    assert.throws(() => read(Uint8Array.of(...bytes, 0)), DecodeError)
  }
})

test('anything but a PublicMessage commit of a member is refused', () => {
  const changed = (offset: number, value: number) => {
    const bytes = vectors.REMOVING_COMMIT.slice()
    bytes[offset] = value
    return bytes
  }
  // Offsets: version, wire format, sender type, content type (RFC 9420 §6).
  for (const [offset, value] of [
    [1, 2],
    [3, 2],
    [21, 2],
    [27, 2],
  ] as const)
    assert.throws(() => decodeCommitWelcome(changed(offset, value)), DecodeError)
})
