// What makes a key package acceptable. DAVE narrows RFC 9420 §10.1 to one suite, one kind of credential and no extensions.
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

/** Whose key package it has to be: the user id that the connection has proved, as 8 bytes. */
export interface KeyPackageContext {
  identity: Uint8Array
  crypto: GroupCrypto
}

/** Why not; undefined if nothing is wrong. */
export type KeyPackageRule = (keyPackage: KeyPackage, context: KeyPackageContext) => string | undefined

const HIGHEST_U64 = 2n ** 64n - 1n

export const supportsSuite: KeyPackageRule = ({ version, suite }) =>
  version === MLS_VERSION && suite === MLS_SUITE ? undefined : `version ${version} with suite ${suite}`

export const isForKeyPackage: KeyPackageRule = ({ leaf }) =>
  leaf.origin.source === LeafSource.KeyPackage ? undefined : 'its leaf is not one of a key package'

export const isOwn: KeyPackageRule = ({ leaf }, { identity }) =>
  isSameBytes(leaf.credential.identity, identity) ? undefined : 'the identity of another user'

export const livesForever: KeyPackageRule = ({ leaf: { origin } }) =>
  origin.source !== LeafSource.KeyPackage || (origin.notBefore === 0n && origin.notAfter === HIGHEST_U64)
    ? undefined
    : 'a limited lifetime'

export const hasNoExtensions: KeyPackageRule = ({ extensions, leaf }) =>
  extensions.length + leaf.extensions.length === 0 ? undefined : 'extensions'

/** Whether a leaf can do what a DAVE group needs. */
export const isCapable = ({ versions, suites, credentials }: Capabilities): boolean =>
  versions.includes(MLS_VERSION) && suites.includes(MLS_SUITE) && credentials.includes(BASIC_CREDENTIAL)

export const supportsGroup: KeyPackageRule = ({ leaf }) =>
  isCapable(leaf.capabilities) ? undefined : 'its capabilities do not include those of the group'

/** RFC 9420 §10.1: the init key is not the encryption key. */
export const hasTwoKeys: KeyPackageRule = ({ initKey, leaf }) =>
  isSameBytes(initKey, leaf.encryptionKey) ? 'one key for two purposes' : undefined

export const hasValidKeys: KeyPackageRule = ({ initKey, leaf }, { crypto }) =>
  [initKey, leaf.encryptionKey, leaf.signatureKey].every(key => crypto.isPoint(key))
    ? undefined
    : 'a key that is no point on P-256'

export const leafIsSigned: KeyPackageRule = ({ leaf }, { crypto }) =>
  crypto.verify(leaf.signatureKey, signedLeafBytes(leaf), leaf.signature) ? undefined : 'the signature of its leaf'

export const isSigned: KeyPackageRule = ({ leaf, unsigned, signature }, { crypto }) =>
  crypto.verify(leaf.signatureKey, signedBytes(SignatureLabel.KeyPackage, unsigned), signature)
    ? undefined
    : 'its signature'

/** Cheapest first. */
const RULES: readonly KeyPackageRule[] = [
  supportsSuite,
  isForKeyPackage,
  isOwn,
  livesForever,
  hasNoExtensions,
  supportsGroup,
  hasTwoKeys,
  hasValidKeys,
  leafIsSigned,
  isSigned,
]

/** What the group keeps of a key package. */
export interface AcceptedKeyPackage {
  /** Bare. */
  bytes: Uint8Array
  reference: Uint8Array
  signatureKey: Uint8Array
}

/** The key package, or why it is refused. */
export function judgeKeyPackage(payload: Uint8Array, context: KeyPackageContext): AcceptedKeyPackage | string {
  let keyPackage: KeyPackage
  try {
    // A copy: the payload is the host's, and what is read are views of it.
    keyPackage = decodeKeyPackage(payload.slice())
  } catch (error) {
    if (error instanceof DecodeError) return error.message
    throw error
  }
  for (const rule of RULES) {
    const refusal = rule(keyPackage, context)
    if (refusal !== undefined) return refusal
  }
  const reference = context.crypto.sha256(referencedBytes(ReferenceLabel.KeyPackage, keyPackage.bytes))
  return { bytes: keyPackage.bytes, reference, signatureKey: keyPackage.leaf.signatureKey }
}
