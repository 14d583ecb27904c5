// Rounds: how changes of membership reach the members. One batch of proposals, its commit, its transition; then the next.
import type { GroupCrypto } from '../crypto.ts'
import { LIMITS } from '../limits.ts'
import type { WriteNote } from '../notes.ts'
import type { ExternalSender } from './external-sender.ts'
import { CommitReports, Recreations, type Verdict } from './failures.ts'
import type { Member, Members } from './member.ts'
import { sendCommit, sendPrepareEpoch, sendPrepareTransition } from './messages.ts'
import { type AcceptedCommit, isCandidate, MlsGroup, recipientsOf } from './mls-group.ts'
import { Transitions } from './transitions.ts'
import type { CallVersion } from './version.ts'

export interface RoundsOptions {
  members: Members
  version: CallVersion
  /** 8 bytes; undefined if the channel cannot have a group. */
  id: () => Uint8Array | undefined
  sender: ExternalSender
  crypto: GroupCrypto
  note: WriteNote
  /** Called when the group has been recreated too often. */
  giveUp: (now: number) => void
}

/**
 * At most one batch per epoch, and one epoch at a time: the next batch waits until the transition of the previous commit is
 * executed. Real MLS libraries disagree, or throw, where a server does otherwise.
 */
export class Rounds {
  readonly #options: RoundsOptions
  readonly #transitions = new Transitions()
  readonly #reports = new CommitReports()
  readonly #recreations = new Recreations()
  #group: MlsGroup
  /** When outstanding changes are proposed; `Infinity` if there are none. */
  #proposeAt = Infinity
  /** Until when the batch that is due waits for key packages at most, however many members reset themselves. */
  #heldUntil = Infinity

  constructor(options: RoundsOptions) {
    this.#options = options
    this.#group = this.#newGroup()
  }

  /** The present group; replaced when it is recreated. */
  get group(): MlsGroup {
    return this.#group
  }
  get isTransitionPending(): boolean {
    return this.#transitions.isPending
  }
  get deadline(): number {
    return Math.min(
      this.#transitions.deadline,
      this.#group.deadline,
      this.#recreations.deadline,
      this.#canPropose() ? this.#proposeAt : Infinity,
    )
  }

  /** A call begins. */
  begin(): void {
    this.#group = this.#newGroup()
  }

  /** Ends the round in progress and forgets the group. */
  end(): void {
    this.#transitions.execute()
    this.#forgetGroup()
  }

  /** Forgets the group without ending the round: its members are closed. */
  abandon(): void {
    this.#forgetGroup()
  }
  /** The next failures may recreate the group again. */
  forgetRecreations(): void {
    this.#recreations.clear()
  }

