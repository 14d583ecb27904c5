// The MLS messages of a DAVE delivery service (RFC 9420 §6, §12): it encodes proposals, decodes commits, and splits Welcomes.
import { ByteReader, ByteWriter, DecodeError } from '../bytes.ts'
import { type LeafNode, MLS_SUITE, MLS_VERSION, readLeafNode, SignatureLabel, signedBytes, WireFormat } from './mls.ts'

/** Values of RFC 9420 §6 (ContentType, SenderType) and §17.4 (ProposalType) that occur in DAVE. */
const ContentType = { Proposal: 2, Commit: 3 } as const
const SenderType = { Member: 1, External: 2 } as const
const ProposalType = { Add: 1, Remove: 3 } as const

/** A proposal of the external sender. `keyPackage` is bare. */
export type Proposal = { kind: 'add'; keyPackage: Uint8Array } | { kind: 'remove'; leafIndex: number }

/** The group and epoch of a message. */
export interface GroupPlace {
  /** 8 bytes in DAVE: the channel id, big-endian. */
  groupId: Uint8Array
  epoch: bigint
}

function writeProposal(writer: ByteWriter, proposal: Proposal): void {
  if (proposal.kind === 'add') writer.u16(ProposalType.Add).raw(proposal.keyPackage)
  else writer.u16(ProposalType.Remove).u32(proposal.leafIndex)
}

/** A proposal of external sender 0 without its signature: version, wire format and FramedContent. */
function unsignedProposal({ groupId, epoch }: GroupPlace, proposal: Proposal): ByteWriter {
  const writer = new ByteWriter().u16(MLS_VERSION).u16(WireFormat.PublicMessage)
  writer.vector(groupId).u64(epoch).u8(SenderType.External).u32(0).vector(new Uint8Array())
  writer.u8(ContentType.Proposal)
  writeProposal(writer, proposal)
  return writer
}

/** A signed proposal as MLSMessage. The signature of an external sender does not cover the group context (RFC 9420 §6.1). */
export function encodeProposal(
  place: GroupPlace,
  proposal: Proposal,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  const message = unsignedProposal(place, proposal)
  return message.vector(sign(signedBytes(SignatureLabel.FramedContent, message.bytes()))).bytes()
}

/** The AuthenticatedContent of an encoded proposal, of which its reference is the hash: the MLSMessage without the version. */
export const authenticatedContent = (message: Uint8Array): Uint8Array => message.subarray(2)

/** A secret for one holder of an HPKE key (RFC 9420 §7.6). */
export interface HpkeCiphertext {
  /** Encapsulated key: an uncompressed P-256 point. */
  kemOutput: Uint8Array
  ciphertext: Uint8Array
}

/** The update path of a commit (RFC 9420 §7.6). */
export interface UpdatePath {
  leaf: LeafNode
  /** By node: public key, and the path secret for each leaf or node below its sibling. */
  nodes: { encryptionKey: Uint8Array; ciphertexts: HpkeCiphertext[] }[]
}

/** A proposal in a commit: by reference, or inline, whose content is not decoded. */
export type ProposalOrRef = { kind: 'reference'; reference: Uint8Array } | { kind: 'inline' }

/** A commit of a member in a PublicMessage (RFC 9420 §12.4). Fields are views of the decoded bytes. */
export interface Commit extends GroupPlace {
  /** Leaf index that the sender claims. */
  leafIndex: number
  authenticatedData: Uint8Array
  proposals: ProposalOrRef[]
  path: UpdatePath | undefined
  /** ECDSA of the sender's leaf over the FramedContent, ASN.1 DER. */
  signature: Uint8Array
  /** MACs under group secrets, which a delivery service does not have and cannot check. */
  confirmationTag: Uint8Array
  membershipTag: Uint8Array
  /** The encoded MLSMessage. */
  bytes: Uint8Array
}

