// The rules for key packages. DAVE narrows RFC 9420 §10.1 to one cipher suite, one credential type and no extensions.
import {
  BASIC_CREDENTIAL,
  type Capabilities,
  DecodeError,
  decodeKeyPackage,
  isSameBytes,
  type KeyPackage,
  LeafSource,
  MLS_SUITE,
  MLS_VERSION,
  ReferenceLabel,
  referencedBytes,
  SignatureLabel,
  signedBytes,
  signedLeafBytes,
} from '@parley/protocol'
import type { GroupCrypto } from '../crypto.ts'
import { LIMITS } from '../limits.ts'
import { ok, type Result, refused } from '../result.ts'

export interface KeyPackageContext {
  /** The authenticated user id of the session, as 8 bytes. */
  identity: Uint8Array
  crypto: GroupCrypto
}

/** Returns the reason for a refusal; undefined if the rule holds. */
export type KeyPackageRule = (keyPackage: KeyPackage, context: KeyPackageContext) => string | undefined

/** `not_after` of a key package that does not expire. */
const NEVER = 2n ** 64n - 1n

/** MLS 1.0 with DAVE's cipher suite. */
export const supportsSuite: KeyPackageRule = ({ version, suite }) =>
  version === MLS_VERSION && suite === MLS_SUITE ? undefined : `version ${version} with suite ${suite}`

export const isForKeyPackage: KeyPackageRule = ({ leaf }) =>
  leaf.origin.source === LeafSource.KeyPackage ? undefined : 'the leaf is not from a key package'

/** A member may publish a key package for itself only. */
export const isOwn: KeyPackageRule = ({ leaf }, { identity }) =>
  isSameBytes(leaf.credential.identity, identity) ? undefined : 'the identity is of another user'

/** DAVE's clients set no lifetime. A limited one could expire during the call. */
export const livesForever: KeyPackageRule = ({ leaf: { origin } }) =>
  origin.source !== LeafSource.KeyPackage || (origin.notBefore === 0n && origin.notAfter === NEVER)
    ? undefined
    : 'the lifetime is limited'

export const hasNoExtensions: KeyPackageRule = ({ extensions, leaf }) =>
  extensions.length + leaf.extensions.length === 0 ? undefined : 'it has extensions'

/** Whether a leaf supports the version, cipher suite and credential type of DAVE. */
export const isCapable = ({ versions, suites, credentials }: Capabilities): boolean =>
  versions.includes(MLS_VERSION) && suites.includes(MLS_SUITE) && credentials.includes(BASIC_CREDENTIAL)

export const supportsGroup: KeyPackageRule = ({ leaf }) =>
  isCapable(leaf.capabilities) ? undefined : 'the capabilities do not include those of the group'

/** Whether the lists of a leaf are short: the leaf becomes part of every Welcome. */
export const isShort = (capabilities: Capabilities): boolean =>
  Object.values(capabilities).every((list: number[]) => list.length <= LIMITS.daveCapabilities)

export const hasShortLists: KeyPackageRule = ({ leaf }) =>
  isShort(leaf.capabilities) ? undefined : 'a list of its capabilities is too long'

/** RFC 9420 §10.1: init key and encryption key differ. */
export const hasTwoKeys: KeyPackageRule = ({ initKey, leaf }) =>
  isSameBytes(initKey, leaf.encryptionKey) ? 'init key and encryption key are the same' : undefined

/** A key that is not on the curve would make the other members fail. */
export const hasValidKeys: KeyPackageRule = ({ initKey, leaf }, { crypto }) =>
  [initKey, leaf.encryptionKey, leaf.signatureKey].every(key => crypto.isPoint(key))
    ? undefined
    : 'a key is not a point on P-256'

export const leafIsSigned: KeyPackageRule = ({ leaf }, { crypto }) =>
  crypto.verify(leaf.signatureKey, signedLeafBytes(leaf), leaf.signature)
    ? undefined
    : 'the leaf signature does not verify'

export const isSigned: KeyPackageRule = ({ leaf, unsigned, signature }, { crypto }) =>
  crypto.verify(leaf.signatureKey, signedBytes(SignatureLabel.KeyPackage, unsigned), signature)
    ? undefined
    : 'the signature does not verify'

/** Cheapest first. */
const RULES: readonly KeyPackageRule[] = [
  supportsSuite,
  isForKeyPackage,
  isOwn,
  livesForever,
  hasNoExtensions,
  supportsGroup,
  hasShortLists,
  hasTwoKeys,
  hasValidKeys,
  leafIsSigned,
  isSigned,
]

/** The parts of a key package that the group keeps. */
export interface AcceptedKeyPackage {
  /** The bare KeyPackage, without MLSMessage wrapper. */
  bytes: Uint8Array
  /** KeyPackageRef (RFC 9420 §5.2). */
  reference: Uint8Array
  /** Uncompressed P-256 point. */
  signatureKey: Uint8Array
}

/** Decodes the payload of op 26 and applies all rules. The first rule that it breaks is the reason. */
export function judgeKeyPackage(payload: Uint8Array, context: KeyPackageContext): Result<AcceptedKeyPackage> {
  if (payload.length > LIMITS.daveKeyPackage) return refused(`${payload.length} bytes`)
  let keyPackage: KeyPackage
  try {
    // A copy: the payload belongs to the host, and decoded fields are views of it.
    keyPackage = decodeKeyPackage(payload.slice())
  } catch (error) {
    if (error instanceof DecodeError) return refused(error.message)
    throw error
  }
  for (const rule of RULES) {
    const refusal = rule(keyPackage, context)
    if (refusal !== undefined) return refused(refusal)
  }
  const reference = context.crypto.sha256(referencedBytes(ReferenceLabel.KeyPackage, keyPackage.bytes))
  return ok({ bytes: keyPackage.bytes, reference, signatureKey: keyPackage.leaf.signatureKey })
}
