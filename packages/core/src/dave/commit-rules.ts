// The rules for commits, as far as a server can check them. Confirmation tag, membership tag and the signature over the group
// context need the group's secrets: members check those, and report a bad commit with op 31.
import {
  type Commit,
  DecodeError,
  decodeCommitWelcome,
  type GroupPlace,
  type HpkeCiphertext,
  isSameBytes,
  LeafSource,
  MLS_HASH_LENGTH,
  MLS_SUITE,
  MLS_TAG_LENGTH,
  P256_POINT_LENGTH,
  P256_SIGNATURE_MAX_LENGTH,
  signedLeafBytes,
  type UpdatePath,
  type Welcome,
} from '@parley/protocol'
import type { GroupCrypto } from '../crypto.ts'
import { ok, type Result, refused } from '../result.ts'
import { isCapable, isShort } from './key-package-rules.ts'

/**
 * What the delivery service knows when a commit arrives: it proposed the changes, so that it can predict the tree after
 * them.
 */
export interface CommitContext extends GroupPlace {
  /** The session that sent the commit. */
  committer: { leafIndex: number; identity: Uint8Array; signatureKey: Uint8Array }
  /** References of the proposals that the commit must hold, and no others. */
  proposals: readonly Uint8Array[]
  /** Whether any of them is a Remove. */
  removes: boolean
  /** References of the added key packages. */
  added: readonly Uint8Array[]
  /** Leaves of the tree after the commit: in use, and room for. */
  leaves: { used: number; capacity: number }
  crypto: GroupCrypto
}

/** Payload of op 28. The Welcome is absent if the commit adds no members. */
export interface CommitWelcome {
  commit: Commit
  welcome: Welcome | undefined
}

/** A leaf without a parent has no parent hash. */
const HASH_LENGTHS: ReadonlySet<number> = new Set([0, MLS_HASH_LENGTH])
/** Encrypted: a path secret is a hash (RFC 9420 §7.4). */
const PATH_SECRET_LENGTHS: ReadonlySet<number> = new Set([MLS_HASH_LENGTH + MLS_TAG_LENGTH])
/** Encrypted GroupSecrets (RFC 9420 §12.4.3.1): joiner secret, optional path secret, and no pre-shared keys. */
const GROUP_SECRETS_LENGTHS: ReadonlySet<number> = new Set([
  1 + MLS_HASH_LENGTH + 1 + 1 + MLS_TAG_LENGTH,
  1 + MLS_HASH_LENGTH + 1 + 1 + MLS_HASH_LENGTH + 1 + MLS_TAG_LENGTH,
])

/**
 * The most bytes that group information takes. A leaf has up to 423 with all lists of its capabilities full, the parent node that
 * it causes 103, and its entries in the `unmerged_leaves` of its ancestors 32; a blank node has one. The rest has some 500.
 */
const longestGroupInfo = ({ leaves }: Pick<CommitContext, 'leaves'>) => 1_024 + 2 * leaves.capacity + 640 * leaves.used

/** The most bytes of an op 28 that keeps the rules: by proposal 36, by path secret 118, by secret of a Welcome 187. */
export const longestCommitWelcome = (context: Pick<CommitContext, 'leaves' | 'proposals' | 'added'>): number => {
  const { leaves, proposals, added } = context
  return 2_048 + 36 * proposals.length + 120 * leaves.used + 192 * added.length + longestGroupInfo(context)
}

/** Returns the reason for a refusal; undefined if the rule holds. */
export type CommitRule = (commit: CommitWelcome, context: CommitContext) => string | undefined

/** The commit is for this group in its present epoch. */
export const isInPlace: CommitRule = ({ commit }, { groupId, epoch }) =>
  isSameBytes(commit.groupId, groupId) && commit.epoch === epoch ? undefined : 'wrong group or epoch'

/** A member commits as itself (RFC 9420 §6.1, sender). */
export const isByItsLeaf: CommitRule = ({ commit }, { committer }) =>
  commit.leafIndex === committer.leafIndex ? undefined : 'the leaf index of another member'

