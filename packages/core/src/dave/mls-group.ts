// One MLS group as its delivery service sees it: epoch, leaves, and the batch of proposals its members are to commit to.
import { encodeProposals, encodeWelcome, type Proposal, peekPlace, VoiceOp } from '@parley/protocol'
import type { GroupCrypto } from '../crypto.ts'
import { LIMITS } from '../limits.ts'
import { type CommitWelcome, judgeCommit } from './commit-rules.ts'
import type { ExternalSender, SignedProposal } from './external-sender.ts'
import type { AcceptedKeyPackage } from './key-package-rules.ts'
import { Leaves } from './leaves.ts'
import type { Member } from './member.ts'

export interface Leaf {
  readonly member: Member
  readonly signatureKey: Uint8Array
  /** Not if its client has left or reset itself: then it is to be removed. */
  isUsable: boolean
}

interface Add extends SignedProposal {
  member: Member
  keyPackage: AcceptedKeyPackage
}
interface Remove extends SignedProposal {
  leafIndex: number
}

interface Batch {
  adds: Add[]
  removes: Remove[]
  recipients: Set<Member>
  sentAt: number
  deadline: number
}

/** What became of an accepted commit. */
export interface Accepted extends CommitWelcome {
  /** Who is to process the commit, the committer among them. */
  committed: Member[]
  /** Who is to join with the Welcome, and theirs of it. */
  welcomed: { member: Member; welcome: Uint8Array }[]
  /** Who is in the group now, those among them who have left the call. */
  users: string[]
  /** Milliseconds from proposals to commit. */
  duration: number
}

export const recipientsOf = ({ committed, welcomed }: Pick<Accepted, 'committed' | 'welcomed'>): Member[] => [
  ...committed,
  ...welcomed.map(({ member }) => member),
]

/** A member whose key package may be proposed. */
interface Candidate extends Member {
  keyPackage: AcceptedKeyPackage
}
export const isCandidate = (member: Member): member is Candidate => member.isOnline && member.keyPackage !== undefined

export class MlsGroup {
  readonly id: Uint8Array
  readonly #sender: ExternalSender
  readonly #crypto: GroupCrypto
  #epoch = 0n
  /** Before the first commit every client has a group of its own, at epoch 0. */
  #isEstablished = false
  #leaves = new Leaves<Leaf>()
  #batch: Batch | undefined

  constructor(id: Uint8Array, sender: ExternalSender, crypto: GroupCrypto) {
    this.id = id
    this.#sender = sender
    this.#crypto = crypto
  }

  get epoch(): bigint {
    return this.#epoch
  }
  get isEstablished(): boolean {
    return this.#isEstablished
  }
  get isBusy(): boolean {
    return this.#batch !== undefined
  }
  /** Until when its members have to commit. */
  get deadline(): number {
    return this.#batch?.deadline ?? Infinity
  }
  get hasProposedMembers(): boolean {
    return this.#batch !== undefined && this.#batch.adds.length > 0
  }

