// MLS messages as a DAVE delivery service handles them (RFC 9420 §6, §12): it writes proposals, reads commits, and
// splits welcomes.
import { ByteReader, ByteWriter, DecodeError } from '../bytes.ts'
import { type LeafNode, MLS_SUITE, MLS_VERSION, readLeafNode, SignatureLabel, signedBytes, WireFormat } from './mls.ts'

const ContentType = { Proposal: 2, Commit: 3 } as const
const SenderType = { Member: 1, External: 2 } as const
const ProposalType = { Add: 1, Remove: 3 } as const

/** What the external sender may propose. */
export type Proposal = { kind: 'add'; keyPackage: Uint8Array } | { kind: 'remove'; leafIndex: number }

/** Where a message belongs. */
export interface GroupPlace {
  /** 8 bytes. */
  groupId: Uint8Array
  epoch: bigint
}

function writeProposal(writer: ByteWriter, proposal: Proposal): void {
  if (proposal.kind === 'add') writer.u16(ProposalType.Add).raw(proposal.keyPackage)
  else writer.u16(ProposalType.Remove).u32(proposal.leafIndex)
}

/** A proposal of external sender 0, up to its signature: version, wire format and FramedContent. */
function unsignedProposal({ groupId, epoch }: GroupPlace, proposal: Proposal): ByteWriter {
  const writer = new ByteWriter().u16(MLS_VERSION).u16(WireFormat.PublicMessage)
  writer.vector(groupId).u64(epoch).u8(SenderType.External).u32(0).vector(new Uint8Array())
  writer.u8(ContentType.Proposal)
  writeProposal(writer, proposal)
  return writer
}

/** A signed proposal as an MLSMessage. An external sender's signature does not cover the group context (§6.1). */
export function encodeProposal(
  place: GroupPlace,
  proposal: Proposal,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  const message = unsignedProposal(place, proposal)
  return message.vector(sign(signedBytes(SignatureLabel.FramedContent, message.bytes()))).bytes()
}

/** What the reference of our own proposal is the hash of: its AuthenticatedContent, which lacks only the version. */
export const authenticatedContent = (message: Uint8Array): Uint8Array => message.subarray(2)

export interface UpdatePath {
  leaf: LeafNode
  /** Per node: its public key, and how many ciphertexts go with it. */
  nodes: { encryptionKey: Uint8Array; ciphertexts: number }[]
}

export type ProposalOrRef = { kind: 'reference'; reference: Uint8Array } | { kind: 'inline' }

export interface Commit extends GroupPlace {
  /** Of its sender, as it says. */
  leafIndex: number
  authenticatedData: Uint8Array
  proposals: ProposalOrRef[]
  path: UpdatePath | undefined
  signature: Uint8Array
  confirmationTag: Uint8Array
  membershipTag: Uint8Array
  /** The whole MLSMessage. */
  bytes: Uint8Array
}

const expect = (found: number, wanted: number, what: string) => {
  if (found !== wanted) throw new DecodeError(`expected ${what} ${wanted}, found ${found}`)
}

/** After an inline proposal the rest has no place to start from, so none is read. */
function readProposals(reader: ByteReader): ProposalOrRef[] {
  const inner = new ByteReader(reader.vector())
  const proposals: ProposalOrRef[] = []
  while (inner.remaining > 0) {
    const kind = inner.u8()
    if (kind === 2) proposals.push({ kind: 'reference', reference: inner.vector() })
    else if (kind === 1) return [...proposals, { kind: 'inline' }]
    else throw new DecodeError(`unknown form of proposal ${kind}`)
  }
  return proposals
}

const readCiphertext = (reader: ByteReader) => {
  reader.vector()
  reader.vector()
}

const readPath = (reader: ByteReader): UpdatePath => ({
  leaf: readLeafNode(reader),
  nodes: reader.vectorOf(inner => ({
    encryptionKey: inner.vector(),
    ciphertexts: inner.vectorOf(readCiphertext).length,
  })),
})

/** A commit that a member sends as an MLSMessage with a PublicMessage; what follows it is left to the caller. */
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

/** Where an MLSMessage with a PublicMessage belongs, without reading on; undefined if it does not look like one. */
export function peekPlace(bytes: Uint8Array): GroupPlace | undefined {
  if (bytes.length < 21 || bytes[1] !== MLS_VERSION || bytes[3] !== WireFormat.PublicMessage || bytes[4] !== 8)
    return undefined
  const reader = new ByteReader(bytes.subarray(4, 21))
  return { groupId: reader.vector(), epoch: reader.u64() }
}

export interface WelcomeSecret {
  /** Reference of the key package it is for. */
  reference: Uint8Array
  /** The whole entry. */
  bytes: Uint8Array
}

export interface Welcome {
  suite: number
  secrets: WelcomeSecret[]
  encryptedGroupInfo: Uint8Array
}

function readSecret(reader: ByteReader): WelcomeSecret {
  const start = reader.offset
  const reference = reader.vector()
  readCiphertext(reader)
  return { reference, bytes: reader.since(start) }
}

/** A bare Welcome. */
export function readWelcome(reader: ByteReader): Welcome {
  return { suite: reader.u16(), secrets: reader.vectorOf(readSecret), encryptedGroupInfo: reader.vector() }
}

/** A bare Welcome with one secret: what a single new member needs of it. */
export const encodeWelcome = (welcome: Welcome, secret: WelcomeSecret): Uint8Array =>
  new ByteWriter().u16(MLS_SUITE).vector(secret.bytes).vector(welcome.encryptedGroupInfo).bytes()
