// The node as MLS external sender: the only party that proposes in a DAVE group. One key per node, created at start, not stored.
import {
  authenticatedContent,
  encodeExternalSender,
  encodeProposal,
  type GroupPlace,
  type Proposal,
  ReferenceLabel,
  referencedBytes,
} from '@parley/protocol'
import type { GroupCrypto, Signer } from '../crypto.ts'

/** Any basic credential works: clients compare the whole entry with the one in the group that they join. */
const IDENTITY = new Uint8Array(1)

export interface SignedProposal {
  /** The proposal as MLSMessage. */
  bytes: Uint8Array
  /** ProposalRef, by which a commit names the proposal (RFC 9420 §5.2). */
  reference: Uint8Array
}

export class ExternalSender {
  /** Payload of op 25: the entry in the `external_senders` extension of every group. */
  readonly entry: Uint8Array
  readonly #signer: Signer
  readonly #crypto: GroupCrypto

  constructor(crypto: GroupCrypto) {
    this.#crypto = crypto
    this.#signer = crypto.newSigner()
    this.entry = encodeExternalSender({ signatureKey: this.#signer.publicKey, identity: IDENTITY })
  }

  propose(place: GroupPlace, proposal: Proposal): SignedProposal {
    const bytes = encodeProposal(place, proposal, content => this.#signer.sign(content))
    const content = referencedBytes(ReferenceLabel.Proposal, authenticatedContent(bytes))
    return { bytes, reference: this.#crypto.sha256(content) }
  }
}
