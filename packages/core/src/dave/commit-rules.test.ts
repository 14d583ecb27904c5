// Each commit rule against commits of a real MLS library and forged variants of them.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import {
  authenticatedContent,
  decodeCommitWelcome,
  decodeKeyPackage,
  type HpkeCiphertext,
  LeafSource,
  ReferenceLabel,
  referencedBytes,
} from '@parley/protocol'
import * as vectors from '../../../../test/dave/vectors.ts'
import { nodeCrypto } from '../../../server/src/crypto.ts'
import { LIMITS } from '../limits.ts'
import * as rules from './commit-rules.ts'

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())
const proposal = (message: Uint8Array) =>
  sha256(referencedBytes(ReferenceLabel.Proposal, authenticatedContent(message)))
const keyPackage = (bytes: Uint8Array) => sha256(referencedBytes(ReferenceLabel.KeyPackage, bytes))

const removing = decodeCommitWelcome(vectors.REMOVING_COMMIT)
const adding = decodeCommitWelcome(vectors.SECOND_COMMIT)
const path = removing.commit.path!

const common = { groupId: vectors.GROUP_ID, leaves: { used: 3, capacity: 4 }, crypto: nodeCrypto }
const committer = {
  leafIndex: 0,
  identity: path.leaf.credential.identity,
  signatureKey: path.leaf.signatureKey,
}
const forRemoving: rules.CommitContext = {
  ...common,
  committer,
  epoch: 2n,
  proposals: [proposal(vectors.REMOVE)],
  removes: true,
  added: [],
}
const forAdding: rules.CommitContext = {
  ...common,
  committer,
  epoch: 1n,
  proposals: [proposal(vectors.ADD_2)],
  removes: false,
  added: [keyPackage(vectors.KEY_PACKAGE_2)],
}

/** The rule accepts both real commits and refuses each of the others. */
function refuses(rule: rules.CommitRule, ...others: [message: rules.CommitWelcome, context: rules.CommitContext][]) {
  assert.equal(rule(removing, forRemoving), undefined)
  assert.equal(rule(adding, forAdding), undefined)
  for (const [message, context] of others) assert.equal(typeof rule(message, context), 'string')
}

type Commit = rules.CommitWelcome['commit']
const removingWith = (changes: Partial<Commit>): rules.CommitWelcome => ({
  commit: { ...removing.commit, ...changes },
  welcome: undefined,
})
const pathWith = (changes: Partial<typeof path>) => removingWith({ path: { ...path, ...changes } })
const leafWith = (changes: Partial<typeof path.leaf>) => pathWith({ leaf: { ...path.leaf, ...changes } })

test('a commit that follows every rule is accepted', () => {
  assert.ok(rules.judgeCommit(vectors.REMOVING_COMMIT, forRemoving).ok)
  assert.ok(rules.judgeCommit(vectors.SECOND_COMMIT, forAdding).ok)
  assert.ok(!rules.judgeCommit(vectors.SECOND_COMMIT, forRemoving).ok)
  assert.ok(!rules.judgeCommit(vectors.SECOND_COMMIT.subarray(1), forAdding).ok)
})

test('a commit for another group or epoch is refused', () => {
  refuses(
    rules.isInPlace,
    [removing, { ...forRemoving, epoch: 1n }],
    [removing, { ...forRemoving, epoch: 3n }],
    [removing, { ...forRemoving, groupId: new Uint8Array(8) }],
    [removingWith({ groupId: vectors.GROUP_ID.subarray(0, 7) }), forRemoving],
  )
})

test('a commit with the leaf index of another member is refused', () => {
  refuses(rules.isByItsLeaf, [removing, { ...forRemoving, committer: { ...committer, leafIndex: 2 } }])
})

test('a commit with authenticated data is refused', () => {
  refuses(rules.hasNoAuthenticatedData, [removingWith({ authenticatedData: Uint8Array.of(1) }), forRemoving])
})

test('a commit with a tag of the wrong length is refused', () => {
  refuses(
    rules.hasWholeTags,
    [removingWith({ confirmationTag: new Uint8Array(31) }), forRemoving],
    [removingWith({ membershipTag: new Uint8Array() }), forRemoving],
  )
})

