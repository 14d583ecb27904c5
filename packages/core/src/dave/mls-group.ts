// One MLS group as its delivery service sees it: epoch, leaves, and the batch of proposals to be committed.
// It holds no secrets: leaves are derived from the commits that it accepts, whose contents only the members can
// decrypt.
import { encodeProposals, encodeWelcome, type Proposal, peekPlace, VoiceOp } from '@parley/protocol'
import type { GroupCrypto } from '../crypto.ts'
import { LIMITS } from '../limits.ts'
import { ok, type Result, refused } from '../result.ts'
import { type CommitWelcome, judgeCommit } from './commit-rules.ts'
import type { ExternalSender, SignedProposal } from './external-sender.ts'
import type { AcceptedKeyPackage } from './key-package-rules.ts'
import { Leaves } from './leaves.ts'
import type { Member } from './member.ts'

/** A leaf of the ratchet tree: the member that it belongs to, and the key that verifies its commits. */
export interface Leaf {
  readonly member: Member
  readonly signatureKey: Uint8Array
  /** False after its client has left or reset itself: the next batch removes the leaf. */
  isUsable: boolean
}

interface Add extends SignedProposal {
  member: Member
  keyPackage: AcceptedKeyPackage
}
interface Remove extends SignedProposal {
  leafIndex: number
}

/** A commit that waits in case that no other arrives. */
interface Spare {
  committer: Member
  payload: Uint8Array
}

/** The proposals of one epoch, and who was sent them. */
interface Batch {
  adds: Add[]
  removes: Remove[]
  /** Members that may commit. */
  recipients: Set<Member>
  /** A valid commit of a barred member, of those with the fewest strikes. */
  spare: Spare | undefined
  sentAt: number
  deadline: number
}

/** An accepted commit and its consequences. */
export interface AcceptedCommit extends CommitWelcome {
  /** Members that process the commit, the committer included. */
  committed: Member[]
  /** Members that join with a Welcome, each reduced to the secret of that member. */
  welcomed: { member: Member; welcome: Uint8Array }[]
  /** Users in the group after the commit, those that have left the call included. */
  users: string[]
  /** Milliseconds from proposals to commit. */
  duration: number
}

/** The members that were sent a commit or Welcome, and have to become ready. */
export const recipientsOf = ({ committed, welcomed }: Pick<AcceptedCommit, 'committed' | 'welcomed'>): Member[] => [
  ...committed,
  ...welcomed.map(({ member }) => member),
]

/** A member whose key package may be proposed. */
interface Candidate extends Member {
  keyPackage: AcceptedKeyPackage
}
export const isCandidate = (member: Member): member is Candidate => member.isOnline && member.keyPackage !== undefined

