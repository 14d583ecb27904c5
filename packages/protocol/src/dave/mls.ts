// The MLS structures of a DAVE delivery service (RFC 9420): credentials, leaf nodes, key packages, and the bytes that are signed
// and hashed. The cryptography itself is the caller's.
import { ByteReader, ByteWriter, DecodeError } from '../bytes.ts'

/** MLS 1.0 (RFC 9420 §6, `ProtocolVersion`). */
export const MLS_VERSION = 1
/** Cipher suite of DAVE version 1: DHKEM(P-256, HKDF-SHA256), AES-128-GCM, SHA-256, ECDSA P-256 (RFC 9420 §17.1). */
export const MLS_SUITE = 2
/** Credential type of DAVE (RFC 9420 §5.3). */
export const BASIC_CREDENTIAL = 1
/** Bytes of an uncompressed P-256 point: `04 ‖ X ‖ Y`. */
export const P256_POINT_LENGTH = 65
/** Bytes of the longest ECDSA signature of P-256: ASN.1 DER of two integers of up to 33 bytes. */
export const P256_SIGNATURE_MAX_LENGTH = 72
/** Bytes of a SHA-256 hash and of an HMAC-SHA256. */
export const MLS_HASH_LENGTH = 32
/** Bytes that the AEAD of the suite adds to a plaintext. */
export const MLS_TAG_LENGTH = 16

/** RFC 9420 §6, `WireFormat`. */
export const WireFormat = { PublicMessage: 1, PrivateMessage: 2, Welcome: 3, GroupInfo: 4, KeyPackage: 5 } as const
export type WireFormat = (typeof WireFormat)[keyof typeof WireFormat]

/** RFC 9420 §7.2, `LeafNodeSource`. */
export const LeafSource = { KeyPackage: 1, Update: 2, Commit: 3 } as const

/** A credential (RFC 9420 §5.3). */
export interface Credential {
  type: number
  /** Identity of a basic credential; in DAVE the user id as 8 big-endian bytes. */
  identity: Uint8Array
}

/** Entry of the `external_senders` extension (RFC 9420 §12.1.8.1): a party that may propose without being a member. */
export interface ExternalSenderEntry {
  /** Uncompressed P-256 point. */
  signatureKey: Uint8Array
  identity: Uint8Array
}

/** What a member supports (RFC 9420 §7.2), as lists of code points. */
export interface Capabilities {
  versions: number[]
  suites: number[]
  extensions: number[]
  proposals: number[]
  credentials: number[]
}

/** `leaf_node_source` with its fields (RFC 9420 §7.2). Times are seconds since 1970. */
export type LeafOrigin =
  | { source: typeof LeafSource.KeyPackage; notBefore: bigint; notAfter: bigint }
  | { source: typeof LeafSource.Update }
  | { source: typeof LeafSource.Commit; parentHash: Uint8Array }

/** A leaf node (RFC 9420 §7.2). Keys are uncompressed P-256 points; fields are views of the decoded bytes. */
export interface LeafNode {
  encryptionKey: Uint8Array
  signatureKey: Uint8Array
  credential: Credential
  capabilities: Capabilities
  origin: LeafOrigin
  /** Extension types. */
  extensions: number[]
  /** ECDSA, ASN.1 DER. */
  signature: Uint8Array
  /** The encoded node without its signature. */
  unsigned: Uint8Array
}

/** A key package (RFC 9420 §10). Fields are views of the decoded bytes. */
export interface KeyPackage {
  /** MLS protocol version; 1 is expected (`MLS_VERSION`). */
  version: number
  /** Cipher suite; 2 is expected (`MLS_SUITE`). Decoding accepts any: the rules are the caller's. */
  suite: number
  /** HPKE public key for the Welcome: an uncompressed P-256 point. */
  initKey: Uint8Array
  leaf: LeafNode
  /** Extension types. */
  extensions: number[]
  /** ECDSA, ASN.1 DER. */
  signature: Uint8Array
  /** The encoded key package without its signature. */
  unsigned: Uint8Array
  /** The encoded key package, without MLSMessage wrapper. */
  bytes: Uint8Array
}

/** Throws a DecodeError for another type than basic, whose layout is unknown. */
export function readCredential(reader: ByteReader): Credential {
  const type = reader.u16()
  if (type !== BASIC_CREDENTIAL) throw new DecodeError(`expected a basic credential, found type ${type}`)
  return { type, identity: reader.vector() }
}

const readNumbers = (reader: ByteReader) => reader.vectorOf(inner => inner.u16())