const expect = (found: number, wanted: number, what: string) => {
  if (found !== wanted) throw new DecodeError(`expected ${what} ${wanted}, found ${found}`)
}

/** Reading ends at an inline proposal, whose length is not known. */
function readProposals(reader: ByteReader): ProposalOrRef[] {
  const inner = new ByteReader(reader.vector())
  const proposals: ProposalOrRef[] = []
  while (inner.remaining > 0) {
    const kind = inner.u8()
    if (kind === 2) proposals.push({ kind: 'reference', reference: inner.vector() })
    else if (kind === 1) return [...proposals, { kind: 'inline' }]
    else throw new DecodeError(`expected ProposalOrRef type 1 or 2, found ${kind}`)
  }
  return proposals
}

const readCiphertext = (reader: ByteReader): HpkeCiphertext => ({
  kemOutput: reader.vector(),
  ciphertext: reader.vector(),
})

const readPath = (reader: ByteReader): UpdatePath => ({
  leaf: readLeafNode(reader),
  nodes: reader.vectorOf(inner => ({
    encryptionKey: inner.vector(),
    ciphertexts: inner.vectorOf(readCiphertext),
  })),
})

/** Reads the commit of a member: MLSMessage with PublicMessage. Bytes behind it are left unread. Throws a DecodeError. */
export function readCommit(reader: ByteReader): Commit {
  const start = reader.offset
  expect(reader.u16(), MLS_VERSION, 'MLS version')
  expect(reader.u16(), WireFormat.PublicMessage, 'wire format')
  const place = { groupId: reader.vector(), epoch: reader.u64() }
  expect(reader.u8(), SenderType.Member, 'sender type')
  const leafIndex = reader.u32()
  const authenticatedData = reader.vector()
  expect(reader.u8(), ContentType.Commit, 'content type')
  const content = { proposals: readProposals(reader), path: reader.optional(readPath) }
  const tags = { signature: reader.vector(), confirmationTag: reader.vector(), membershipTag: reader.vector() }
  return { ...place, leafIndex, authenticatedData, ...content, ...tags, bytes: reader.since(start) }
}

/** Group and epoch of an MLSMessage with PublicMessage from its first bytes; undefined if it does not start like one. */
export function peekPlace(bytes: Uint8Array): GroupPlace | undefined {
  if (bytes.length < 21 || bytes[1] !== MLS_VERSION || bytes[3] !== WireFormat.PublicMessage || bytes[4] !== 8)
    return undefined
  const reader = new ByteReader(bytes.subarray(4, 21))
  return { groupId: reader.vector(), epoch: reader.u64() }
}

/** The entry of one new member in a Welcome (EncryptedGroupSecrets, RFC 9420 §12.4.3.1). */
export interface WelcomeSecret extends HpkeCiphertext {
  /** Reference of the member's key package. */
  reference: Uint8Array
  /** The encoded entry. */
  bytes: Uint8Array
}

/** A Welcome (RFC 9420 §12.4.3.1). */
export interface Welcome {
  /** Cipher suite of the group: 2 in DAVE. */
  suite: number
  secrets: WelcomeSecret[]
  encryptedGroupInfo: Uint8Array
}

function readSecret(reader: ByteReader): WelcomeSecret {
  const start = reader.offset
  const secret = { reference: reader.vector(), ...readCiphertext(reader) }
  return { ...secret, bytes: reader.since(start) }
}

/** Reads a Welcome without MLSMessage wrapper. Throws a DecodeError. */
export function readWelcome(reader: ByteReader): Welcome {
  return { suite: reader.u16(), secrets: reader.vectorOf(readSecret), encryptedGroupInfo: reader.vector() }
}

/** A bare Welcome reduced to the secret of one new member. */
export const encodeWelcome = (welcome: Welcome, secret: WelcomeSecret): Uint8Array =>
  new ByteWriter().u16(MLS_SUITE).vector(secret.bytes).vector(welcome.encryptedGroupInfo).bytes()