  /** The member left: whether the group changes by it, and whether members were about to be added. */
  leave(member: Member): { isGroupChanged: boolean; wasBatchOpen: boolean } {
    this.#transitions.remove(member)
    const wasBatchOpen = this.#group.hasProposedMembers
    return { isGroupChanged: this.#group.leave(member), wasBatchOpen }
  }

  /** Stops waiting for the member. */
  skip(member: Member): void {
    this.#transitions.skip(member)
  }

  /** Op 23. */
  ready(member: Member, transitionId: number): void {
    this.#transitions.ready(member, transitionId)
  }

  /** Whether the member received a commit with this id, has not reported it yet, and may well be right. */
  isFounded(member: Member, transitionId: number): boolean {
    return this.#reports.isFounded(transitionId, member)
  }
  /** Op 31 with the leaf that it invalidates. */
  reported(member: Member, transitionId: number): Verdict {
    this.#transitions.skip(member)
    this.#group.invalidateLeaf(member)
    return this.#reports.reported(transitionId, member)
  }

  /** Schedules a batch for outstanding changes; changes that follow within the delay join it. */
  propose(now: number): void {
    const delay = LIMITS.daveBatchDelay + LIMITS.daveBatchDelayPerMember * this.#options.members.size
    this.#proposeAt = Math.min(this.#proposeAt, now + Math.min(delay, LIMITS.daveBatchDelayHighest))
  }

  /** Op 28. Returns the reason if the commit is refused. */
  commit(committer: Member, payload: Uint8Array, now: number): string | undefined {
    const commit = this.#group.commit(committer, payload, now)
    if (!commit.ok) return commit.reason
    this.#announce(committer, commit.value, now)
    return undefined
  }

  /** Moves `members` to another version without a commit: op 21, then op 23 of each, then op 22. */
  switchVersion(members: readonly Member[], version: number, now: number): void {
    sendPrepareTransition(members, version, this.#transitions.prepare(version, members, now))
  }

  /** Handles a missed commit deadline and a postponed recreation that is due. */
  tick(now: number): void {
    if (this.#group.deadline <= now && !this.#commitSpare(now)) this.recreate('no commit in time', now)
    if (this.#recreations.deadline <= now) this.recreate('postponed', now)
  }

  /** Executes the pending transition if it is due. */
  executeDue(now: number): void {
    if (this.#transitions.deadline > now) return
    const { version, note } = this.#options
    version.active = this.#transitions.execute() ?? version.active
    note('dave.executed', { version: version.active, epoch: Number(this.#group.epoch) })
  }

  /** Sends the batch that is due, unless a round is in progress. */
  pump(now: number): void {
    if (!this.#canPropose() || this.#proposeAt > now) return
    const { members } = this.#options
    if (this.#holds(members.holdUntil, now)) return
    const candidates = members.all.filter(isCandidate)
    if (!this.#group.isEstablished) {
      if (candidates.length >= 2) this.#group.form(candidates, now)
    } else if (this.#lacksCommitter()) this.recreate('no member left that can commit', now)
    else this.#group.change(candidates, now)
  }

  /** Whether the batch that is due waits for members that have reset themselves. */
  #holds(holdUntil: number, now: number): boolean {
    this.#proposeAt = Math.min(holdUntil, this.#heldUntil)
    const isHeld = this.#proposeAt > now
    this.#heldUntil = isHeld ? Math.min(this.#heldUntil, now + LIMITS.daveResetDelay) : Infinity
    if (!isHeld) this.#proposeAt = Infinity
    return isHeld
  }

  /** The group cannot continue: all members create a new one, at once, later, or not at all. */
  recreate(reason: string, now: number): void {
    const decision = this.#recreations.request(now)
    this.#options.note('dave.recreated', { reason, decision })
    if (decision === 'now') this.restart(now)
    else if (decision === 'give up') this.#options.giveUp(now)
    else this.#group.abandonBatch()
  }

  /** Makes all members create a new group. */
  restart(now: number): void {
    const { members, version, sender } = this.#options
    version.active = this.#transitions.execute() ?? version.active
    this.#forgetGroup()
    for (const member of members) sendPrepareEpoch(member, version.target, sender, now)
  }

  /** The commit of a barred member counts where no other arrived in time. Returns whether there was a valid one. */
  #commitSpare(now: number): boolean {
    const { spare } = this.#group
    if (spare === undefined) return false
    const commit = this.#group.commit(spare.committer, spare.payload, now, true)
    if (commit.ok) this.#announce(spare.committer, commit.value, now)
    return commit.ok
  }

  /**
   * Whether no member of the group can commit, or only barred ones, and at least as many others wait outside: they create a group of
   * their own. Fewer could be accomplices of a member whose reports barred the members of the group.
   */
  #lacksCommitter(): boolean {
    const online = this.#group.members.filter(member => member.isOnline)
    if (online.some(member => !member.isBarred)) return false
    const outside = this.#options.members.all.filter(member => member.isOnline && member.isCapable && !member.isBarred)
    return online.length <= outside.length
  }

  /** Whether a batch may be sent: version above 0, no batch, transition or postponed recreation in progress. */
  #canPropose(): boolean {
    if (this.#options.version.target === 0 || this.#group.hasBatch) return false
    return !this.#transitions.isPending && !this.#recreations.isPostponed
  }

  /** Sends an accepted commit on as op 29 and op 30, and starts its transition. */
  #announce(committer: Member, commit: AcceptedCommit, now: number): void {
    const { members, version, note } = this.#options
    const recipients = recipientsOf(commit)
    const id = this.#transitions.prepare(version.target, recipients, now)
    this.#reports.announced(id, committer, recipients)
    sendCommit(id, commit, members)
    // Added members that have left, and members that were not added yet, are for the next batch.
    this.propose(now)
    const { epoch, members: inGroup } = this.#group
    const fields = { version: version.active, epoch: Number(epoch), members: inGroup.length }
    note('dave.committed', { ...fields, duration: commit.duration, recipients: recipients.length })
  }

  #forgetGroup(): void {
    this.#group = this.#newGroup()
    this.#reports.clear()
    this.#recreations.cancel()
    this.#proposeAt = Infinity
    this.#heldUntil = Infinity
  }

  #newGroup(): MlsGroup {
    const { id, sender, crypto } = this.#options
    return new MlsGroup(id() ?? new Uint8Array(8), sender, crypto)
  }
}