const readCapabilities = (reader: ByteReader): Capabilities => ({
  versions: readNumbers(reader),
  suites: readNumbers(reader),
  extensions: readNumbers(reader),
  proposals: readNumbers(reader),
  credentials: readNumbers(reader),
})

const readExtensions = (reader: ByteReader) =>
  reader.vectorOf(inner => {
    const type = inner.u16()
    inner.vector()
    return type
  })

function readOrigin(reader: ByteReader): LeafOrigin {
  const source = reader.u8()
  switch (source) {
    case LeafSource.KeyPackage:
      return { source, notBefore: reader.u64(), notAfter: reader.u64() }
    case LeafSource.Update:
      return { source }
    case LeafSource.Commit:
      return { source, parentHash: reader.vector() }
    default:
      throw new DecodeError(`unknown leaf source ${source}`)
  }
}

/** Reads a leaf node. Throws a DecodeError. */
export function readLeafNode(reader: ByteReader): LeafNode {
  const start = reader.offset
  const leaf = {
    encryptionKey: reader.vector(),
    signatureKey: reader.vector(),
    credential: readCredential(reader),
    capabilities: readCapabilities(reader),
    origin: readOrigin(reader),
    extensions: readExtensions(reader),
  }
  const unsigned = reader.since(start)
  return { ...leaf, unsigned, signature: reader.vector() }
}

/** Decodes a key package, bare or wrapped in an MLSMessage: clients send both. Throws a DecodeError. */
export function decodeKeyPackage(bytes: Uint8Array): KeyPackage {
  const isWrapped = bytes[2] === 0 && bytes[3] === WireFormat.KeyPackage
  const reader = new ByteReader(bytes)
  if (isWrapped && reader.u16() !== MLS_VERSION) throw new DecodeError('expected MLS 1.0')
  if (isWrapped) reader.u16()
  const start = reader.offset
  const content = {
    version: reader.u16(),
    suite: reader.u16(),
    initKey: reader.vector(),
    leaf: readLeafNode(reader),
    extensions: readExtensions(reader),
  }
  const unsigned = reader.since(start)
  const signature = reader.vector()
  reader.end()
  return { ...content, unsigned, signature, bytes: reader.since(start) }
}

const writeBasicCredential = (writer: ByteWriter, identity: Uint8Array) => writer.u16(BASIC_CREDENTIAL).vector(identity)

/** Encodes an `external_senders` entry. */
export function encodeExternalSender({ signatureKey, identity }: ExternalSenderEntry): Uint8Array {
  return writeBasicCredential(new ByteWriter().vector(signatureKey), identity).bytes()
}

/** Decodes an `external_senders` entry. Throws a DecodeError. */
export function decodeExternalSender(bytes: Uint8Array): ExternalSenderEntry {
  const reader = new ByteReader(bytes)
  const signatureKey = reader.vector()
  const { identity } = readCredential(reader)
  reader.end()
  return { signatureKey, identity }
}

/** Labels of signed structures (RFC 9420 §5.1.2). */
export const SignatureLabel = {
  LeafNode: 'LeafNodeTBS',
  KeyPackage: 'KeyPackageTBS',
  FramedContent: 'FramedContentTBS',
} as const
export type SignatureLabel = (typeof SignatureLabel)[keyof typeof SignatureLabel]

/** Labels of hashed structures (RFC 9420 §5.2). */
export const ReferenceLabel = { KeyPackage: 'KeyPackage Reference', Proposal: 'Proposal Reference' } as const
export type ReferenceLabel = (typeof ReferenceLabel)[keyof typeof ReferenceLabel]

/** `label<V> ‖ value<V>`; labels are ASCII. */
const labelled = (label: string, value: Uint8Array) =>
  new ByteWriter()
    .vector(Uint8Array.from(`MLS 1.0 ${label}`, letter => letter.charCodeAt(0)))
    .vector(value)
    .bytes()

/** The bytes that a signature covers (SignContent, RFC 9420 §5.1.2). */
export const signedBytes = (label: SignatureLabel, content: Uint8Array): Uint8Array => labelled(label, content)

/** The bytes whose SHA-256 is the reference (RefHashInput, RFC 9420 §5.2). */
export const referencedBytes = (label: ReferenceLabel, value: Uint8Array): Uint8Array => labelled(label, value)

/** The bytes that the signature of a leaf node covers. `place` is required for a leaf of an update or commit. */
export function signedLeafBytes(leaf: LeafNode, place?: { groupId: Uint8Array; leafIndex: number }): Uint8Array {
  const content = new ByteWriter().raw(leaf.unsigned)
  if (place !== undefined) content.vector(place.groupId).u32(place.leafIndex)
  return signedBytes(SignatureLabel.LeafNode, content.bytes())
}
