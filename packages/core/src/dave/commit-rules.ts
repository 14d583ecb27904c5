// What makes a commit acceptable, as far as a server sees. Confirmation, membership tag and the signature over the group
// context need the group's secrets: members check those, and report.
import {
  type Commit,
  DecodeError,
  decodeCommitWelcome,
  type GroupPlace,
  isSameBytes,
  LeafSource,
  MLS_HASH_LENGTH,
  MLS_SUITE,
  P256_POINT_LENGTH,
  signedLeafBytes,
  type UpdatePath,
  type Welcome,
} from '@parley/protocol'
import type { GroupCrypto } from '../crypto.ts'
import { isCapable } from './key-package-rules.ts'

export interface CommitContext extends GroupPlace {
  /** Who sent it, as the server knows it. */
  committer: { leafIndex: number; identity: Uint8Array; signatureKey: Uint8Array }
  /** References of the proposals it has to hold, and no others. */
  proposals: readonly Uint8Array[]
  /** Whether any of them removes somebody. */
  removes: boolean
  /** References of the key packages that are added. */
  added: readonly Uint8Array[]
  /** Leaves of the tree it leads to: in use, and room for. */
  leaves: { used: number; capacity: number }
  crypto: GroupCrypto
}

export interface CommitWelcome {
  commit: Commit
  welcome: Welcome | undefined
}

/** Why not; undefined if nothing is wrong. */
export type CommitRule = (message: CommitWelcome, context: CommitContext) => string | undefined

export const isInPlace: CommitRule = ({ commit }, { groupId, epoch }) =>
  isSameBytes(commit.groupId, groupId) && commit.epoch === epoch ? undefined : 'another group or epoch'

export const isByItsLeaf: CommitRule = ({ commit }, { committer }) =>
  commit.leafIndex === committer.leafIndex ? undefined : 'the leaf of another member'

export const hasNoAuthenticatedData: CommitRule = ({ commit }) =>
  commit.authenticatedData.length === 0 ? undefined : 'authenticated data'

export const hasWholeTags: CommitRule = ({ commit }) =>
  commit.confirmationTag.length === MLS_HASH_LENGTH && commit.membershipTag.length === MLS_HASH_LENGTH
    ? undefined
    : 'a tag of another length'

const key = (bytes: Uint8Array) => bytes.join()

export const holdsTheProposals: CommitRule = ({ commit }, { proposals }) => {
  const wanted = new Set(proposals.map(key))
  for (const proposal of commit.proposals) {
    if (proposal.kind === 'inline') return 'a proposal of its own'
    if (!wanted.delete(key(proposal.reference))) return 'a proposal that was not made, or the same one twice'
  }
  if (commit.proposals.length === 0) return 'no proposals'
  return wanted.size === 0 ? undefined : 'not every proposal'
}

export const hasPathIfNeeded: CommitRule = ({ commit }, { removes }) =>
  removes && commit.path === undefined ? 'no path, although somebody is removed' : undefined

/** A rule about the path, which holds where there is none. */
const ofPath =
  (rule: (path: UpdatePath, context: CommitContext) => string | undefined): CommitRule =>
  ({ commit }, context) =>
    commit.path === undefined ? undefined : rule(commit.path, context)

export const pathIsOfCommit: CommitRule = ofPath(({ leaf }) =>
  leaf.origin.source === LeafSource.Commit ? undefined : 'a path whose leaf is not one of a commit',
)

export const pathKeepsIdentity: CommitRule = ofPath(({ leaf }, { committer }) =>
  isSameBytes(leaf.credential.identity, committer.identity) ? undefined : 'a path that changes the identity',
)

export const pathKeepsKey: CommitRule = ofPath(({ leaf }, { committer }) =>
  isSameBytes(leaf.signatureKey, committer.signatureKey) ? undefined : 'a path that changes the signature key',
)

export const pathIsCapable: CommitRule = ofPath(({ leaf }) =>
  isCapable(leaf.capabilities) && leaf.extensions.length === 0
    ? undefined
    : 'a path with other capabilities, or with extensions',
)

/** Each node of the path is one level up; each ciphertext is for at least one other leaf (RFC 9420 §7.5). */
export const pathFitsTree: CommitRule = ofPath(({ nodes }, { leaves }) => {
  const depth = Math.ceil(Math.log2(Math.max(leaves.capacity, 1)))
  const ciphertexts = nodes.reduce((sum, node) => sum + node.ciphertexts, 0)
  return nodes.length <= depth && ciphertexts < Math.max(leaves.used, 1) ? undefined : 'a path larger than the tree'
})

const isPointShaped = (bytes: Uint8Array) => bytes.length === P256_POINT_LENGTH && bytes[0] === 4

export const pathHoldsKeys: CommitRule = ofPath(({ leaf, nodes }) =>
  isPointShaped(leaf.encryptionKey) && nodes.every(node => isPointShaped(node.encryptionKey))
    ? undefined
    : 'a path with something else than P-256 keys',
)

export const pathIsSigned: CommitRule = ofPath(({ leaf }, { groupId, committer, crypto }) =>
  crypto.verify(
    committer.signatureKey,
    signedLeafBytes(leaf, { groupId, leafIndex: committer.leafIndex }),
    leaf.signature,
  )
    ? undefined
    : 'the signature of its path',
)

export const welcomesTheAdded: CommitRule = ({ welcome }, { added }) => {
  if (welcome === undefined) return added.length === 0 ? undefined : 'no welcome, although somebody is added'
  if (welcome.suite !== MLS_SUITE) return `a welcome of suite ${welcome.suite}`
  const wanted = new Set(added.map(key))
  const isExact = welcome.secrets.every(secret => wanted.delete(key(secret.reference))) && wanted.size === 0
  return isExact && added.length > 0 ? undefined : 'a welcome for others than those added'
}

/** Cheapest first. */
const RULES: readonly CommitRule[] = [
  isInPlace,
  isByItsLeaf,
  hasNoAuthenticatedData,
  hasWholeTags,
  holdsTheProposals,
  hasPathIfNeeded,
  pathIsOfCommit,
  pathKeepsIdentity,
  pathKeepsKey,
  pathIsCapable,
  pathFitsTree,
  pathHoldsKeys,
  welcomesTheAdded,
  pathIsSigned,
]

/** The commit, or why it is refused. */
export function judgeCommit(payload: Uint8Array, context: CommitContext): CommitWelcome | string {
  let message: CommitWelcome
  try {
    message = decodeCommitWelcome(payload)
  } catch (error) {
    if (error instanceof DecodeError) return error.message
    throw error
  }
  for (const rule of RULES) {
    const refusal = rule(message, context)
    if (refusal !== undefined) return refusal
  }
  return message
}