/**
 * `form` creates the group, `change` proposes to an existing one, `commit` moves it to the next epoch. One batch at a
 * time.
 */
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
  /** Whether a batch waits for its commit. */
  get hasBatch(): boolean {
    return this.#batch !== undefined
  }
  /** When the batch has to be committed; `Infinity` without one. */
  get deadline(): number {
    return this.#batch?.deadline ?? Infinity
  }
  /** Whether the batch adds members. */
  get hasProposedMembers(): boolean {
    return this.#batch !== undefined && this.#batch.adds.length > 0
  }

  /** Members with a usable leaf. */
  get members(): Member[] {
    return [...this.#leaves.entries()].filter(([, leaf]) => leaf.isUsable).map(([, leaf]) => leaf.member)
  }
  /** The usable leaf of a member; undefined if it has none. */
  leafOf(member: Member): [index: number, leaf: Leaf] | undefined {
    for (const entry of this.#leaves.entries()) if (entry[1].member === member && entry[1].isUsable) return entry
    return undefined
  }
  /** The member left. Returns whether the group changes by it. */
  leave(member: Member): boolean {
    const hadLeaf = this.invalidateLeaf(member)
    const wasRecipient = this.#batch?.recipients.delete(member) ?? false
    if (this.#batch?.recipients.size === 0) this.#batch = undefined
    return hadLeaf || wasRecipient
  }
  /** The member has reset itself: the next batch removes its leaf. Returns whether it had one. */
  invalidateLeaf(member: Member): boolean {
    const leaf = this.leafOf(member)?.[1]
    if (leaf !== undefined) leaf.isUsable = false
    return leaf !== undefined
  }

  /** Proposes two candidates to each other, those with the fewest strikes; the first valid commit creates the group. */
  form(candidates: readonly Candidate[], now: number): void {
    const founders = [...candidates].sort((one, other) => one.history.strikes - other.history.strikes).slice(0, 2)
    const adds = founders.map(member => this.#add(member))
    const recipients = adds.map(add => add.member)
    this.#batch = batchOf(adds, [], recipients, now)
    for (const member of recipients) send(member, payloadOf(adds.filter(add => add.member !== member)))
  }

  /** Proposes all outstanding changes in one batch to every usable leaf. Returns whether there were any. */
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

  /** Whether a commit is for another epoch, as those of the losers of a race are. Everything else is left to `commit`. */
  isLate(payload: Uint8Array): boolean {
    const place = peekPlace(payload)
    return place !== undefined && place.epoch !== this.#epoch
  }

  /** Whether this member may commit the batch: not if its leaf has become unusable since. */
  mayCommit(member: Member): boolean {
    if (this.#batch?.recipients.has(member) !== true) return false
    return (this.#isEstablished ? this.leafOf(member) : this.#foundingLeaf(member)) !== undefined
  }

  /** What a barred member has sent for the batch: it counts if no other member commits in time. */
  get spare(): Spare | undefined {
    return this.#batch?.spare
  }

  /** Withdraws the batch: no commit of it is accepted. */
  abandonBatch(): void {
    this.#batch = undefined
  }

  /** Checks a commit and applies it, that of a barred member only if `isLast`. A refused commit changes nothing. */
  commit(committer: Member, payload: Uint8Array, now: number, isLast = false): Result<AcceptedCommit> {
    const batch = this.#batch
    const own = this.#isEstablished ? this.leafOf(committer) : this.#foundingLeaf(committer)
    if (batch === undefined || own === undefined || !batch.recipients.has(committer))
      return refused('no proposals were sent to this member')
    const [leafIndex, leaf] = own
    const adds = this.#isEstablished ? batch.adds : batch.adds.filter(add => add.member !== committer)
    const before = this.#isEstablished ? this.#leaves : new Leaves([leaf])
    const removed = batch.removes.map(remove => remove.leafIndex)
    const judged = judgeCommit(payload, {
      groupId: this.id,
      epoch: this.#epoch,
      committer: { leafIndex, identity: committer.identity, signatureKey: leaf.signatureKey },
      proposals: [...batch.removes, ...adds].map(proposal => proposal.reference),
      removes: removed.length > 0,
      added: adds.map(add => add.keyPackage.reference),
      leaves: before.after(removed, adds.map(leafFor)),
      crypto: this.#crypto,
    })
    if (!judged.ok) return judged
    if (!isLast && committer.isBarred && isReplaceable(committer, batch)) {
      keepSpare(batch, committer, payload)
      return refused('earlier commits of this member failed')
    }
    return ok(this.#apply(judged.value, before, batch, now))
  }

  /** Applies a commit that kept all rules: tree, epoch, and which members process it or join with it. */
  #apply(accepted: CommitWelcome, before: Leaves<Leaf>, batch: Batch, now: number): AcceptedCommit {
    const committed = [...before.entries()].filter(([, leaf]) => leaf.isUsable).map(([, leaf]) => leaf.member)
    const added = inOrder(accepted, batch.adds)
    this.#leaves = before.after(
      inOrder(accepted, batch.removes).map(remove => remove.leafIndex),
      added.map(leafFor),
    )
    const welcomed = added.filter(add => add.member.keyPackage === add.keyPackage).map(add => welcomeOf(accepted, add))
    // A key package is used once: by the members that join, and by the committer that creates the group with it.
    for (const member of recipientsOf({ committed, welcomed })) member.keyPackage = undefined
    this.#isEstablished = true
    this.#epoch += 1n
    this.#batch = undefined
    const users = [...this.#leaves.entries()].map(([, { member }]) => member.session.userId)
    return { ...accepted, committed, welcomed, users, duration: now - batch.sentAt }
  }

  /** The creator of a group is its leaf 0, with the signature key of the key package that it has sent. */
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
  spare: undefined,
  sentAt: now,
  deadline: now + LIMITS.daveCommitTimeout,
})

const payloadOf = (proposals: readonly SignedProposal[]) => encodeProposals(proposals.map(({ bytes }) => bytes))

/** Op 27. Each one may be answered with a commit, see `openProposals`. */
function send(member: Member, payload: Uint8Array): void {
  member.openProposals++
  member.session.sendBinary(VoiceOp.DaveProposals, payload)
}

/** The leaf that an Add creates: unusable if its client left, or sent another key package, before the commit. */
const leafFor = ({ member, keyPackage }: Add): Leaf => ({
  member,
  signatureKey: keyPackage.signatureKey,
  isUsable: member.keyPackage === keyPackage,
})

/** Whether another member can commit instead. */
const isReplaceable = (committer: Member, { recipients }: Batch) =>
  [...recipients].some(other => other !== committer && other.isOnline && !other.isBarred)

/** Keeps a copy of the commit: the payload belongs to the host. */
function keepSpare(batch: Batch, committer: Member, payload: Uint8Array): void {
  const fewest = batch.spare?.committer.history.strikes ?? Infinity
  if (committer.history.strikes < fewest) batch.spare = { committer, payload: payload.slice() }
}

/** The proposals in the order in which the commit names them, which is the order of their leaves (RFC 9420 §12.4.2). */
function inOrder<T extends SignedProposal>({ commit }: CommitWelcome, proposals: readonly T[]): T[] {
  const byReference = new Map(proposals.map(proposal => [proposal.reference.join(), proposal]))
  return commit.proposals.flatMap(proposal => {
    const found = proposal.kind === 'reference' ? byReference.get(proposal.reference.join()) : undefined
    return found === undefined ? [] : [found]
  })
}

/** The commit rules guarantee that the Welcome holds a secret for every added member. */
function welcomeOf({ welcome }: CommitWelcome, { member, keyPackage }: Add): { member: Member; welcome: Uint8Array } {
  const own = keyPackage.reference.join()
  const secret = welcome!.secrets.find(({ reference }) => reference.join() === own)!
  return { member, welcome: encodeWelcome(welcome!, secret) }
}