  /** Members whose leaf is usable. */
  get members(): Member[] {
    return [...this.#leaves.entries()].filter(([, leaf]) => leaf.isUsable).map(([, leaf]) => leaf.member)
  }
  leafOf(member: Member): [index: number, leaf: Leaf] | undefined {
    for (const entry of this.#leaves.entries()) if (entry[1].member === member && entry[1].isUsable) return entry
    return undefined
  }
  /** The member left. Whether anything is to be done about it. */
  leave(member: Member): boolean {
    const hadLeaf = this.spoilLeaf(member)
    const wasAsked = this.#batch?.recipients.delete(member) ?? false
    if (this.#batch?.recipients.size === 0) this.#batch = undefined
    return hadLeaf || wasAsked
  }
  /** The member has reset itself: its leaf goes with the next batch. Whether it had one. */
  spoilLeaf(member: Member): boolean {
    const leaf = this.leafOf(member)?.[1]
    if (leaf !== undefined) leaf.isUsable = false
    return leaf !== undefined
  }

  /** Proposes the first two of the candidates to each other: whoever commits first has made the group. */
  form(candidates: readonly Candidate[], now: number): void {
    const adds = candidates.slice(0, 2).map(member => this.#add(member))
    const recipients = adds.map(add => add.member)
    this.#batch = batchOf(adds, [], recipients, now)
    for (const member of recipients) send(member, payloadOf(adds.filter(add => add.member !== member)))
  }

  /** Proposes all changes at once to every usable leaf. Whether there were any. */
  change(candidates: readonly Candidate[], now: number): boolean {
    const unusable = [...this.#leaves.entries()].filter(([, leaf]) => !leaf.isUsable)
    const newcomers = candidates.filter(member => this.leafOf(member) === undefined).slice(0, LIMITS.daveBatchAdds)
    if (unusable.length + newcomers.length === 0) return false
    const removes = unusable.map(([leafIndex]) => ({ leafIndex, ...this.#propose({ kind: 'remove', leafIndex }) }))
    const adds = newcomers.map(member => this.#add(member))
    const recipients = this.members
    this.#batch = batchOf(adds, removes, recipients, now)
    const payload = payloadOf([...removes, ...adds])
    for (const member of recipients) send(member, payload)
    return true
  }

  /** Whether anybody is there to commit whose commits are not refused beforehand. */
  hasCommitter(): boolean {
    return this.members.some(member => member.isOnline && !member.isBarred)
  }

  /** Whether a commit is for another epoch: the losers of every race send such. Anything else is for `commit` to judge. */
  isLate(payload: Uint8Array): boolean {
    const place = peekPlace(payload)
    return place !== undefined && place.epoch !== this.#epoch
  }

  /** Whether this member may commit to what was proposed: not if its leaf has become useless since. */
  awaits(member: Member): boolean {
    if (this.#batch?.recipients.has(member) !== true) return false
    return (this.#isEstablished ? this.leafOf(member) : this.#foundingLeaf(member)) !== undefined
  }

  /** Nobody may commit to what was proposed any more. */
  abandonBatch(): void {
    this.#batch = undefined
  }

  /** The commit with everything that follows from it, or why it is refused. Only an accepted one changes anything. */
  commit(committer: Member, payload: Uint8Array, now: number): Accepted | string {
    const batch = this.#batch
    const own = this.#isEstablished ? this.leafOf(committer) : this.#foundingLeaf(committer)
    if (batch === undefined || own === undefined || !batch.recipients.has(committer)) return 'nothing was asked of it'
    if (committer.isBarred && isReplaceable(committer, batch)) return 'its commits have failed before'
    const [leafIndex, leaf] = own
    const adds = this.#isEstablished ? batch.adds : batch.adds.filter(add => add.member !== committer)
    const before = this.#isEstablished ? this.#leaves : new Leaves([leaf])
    const removed = batch.removes.map(remove => remove.leafIndex)
    const size = before.after(removed, adds.map(leafFor))
    const message = judgeCommit(payload, {
      groupId: this.id,
      epoch: this.#epoch,
      committer: { leafIndex, identity: committer.identity, signatureKey: leaf.signatureKey },
      proposals: [...batch.removes, ...adds].map(proposal => proposal.reference),
      removes: removed.length > 0,
      added: adds.map(add => add.keyPackage.reference),
      leaves: size,
      crypto: this.#crypto,
    })
    if (typeof message === 'string') return message
    return this.#accept(message, before, batch, now)
  }

  #accept(message: CommitWelcome, before: Leaves<Leaf>, batch: Batch, now: number): Accepted {
    const committed = [...before.entries()].filter(([, leaf]) => leaf.isUsable).map(([, leaf]) => leaf.member)
    const added = inOrder(message, batch.adds)
    this.#leaves = before.after(
      inOrder(message, batch.removes).map(remove => remove.leafIndex),
      added.map(leafFor),
    )
    const welcomed = added.filter(add => add.member.keyPackage === add.keyPackage).map(add => welcomeOf(message, add))
    // A key package serves once: for whoever is welcomed, and for whoever has made the group with it.
    for (const member of recipientsOf({ committed, welcomed })) member.keyPackage = undefined
    this.#isEstablished = true
    this.#epoch += 1n
    this.#batch = undefined
    const users = [...this.#leaves.entries()].map(([, { member }]) => member.session.userId)
    return { ...message, committed, welcomed, users, duration: now - batch.sentAt }
  }

  /** Who makes a group stands at its leaf 0, with the key of the package it has sent. */
  #foundingLeaf(committer: Member): [index: number, leaf: Leaf] | undefined {
    const add = this.#batch?.adds.find(({ member }) => member === committer)
    return add === undefined || add.keyPackage !== committer.keyPackage ? undefined : [0, leafFor(add)]
  }

  #add(member: Candidate): Add {
    const { keyPackage } = member
    return { member, keyPackage, ...this.#propose({ kind: 'add', keyPackage: keyPackage.bytes }) }
  }

  #propose(proposal: Proposal): SignedProposal {
    return this.#sender.propose({ groupId: this.id, epoch: this.#epoch }, proposal)
  }
}

const batchOf = (adds: Add[], removes: Remove[], recipients: Member[], now: number): Batch => ({
  adds,
  removes,
  recipients: new Set(recipients),
  sentAt: now,
  deadline: now + LIMITS.daveCommitTimeout,
})

const payloadOf = (proposals: readonly SignedProposal[]) => encodeProposals(proposals.map(({ message }) => message))

function send(member: Member, payload: Uint8Array): void {
  member.unanswered++
  member.session.sendBinary(VoiceOp.DaveProposals, payload)
}

/** The leaf an Add makes: not usable if its client left, or has made another key package, before it was welcomed. */
const leafFor = ({ member, keyPackage }: Add): Leaf => ({
  member,
  signatureKey: keyPackage.signatureKey,
  isUsable: member.keyPackage === keyPackage,
})

/** Whether somebody else may commit instead. */
const isReplaceable = (committer: Member, { recipients }: Batch) =>
  [...recipients].some(other => other !== committer && other.isOnline && !other.isBarred)

/** The proposals in the order in which the commit names them: leaves are taken in that order (RFC 9420 §12.4.2). */
function inOrder<T extends SignedProposal>({ commit }: CommitWelcome, proposals: readonly T[]): T[] {
  const byReference = new Map(proposals.map(proposal => [proposal.reference.join(), proposal]))
  return commit.proposals.flatMap(proposal => {
    const found = proposal.kind === 'reference' ? byReference.get(proposal.reference.join()) : undefined
    return found === undefined ? [] : [found]
  })
}

/** The rules have made sure that the Welcome holds a secret for everybody who is added. */
function welcomeOf({ welcome }: CommitWelcome, { member, keyPackage }: Add): { member: Member; welcome: Uint8Array } {
  const own = keyPackage.reference.join()
  const secret = welcome!.secrets.find(({ reference }) => reference.join() === own)!
  return { member, welcome: encodeWelcome(welcome!, secret) }
}
