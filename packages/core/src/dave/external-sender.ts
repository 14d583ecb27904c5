// The external sender: the only one who may propose to a DAVE group. One key per node, made when it starts, kept nowhere.
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

/** Any basic credential will do: clients compare the whole entry with the one in the group they are welcomed to. */
const IDENTITY = new Uint8Array(1)

export interface SignedProposal {
  /** The MLSMessage. */
  message: Uint8Array
  /** By which a commit names it. */
  reference: Uint8Array
}

export class ExternalSender {
  /** Op 25: the entry that every group has to carry in its `external_senders` extension. */
  readonly entry: Uint8Array
  readonly #signer: Signer
  readonly #crypto: GroupCrypto

  constructor(crypto: GroupCrypto) {
    this.#crypto = crypto
    this.#signer = crypto.newSigner()
    this.entry = encodeExternalSender({ signatureKey: this.#signer.publicKey, identity: IDENTITY })
  }

  propose(place: GroupPlace, proposal: Proposal): SignedProposal {
    const message = encodeProposal(place, proposal, bytes => this.#signer.sign(bytes))
    const content = referencedBytes(ReferenceLabel.Proposal, authenticatedContent(message))
    return { message, reference: this.#crypto.sha256(content) }
  }
}