/** DAVE uses none. */
export const hasNoAuthenticatedData: CommitRule = ({ commit }) =>
  commit.authenticatedData.length === 0 ? undefined : 'it carries authenticated data'

/** The tags cannot be verified here, but their length can (HMAC-SHA256). */
export const hasWholeTags: CommitRule = ({ commit }) =>
  commit.confirmationTag.length === MLS_HASH_LENGTH && commit.membershipTag.length === MLS_HASH_LENGTH
    ? undefined
    : 'a tag of the wrong length'

/** Members verify the signature; a longer one cannot be valid, and the commit is sent to all of them. */
export const hasShortSignature: CommitRule = ({ commit }) =>
  commit.signature.length <= P256_SIGNATURE_MAX_LENGTH ? undefined : 'a signature that is too long'

const key = (bytes: Uint8Array) => bytes.join()

/**
 * Exactly the proposals that were sent, by reference: an inline one could add or remove members that the node did not
 * propose.
 */
export const holdsTheProposals: CommitRule = ({ commit }, { proposals }) => {
  const wanted = new Set(proposals.map(key))
  for (const proposal of commit.proposals) {
    if (proposal.kind === 'inline') return 'an inline proposal'
    if (!wanted.delete(key(proposal.reference))) return 'an unknown or repeated proposal'
  }
  if (commit.proposals.length === 0) return 'no proposals'
  return wanted.size === 0 ? undefined : 'a proposal is missing'
}

/** A Remove needs an update path (RFC 9420 §12.4), otherwise the removed member could compute the next keys. */
export const hasPathIfNeeded: CommitRule = ({ commit }, { removes }) =>
  removes && commit.path === undefined ? 'a Remove without a path' : undefined

/** A rule about the update path; it holds for a commit without one. */
const ofPath =
  (rule: (path: UpdatePath, context: CommitContext) => string | undefined): CommitRule =>
  ({ commit }, context) =>
    commit.path === undefined ? undefined : rule(commit.path, context)

export const pathIsOfCommit: CommitRule = ofPath(({ leaf }) =>
  leaf.origin.source === LeafSource.Commit ? undefined : 'the path leaf is not from a commit',
)

export const pathKeepsIdentity: CommitRule = ofPath(({ leaf }, { committer }) =>
  isSameBytes(leaf.credential.identity, committer.identity) ? undefined : 'the path changes the identity',
)

/** The signature key is the one of the key package that the node has judged. */
export const pathKeepsKey: CommitRule = ofPath(({ leaf }, { committer }) =>
  isSameBytes(leaf.signatureKey, committer.signatureKey) ? undefined : 'the path changes the signature key',
)

export const pathIsCapable: CommitRule = ofPath(({ leaf }) =>
  isCapable(leaf.capabilities) && leaf.extensions.length === 0
    ? undefined
    : 'the path leaf lacks capabilities, or has extensions',
)

/** The leaf becomes part of every Welcome, so that none of its fields may be longer than needed. */
export const pathIsShort: CommitRule = ofPath(({ leaf: { capabilities, origin, signature } }) => {
  const hasWholeHash = origin.source !== LeafSource.Commit || HASH_LENGTHS.has(origin.parentHash.length)
  return isShort(capabilities) && hasWholeHash && signature.length <= P256_SIGNATURE_MAX_LENGTH
    ? undefined
    : 'a field of the path leaf is too long'
})

/** A path has at most one node per tree level, and each ciphertext is for at least one other leaf (RFC 9420 §7.5). */
export const pathFitsTree: CommitRule = ofPath(({ nodes }, { leaves }) => {
  const depth = Math.ceil(Math.log2(Math.max(leaves.capacity, 1)))
  const ciphertexts = nodes.reduce((sum, node) => sum + node.ciphertexts.length, 0)
  return nodes.length <= depth && ciphertexts < Math.max(leaves.used, 1)
    ? undefined
    : 'the path is larger than the tree'
})

