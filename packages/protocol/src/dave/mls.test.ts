// The MLS that a DAVE delivery service reads and writes, held to messages of a real library.
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

test('a key package reads as its library wrote it', () => {
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

test('a key package may come as an MLSMessage, and is the same inside', () => {
  const wrapped = Uint8Array.of(0, 1, 0, 5, ...vectors.KEY_PACKAGE)
  assert.deepEqual(decodeKeyPackage(wrapped), decodeKeyPackage(vectors.KEY_PACKAGE))
})

test('the reference of a key package is the one in the Welcome, that of a proposal the one in the commit', () => {
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

test('a commit reads as its library wrote it', () => {
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

test('a proposal has the bytes that clients took, its signature apart', () => {
  const place = { groupId: vectors.GROUP_ID, epoch: 2n }
  const unsigned = encodeProposal(place, { kind: 'remove', leafIndex: 1 }, () => new Uint8Array())
  assert.deepEqual(unsigned.subarray(0, -1), vectors.REMOVE.subarray(0, unsigned.length - 1))
})

test('a Welcome with its only secret is the Welcome again', () => {
  const { commit, welcome } = decodeCommitWelcome(vectors.SECOND_COMMIT)
  assert.deepEqual(encodeWelcome(welcome!, welcome!.secrets[0]!), vectors.SECOND_COMMIT.subarray(commit.bytes.length))
})

test('where a commit belongs is told by its first bytes', () => {
  assert.deepEqual(peekPlace(vectors.SECOND_COMMIT), { groupId: vectors.GROUP_ID, epoch: 1n })
  assert.equal(peekPlace(vectors.KEY_PACKAGE), undefined)
  assert.equal(peekPlace(vectors.SECOND_COMMIT.subarray(0, 20)), undefined)
})

test('an external sender is read as it was written, in 71 bytes', () => {
  const entry = { signatureKey: vectors.SENDER_KEY, identity: new Uint8Array(1) }
  const bytes = encodeExternalSender(entry)
  assert.equal(bytes.length, 71)
  assert.deepEqual(decodeExternalSender(bytes), entry)
})

test('a message cut anywhere, or with a byte too many, is an error and never a crash', () => {
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

test('what is no commit of a member over MLS 1.0 in the open is refused', () => {
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