test('a commit with a signature that is too long is refused', () => {
  refuses(rules.hasShortSignature, [removingWith({ signature: new Uint8Array(73) }), forRemoving])
})

test('a commit holds every proposal once, by reference, and no other', () => {
  const [real] = removing.commit.proposals
  const other = { kind: 'reference' as const, reference: new Uint8Array(32) }
  const two = { ...forRemoving, proposals: [...forRemoving.proposals, new Uint8Array(32)] }
  refuses(
    rules.holdsTheProposals,
    [removingWith({ proposals: [] }), forRemoving],
    [removingWith({ proposals: [other] }), forRemoving],
    [removingWith({ proposals: [real!, real!] }), two],
    [removingWith({ proposals: [real!, { kind: 'inline' }] }), forRemoving],
    [removing, two],
  )
  assert.equal(rules.holdsTheProposals(removingWith({ proposals: [other, real!] }), two), undefined, 'in any order')
})

test('a commit that removes a member needs an update path', () => {
  refuses(rules.hasPathIfNeeded, [removingWith({ path: undefined }), forRemoving])
})

test('an update path whose leaf is not from a commit is refused', () => {
  const { leaf } = decodeKeyPackage(vectors.KEY_PACKAGE)
  refuses(rules.pathIsOfCommit, [pathWith({ leaf }), forRemoving])
})

test('an update path that changes the identity is refused', () => {
  const { leaf } = decodeKeyPackage(vectors.KEY_PACKAGE)
  refuses(rules.pathKeepsIdentity, [leafWith({ credential: leaf.credential }), forRemoving])
})

test('an update path that changes the signature key is refused', () => {
  const { leaf } = decodeKeyPackage(vectors.KEY_PACKAGE)
  refuses(rules.pathKeepsKey, [leafWith({ signatureKey: leaf.signatureKey }), forRemoving])
})

test('an update path keeps the capabilities of the group and has no extensions', () => {
  const { capabilities } = path.leaf
  refuses(
    rules.pathIsCapable,
    [leafWith({ extensions: [5] }), forRemoving],
    [leafWith({ capabilities: { ...capabilities, suites: [1] } }), forRemoving],
    [leafWith({ capabilities: { ...capabilities, versions: [] } }), forRemoving],
    [leafWith({ capabilities: { ...capabilities, credentials: [2] } }), forRemoving],
  )
})

test('an update path whose leaf has a field that is too long is refused', () => {
  const { capabilities } = path.leaf
  const long = Array.from({ length: LIMITS.daveCapabilities + 1 }, () => 2)
  refuses(
    rules.pathIsShort,
    [leafWith({ capabilities: { ...capabilities, suites: long } }), forRemoving],
    [leafWith({ capabilities: { ...capabilities, proposals: long } }), forRemoving],
    [leafWith({ origin: { source: LeafSource.Commit, parentHash: new Uint8Array(33) } }), forRemoving],
    [leafWith({ signature: new Uint8Array(73) }), forRemoving],
  )
})

test('an update path whose ciphertexts hold anything but a path secret is refused', () => {
  const [node] = path.nodes
  const [secret] = node!.ciphertexts
  const holding = (changes: Partial<HpkeCiphertext>) =>
    pathWith({ nodes: [{ ...node!, ciphertexts: [secret!, { ...secret!, ...changes }] }] })
  refuses(
    rules.pathHoldsSecrets,
    [holding({ ciphertext: new Uint8Array(49) }), forRemoving],
    [holding({ ciphertext: new Uint8Array() }), forRemoving],
    [holding({ kemOutput: new Uint8Array(65) }), forRemoving],
    [holding({ kemOutput: Uint8Array.of(...secret!.kemOutput, 0) }), forRemoving],
  )
})

