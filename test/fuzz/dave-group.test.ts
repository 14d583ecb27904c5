// Fuzz: validation of commits and key packages. It never throws and accepts only what was requested.
import assert from 'node:assert/strict'
import {
  authenticatedContent,
  decodeCommitWelcome,
  decodeKeyPackage,
  isSameBytes,
  ReferenceLabel,
  referencedBytes,
  snowflakeBytes,
} from '@parley/protocol'
import { judgeCommit, longestCommitWelcome } from '../../packages/core/src/dave/commit-rules.ts'
import { judgeKeyPackage } from '../../packages/core/src/dave/key-package-rules.ts'
import { LIMITS } from '../../packages/core/src/limits.ts'
import { nodeCrypto } from '../../packages/server/src/crypto.ts'
import { forgeKeyPackage } from '../dave/forged.ts'
import * as vectors from '../dave/vectors.ts'
import { fuzz } from './harness.ts'

const reference = (label: ReferenceLabel, bytes: Uint8Array) => nodeCrypto.sha256(referencedBytes(label, bytes))
const proposal = (message: Uint8Array) => reference(ReferenceLabel.Proposal, authenticatedContent(message))
const { leaf } = decodeCommitWelcome(vectors.REMOVING_COMMIT).commit.path!
const context = {
  groupId: vectors.GROUP_ID,
  committer: { leafIndex: 0, identity: snowflakeBytes(vectors.USERS[0])!, signatureKey: leaf.signatureKey },
  leaves: { used: 3, capacity: 4 },
  crypto: nodeCrypto,
}
const removing = { ...context, epoch: 2n, proposals: [proposal(vectors.REMOVE)], removes: true, added: [] }
const adding = {
  ...context,
  epoch: 1n,
  proposals: [proposal(vectors.ADD_2)],
  removes: false,
  added: [reference(ReferenceLabel.KeyPackage, vectors.KEY_PACKAGE_2)],
}

fuzz('a commit is rejected or covers exactly the proposals', {
  covers: ['core/dave/commit-rules.ts'],
  corpus: [vectors.REMOVING_COMMIT, vectors.SECOND_COMMIT, vectors.FIRST_COMMIT],
  run(bytes) {
    for (const wanted of [removing, adding]) {
      const judged = judgeCommit(bytes, wanted)
      if (!judged.ok) continue
      const { commit, welcome } = judged.value
      assert.ok(bytes.length <= longestCommitWelcome(wanted) && commit.signature.length <= 72)
      for (const { ciphertexts } of commit.path?.nodes ?? [])
        for (const { ciphertext, kemOutput } of ciphertexts)
          assert.deepEqual([kemOutput.length, ciphertext.length], [65, 48])
      for (const { ciphertext } of welcome?.secrets ?? []) assert.ok([51, 84].includes(ciphertext.length))
      assert.deepEqual([commit.groupId, commit.epoch, commit.leafIndex], [wanted.groupId, wanted.epoch, 0])
      assert.deepEqual(
        commit.proposals,
        wanted.proposals.map(each => ({ kind: 'reference', reference: each })),
      )
      assert.deepEqual(welcome?.secrets.map(secret => secret.reference) ?? [], wanted.added)
      if (commit.path !== undefined) assert.deepEqual(commit.path.leaf.unsigned, leaf.unsigned)
    }
  },
})

const identity = snowflakeBytes(vectors.USERS[1])!
/** With as many capabilities as are accepted, with one more, and with many more. */
const FORGED = [LIMITS.daveCapabilities, LIMITS.daveCapabilities + 1, 1_000].map(count =>
  forgeKeyPackage(identity, count),
)
const SIGNED = [vectors.KEY_PACKAGE, FORGED[0]!].map(bytes => decodeKeyPackage(bytes).unsigned)

fuzz('a key package is rejected or has the content that its owner signed', {
  covers: ['core/dave/key-package-rules.ts'],
  corpus: [vectors.KEY_PACKAGE, vectors.KEY_PACKAGE_2, Uint8Array.of(0, 1, 0, 5, ...vectors.KEY_PACKAGE), ...FORGED],
  run(bytes) {
    const judged = judgeKeyPackage(bytes, { identity, crypto: nodeCrypto })
    if (!judged.ok) return
    const { unsigned, leaf } = decodeKeyPackage(judged.value.bytes)
    assert.ok(SIGNED.some(each => isSameBytes(each, unsigned)))
    for (const list of Object.values(leaf.capabilities)) assert.ok(list.length <= LIMITS.daveCapabilities)
  },
})