const isPointShaped = (bytes: Uint8Array) => bytes.length === P256_POINT_LENGTH && bytes[0] === 4

/** Shape only: a check for points on the curve would be expensive for a large tree. */
export const pathHoldsKeys: CommitRule = ofPath(({ leaf, nodes }) =>
  isPointShaped(leaf.encryptionKey) && nodes.every(node => isPointShaped(node.encryptionKey))
    ? undefined
    : 'the path has keys that are not on P-256',
)

const holds = ({ kemOutput, ciphertext }: HpkeCiphertext, lengths: ReadonlySet<number>) =>
  isPointShaped(kemOutput) && lengths.has(ciphertext.length)

/** Each ciphertext of a path holds a path secret, and nothing else. */
export const pathHoldsSecrets: CommitRule = ofPath(({ nodes }) =>
  nodes.every(({ ciphertexts }) => ciphertexts.every(each => holds(each, PATH_SECRET_LENGTHS)))
    ? undefined
    : 'a ciphertext of the path has the wrong length',
)

/** The one rule that costs cryptography, and so the last (RFC 9420 §7.2). */
export const pathIsSigned: CommitRule = ofPath(({ leaf }, { groupId, committer, crypto }) =>
  crypto.verify(
    committer.signatureKey,
    signedLeafBytes(leaf, { groupId, leafIndex: committer.leafIndex }),
    leaf.signature,
  )
    ? undefined
    : 'the signature of the path leaf does not verify',
)

/** Every added member gets a secret, and no other. */
export const welcomesTheAdded: CommitRule = ({ welcome }, { added }) => {
  if (welcome === undefined) return added.length === 0 ? undefined : 'an Add without a Welcome'
  if (welcome.suite !== MLS_SUITE) return `a Welcome of cipher suite ${welcome.suite}`
  const wanted = new Set(added.map(key))
  const isExact = welcome.secrets.every(secret => wanted.delete(key(secret.reference))) && wanted.size === 0
  return isExact && added.length > 0 ? undefined : 'the Welcome is not for exactly the added members'
}

/** Each entry of a Welcome holds the group secrets, and nothing else. */
export const welcomeHoldsSecrets: CommitRule = ({ welcome }) =>
  welcome === undefined || welcome.secrets.every(each => holds(each, GROUP_SECRETS_LENGTHS))
    ? undefined
    : 'a secret of the Welcome has the wrong length'

/** The encrypted group information is mostly the tree, whose size follows from its leaves. */
export const welcomeFitsTree: CommitRule = ({ welcome }, context) =>
  welcome === undefined || welcome.encryptedGroupInfo.length <= longestGroupInfo(context)
    ? undefined
    : 'the Welcome is larger than the tree'

/** Cheapest first. */
const RULES: readonly CommitRule[] = [
  isInPlace,
  isByItsLeaf,
  hasNoAuthenticatedData,
  hasWholeTags,
  hasShortSignature,
  holdsTheProposals,
  hasPathIfNeeded,
  pathIsOfCommit,
  pathKeepsIdentity,
  pathKeepsKey,
  pathIsCapable,
  pathIsShort,
  pathFitsTree,
  pathHoldsKeys,
  pathHoldsSecrets,
  welcomesTheAdded,
  welcomeHoldsSecrets,
  welcomeFitsTree,
  pathIsSigned,
]

/** Decodes the payload of op 28 and applies all rules. The first rule that it breaks is the reason. */
export function judgeCommit(payload: Uint8Array, context: CommitContext): Result<CommitWelcome> {
  if (payload.length > longestCommitWelcome(context)) return refused(`${payload.length} bytes`)
  let decoded: CommitWelcome
  try {
    decoded = decodeCommitWelcome(payload)
  } catch (error) {
    if (error instanceof DecodeError) return refused(error.message)
    throw error
  }
  for (const rule of RULES) {
    const refusal = rule(decoded, context)
    if (refusal !== undefined) return refused(refusal)
  }
  return ok(decoded)
}