test('an update path larger than the tree is refused', () => {
  const node = path.nodes[0]!
  const [secret] = node.ciphertexts
  refuses(
    rules.pathFitsTree,
    [pathWith({ nodes: [node, node, node] }), { ...forRemoving, leaves: { used: 4, capacity: 4 } }],
    [pathWith({ nodes: [{ ...node, ciphertexts: [secret!, secret!, secret!] }] }), forRemoving],
  )
})

test('an update path with keys that are not on P-256 is refused', () => {
  refuses(
    rules.pathHoldsKeys,
    [pathWith({ nodes: [{ encryptionKey: new Uint8Array(65), ciphertexts: [] }] }), forRemoving],
    [leafWith({ encryptionKey: Uint8Array.of(4) }), forRemoving],
  )
})

test('an update path is signed for this leaf of this group', () => {
  refuses(
    rules.pathIsSigned,
    [leafWith({ signature: new Uint8Array(70) }), forRemoving],
    [removing, { ...forRemoving, committer: { ...committer, leafIndex: 1 } }],
    [removing, { ...forRemoving, groupId: new Uint8Array(8) }],
  )
})

test('a Welcome is for exactly the added members', () => {
  const { welcome } = adding
  const [secret] = welcome!.secrets
  const other: NonNullable<typeof secret> = { ...secret!, reference: new Uint8Array(32) }
  const welcoming = (secrets: (typeof other)[]) => ({ ...adding, welcome: { ...welcome!, secrets } })
  refuses(
    rules.welcomesTheAdded,
    [{ ...adding, welcome: undefined }, forAdding],
    [{ ...removing, welcome }, forRemoving],
    [{ ...removing, welcome: { ...welcome!, secrets: [] } }, forRemoving],
    [welcoming([]), forAdding],
    [welcoming([other]), forAdding],
    [welcoming([secret!, secret!]), forAdding],
    [welcoming([secret!, other]), forAdding],
    [{ ...adding, welcome: { ...welcome!, suite: 1 } }, forAdding],
  )
})

test('a Welcome whose secrets hold anything but the group secrets is refused', () => {
  const { welcome } = adding
  const [secret] = welcome!.secrets
  const holding = (changes: Partial<HpkeCiphertext>) => ({
    ...adding,
    welcome: { ...welcome!, secrets: [{ ...secret!, ...changes }] },
  })
  refuses(
    rules.welcomeHoldsSecrets,
    [holding({ ciphertext: new Uint8Array(52) }), forAdding],
    [holding({ ciphertext: new Uint8Array(10_000) }), forAdding],
    [holding({ kemOutput: new Uint8Array(65) }), forAdding],
  )
  assert.equal(
    rules.welcomeHoldsSecrets(holding({ ciphertext: new Uint8Array(84) }), forAdding),
    undefined,
    'with a path',
  )
})

test('a Welcome with more group information than its tree needs is refused', () => {
  const { welcome } = adding
  const ofLength = (length: number) => ({
    ...adding,
    welcome: { ...welcome!, encryptedGroupInfo: new Uint8Array(length) },
  })
  refuses(rules.welcomeFitsTree, [ofLength(4_000), forAdding])
  const large = { ...forAdding, leaves: { used: 256, capacity: 256 } }
  assert.equal(rules.welcomeFitsTree(ofLength(160_000), large), undefined)
  assert.equal(typeof rules.welcomeFitsTree(ofLength(170_000), large), 'string')
})

test('a commit with its Welcome for as many members as a group may have fits into a message', () => {
  const leaves = { used: LIMITS.daveMembers, capacity: LIMITS.daveMembers }
  const references = (count: number) => Array.from({ length: count }, () => new Uint8Array(32))
  const added = references(LIMITS.daveBatchAdds)
  const context = { leaves, added, proposals: [...added, ...references(LIMITS.daveMembers)] }
  assert.ok(rules.longestCommitWelcome(context) < LIMITS.binaryMessage)
})

test('a commit that is longer than any for its tree is refused before it is decoded', () => {
  const judged = rules.judgeCommit(new Uint8Array(rules.longestCommitWelcome(forAdding) + 1), forAdding)
  assert.deepEqual(judged, { ok: false, reason: `${rules.longestCommitWelcome(forAdding) + 1} bytes` })
})
