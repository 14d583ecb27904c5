// Fuzz: decoders of DAVE binary messages and the MLS messages inside them, on both sides.
import assert from 'node:assert/strict'
import {
  DecodeError,
  decodeClientBinary,
  decodeCommitWelcome,
  decodeExternalSender,
  decodeKeyPackage,
  decodeNodeBinary,
  decodeProposals,
  decodeTransition,
  encodeClientBinary,
  encodeExternalSender,
  encodeNodeBinary,
  encodeProposals,
  encodeTransition,
  encodeWelcome,
  peekPlace,
} from '@parley/protocol'
import * as vectors from '../dave/vectors.ts'
import { fuzz } from './harness.ts'

/** The decoded value; undefined on a DecodeError. Any other error is a bug. */
function decoded<T>(decode: (bytes: Uint8Array) => T, bytes: Uint8Array): T | undefined {
  try {
    return decode(bytes)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

fuzz('a key package is rejected or consists of its signed part and a signature', {
  covers: ['protocol/dave/mls.ts', 'protocol/bytes.ts'],
  corpus: [vectors.KEY_PACKAGE, Uint8Array.of(0, 1, 0, 5, ...vectors.KEY_PACKAGE_2)],
  run(bytes) {
    const keyPackage = decoded(decodeKeyPackage, bytes)
    if (keyPackage === undefined) return
    assert.ok(keyPackage.unsigned.length + keyPackage.signature.length < keyPackage.bytes.length)
    assert.deepEqual(decodeKeyPackage(keyPackage.bytes).unsigned, keyPackage.unsigned)
  },
})

fuzz('a commit is rejected or matches its peeked group and epoch, and its Welcome can be split', {
  covers: ['protocol/dave/mls-message.ts', 'protocol/bytes.ts'],
  corpus: [vectors.FIRST_COMMIT, vectors.SECOND_COMMIT, vectors.REMOVING_COMMIT],
  run(bytes) {
    const message = decoded(decodeCommitWelcome, bytes)
    const place = peekPlace(bytes)
    if (message === undefined) return
    const { commit, welcome } = message
    if (place !== undefined) assert.deepEqual([commit.groupId, commit.epoch], [place.groupId, place.epoch])
    assert.equal(commit.bytes.length < bytes.length, welcome !== undefined)
    for (const secret of welcome?.secrets ?? []) {
      assert.ok(encodeWelcome(welcome!, secret).length <= bytes.length + 8)
      assert.ok(secret.kemOutput.length + secret.ciphertext.length < secret.bytes.length)
    }
  },
})

fuzz('binary messages of both directions are rejected or survive a round trip', {
  covers: ['protocol/voice/voice-binary.ts'],
  corpus: [
    encodeClientBinary(26, vectors.KEY_PACKAGE),
    encodeNodeBinary(9, 27, encodeProposals([vectors.ADD])),
    encodeTransition(1, vectors.FIRST_COMMIT),
    encodeExternalSender({ signatureKey: vectors.SENDER_KEY, identity: new Uint8Array(1) }),
  ],
  run(bytes) {
    const client = decoded(decodeClientBinary, bytes)
    if (client !== undefined) assert.deepEqual(encodeClientBinary(client.op, client.payload), bytes)
    const node = decoded(decodeNodeBinary, bytes)
    if (node !== undefined) assert.deepEqual(encodeNodeBinary(node.seq, node.op, node.payload), bytes)
    const transition = decoded(decodeTransition, bytes)
    if (transition !== undefined) assert.deepEqual(encodeTransition(transition.transitionId, transition.body), bytes)
    const sender = decoded(decodeExternalSender, bytes)
    if (sender !== undefined) assert.deepEqual(encodeExternalSender(sender), bytes)
    decoded(decodeProposals, bytes)
  },
})
