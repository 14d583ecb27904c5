// The DAVE group of one channel: which protocol version its call speaks, and how its members come to share an MLS group.
import { VoiceClose, type VoiceOp } from '@parley/protocol'
import type { GroupCrypto } from '../crypto.ts'
import { LIMITS } from '../limits.ts'
import type { WriteNote } from '../notes.ts'
import { announceCommit, introduceSender, prepareEpoch, prepareTransition } from './announcements.ts'
import { Blame } from './blame.ts'
import type { ExternalSender } from './external-sender.ts'
import { type AcceptedKeyPackage, judgeKeyPackage } from './key-package-rules.ts'
import { type DaveSession, Member } from './member.ts'
import { Members } from './members.ts'
import { type Accepted, isCandidate, MlsGroup, recipientsOf } from './mls-group.ts'
import { DAVE_VERSION, type DaveEnding, type DavePolicy, type DaveState, REQUIRED, versionOf } from './policy.ts'
import { Recreations } from './recreations.ts'
import { Transitions } from './transition.ts'
import { UpgradePlan } from './upgrade-plan.ts'

export interface DaveGroupOptions {
  policy: DavePolicy
  /** 8 bytes; asked when the first member comes. Undefined if the channel's id is no snowflake: then there is no DAVE. */
  id: () => Uint8Array | undefined
  sender: ExternalSender
  crypto: GroupCrypto
  note: WriteNote
}

/**
 * Inputs are methods with `now`; what goes out goes to the sessions; sessions to be closed wait in `takeEndings`. One batch
 * of proposals per epoch, and one epoch at a time: the next waits until the transition of the one before is executed.
 */
export class DaveGroup {
  readonly #options: DaveGroupOptions
  readonly #members = new Members()
  readonly #transitions = new Transitions()
  readonly #blame = new Blame()
  readonly #recreations = new Recreations()
  readonly #upgradePlan = new UpgradePlan()
  readonly #note: DaveGroupOptions['note']
  #policy: DavePolicy
  #mls: MlsGroup
  /** The version that is aimed at, and the one in force. */
  #target = 0
  #active = 0
  /** When outstanding changes of membership are proposed; Infinity if there are none. */
  #proposeAt = Infinity
  #endings: DaveEnding[] = []

  constructor(options: DaveGroupOptions) {
    this.#options = options
    this.#note = options.note
    this.#policy = options.policy
    this.#mls = this.#newGroup()
  }

  get state(): DaveState {
    const members = this.#mls.isEstablished ? this.#mls.members.length : 0
    return { version: this.#active, epoch: Number(this.#mls.epoch), members }
  }

  get deadline(): number {
    return Math.min(
      this.#transitions.deadline,
      this.#mls.deadline,
      this.#recreations.deadline,
      this.#mayPropose() ? this.#proposeAt : Infinity,
      this.#transitions.isPreparing ? Infinity : this.#upgradePlan.deadline,
      this.#members.deadline,
    )
  }

  /** Sessions to be closed since the last call. */
  takeEndings(): DaveEnding[] {
    return this.#endings.splice(0)
  }

  /** Whether a client that claims this version may be in the call. */
  admits(claimedVersion: number): boolean {
    return this.#policy !== 'required' || claimedVersion > 0
  }

  /** A session is about to be told its version, which is returned. A client that is told anew starts from nothing. */
  join(session: DaveSession, claimedVersion: number, now: number): number {
    const before = this.#members.get(session)
    this.leave(session, now)
    const member = new Member(session, claimedVersion, now, before)
    this.#members.add(member)
    if (this.#members.size === 1) this.#begin(member)
    if (this.#versionOf(member) === 0) this.#turnedAway(member, now)
    const version = Math.min(this.#target, this.#versionOf(member))
    if (version > 0) {
      member.isTold = true
      member.begins()
      member.owesKeyPackage(now)
    }
    this.#settle(now)
    return version
  }

  /** The session has been told its version. */
  joined(session: DaveSession): void {
    const member = this.#members.get(session)
    if (member?.isTold) introduceSender(member, this.#options.sender)
  }

  leave(session: DaveSession, now: number): void {
    const member = this.#members.get(session)
    if (member === undefined) return
    this.#members.remove(member)
    this.#transitions.removeMember(member)
    const wasProposed = this.#mls.hasProposedMembers
    const isMissed = this.#mls.leave(member)
    member.owesNothing()
    const { sole } = this.#members
    if (this.#members.size === 0) this.#end()
    else if (sole !== undefined && this.#target > 0 && (this.#mls.isEstablished || wasProposed))
      this.#resetSole(sole, now)
    else if (isMissed) this.#propose(now)
    this.#settle(now)
  }

  /** Its connection is lost: it stays, but nothing waits for it. */
  away(session: DaveSession, now: number): void {
    const member = this.#members.get(session)
    if (member === undefined) return
    member.lost()
    this.#transitions.dropMember(member)
    // It may have reset itself, and its report be lost with the connection: to such a client no proposal may be sent.
    if (member.unconfirmed !== undefined && this.#mls.spoilLeaf(member)) this.#propose(now)
    this.#settle(now)
  }

  /** It has resumed, and has been sent what it missed: messages with these opcodes. */
  back(session: DaveSession, missed: readonly VoiceOp[], now: number): void {
    const member = this.#members.get(session)
    if (member === undefined) return
    if (member.isOnline) this.away(session, now)
    member.resumed(missed, now)
    const isSettled = member.isBeginning || member.keyPackage !== undefined || this.#mls.leafOf(member) !== undefined
    // Its key package may have been lost with the connection, and it would not think of sending it again.
    if (!isSettled && this.#participant(session)) prepareEpoch(member, this.#target, this.#options.sender, now)
    this.#propose(now)
    this.#settle(now)
  }

  /** Op 26. */
  keyPackage(session: DaveSession, payload: Uint8Array, now: number): void {
    const hasBegun = this.#members.get(session)?.hasBegun()
    const member = this.#participant(session)
    if (member === undefined) return
    if (member.keyPackageBy === Infinity && !member.mayBeUnasked(now))
      return this.#refuse(member, VoiceClose.RateLimited, 'too many key packages')
    const judged = judgeKeyPackage(payload, { identity: member.identity, crypto: this.#options.crypto })
    if (typeof judged === 'string') this.#refuse(member, VoiceClose.BadRequest, `key package: ${judged}`)
    else if (hasBegun) this.#takeKeyPackage(member, judged, now)
    else member.spareKeyPackage = judged
    this.#settle(now)
  }

  /** Op 28. Whoever is second in a race sends one too, so a late one is no offence. */
  commitWelcome(session: DaveSession, payload: Uint8Array, now: number): void {
    const member = this.#participant(session)
    if (member === undefined) return
    const isAsked = member.unanswered > 0
    if (isAsked) member.unanswered--
    else if (!member.mayBeUnasked(now)) return this.#refuse(member, VoiceClose.RateLimited, 'too many commits')
    if (!isAsked || !this.#mls.awaits(member) || this.#mls.isLate(payload)) return
    const accepted = this.#mls.commit(member, payload, now)
    if (typeof accepted === 'string') {
      member.strikes++
      this.#note('dave.commit_refused', { user: session.userId, reason: accepted })
    } else this.#commitAccepted(member, accepted, now)
    this.#settle(now)
  }

  /** Op 23. */
  ready(session: DaveSession, transitionId: number, now: number): void {
    const member = this.#members.get(session)
    if (member === undefined) return
    if (member.unconfirmed === transitionId) member.unconfirmed = undefined
    this.#transitions.ready(member, transitionId)
    this.#settle(now)
  }

  /** Op 31: the client has reset itself, and its key package follows. The id may be an old one. */
  invalid(session: DaveSession, transitionId: number, now: number): void {
    this.#members.get(session)?.begins()
    const member = this.#participant(session)
    if (member === undefined) return
    if (!member.mayReport(now)) return this.#refuse(member, VoiceClose.BadRequest, 'too many invalid commits')
    this.#transitions.dropMember(member)
    this.#mls.spoilLeaf(member)
    member.owesKeyPackage(now)
    member.heldUntil = now + LIMITS.daveResetDelay
    const verdict = this.#blame.reported(transitionId, member)
    this.#note('dave.invalid', { user: session.userId, transition: transitionId, verdict })
    if (verdict === 'useless') this.#recreate('nobody could use the commit', now)
    else this.#propose(now)
    this.#settle(now)
  }

  setPolicy(policy: DavePolicy, now: number): void {
    if (policy === this.#policy) return
    this.#policy = policy
    for (const member of this.#members)
      if (policy === 'required' && this.#versionOf(member) === 0) this.#refuse(member, ...REQUIRED)
    if (policy === 'off' && this.#target > 0) this.#downgrade(now)
    this.#settle(now)
  }

  tick(now: number): void {
    for (const member of this.#members.all) if (member.keyPackageBy <= now) this.#keyPackageOverdue(member, now)
    if (this.#mls.deadline <= now) this.#recreate('no commit in time', now)
    if (this.#recreations.deadline <= now) this.#recreate('again', now)
    this.#settle(now)
  }

  inspect(): object {
    return {
      policy: this.#policy,
      target: this.#target,
      ...this.state,
      proposed: this.#mls.isBusy,
      preparing: this.#transitions.isPreparing,
      users: this.#members.all.map(member => member.inspect(this.#versionOf(member), this.#mls.leafOf(member)?.[0])),
    }
  }

  /** What follows from any input: transitions that are over, versions that can change, batches that are due. */
  #settle(now: number): void {
    if (this.#transitions.deadline <= now) {
      this.#active = this.#transitions.execute() ?? this.#active
      this.#note('dave.executed', { version: this.#active, epoch: Number(this.#mls.epoch) })
    }
    this.#upgradePlan.consider(this.#canUpgrade(), now)
    if (this.#upgradePlan.deadline <= now && !this.#transitions.isPreparing) this.#upgrade(now)
    this.#pump(now)
  }

  #mayPropose(): boolean {
    return this.#target > 0 && !this.#mls.isBusy && !this.#transitions.isPreparing && !this.#recreations.isDue
  }

  #pump(now: number): void {
    if (!this.#mayPropose() || this.#proposeAt > now) return
    const { heldUntil } = this.#members
    this.#proposeAt = heldUntil > now ? heldUntil : Infinity
    if (heldUntil > now) return
    const candidates = this.#members.all.filter(isCandidate)
    if (!this.#mls.isEstablished) {
      if (candidates.length >= 2) this.#mls.form(candidates, now)
    } else if (!this.#mls.hasCommitter()) this.#recreate('nobody is left to commit', now)
    else this.#mls.change(candidates, now)
  }

  /** Something is outstanding: it is proposed in a moment, with all that comes until then. */
  #propose(now: number): void {
    const delay = LIMITS.daveBatchDelay + LIMITS.daveBatchDelayPerMember * this.#members.size
    this.#proposeAt = Math.min(this.#proposeAt, now + Math.min(delay, LIMITS.daveBatchDelayHighest))
  }

  #takeKeyPackage(member: Member, keyPackage: AcceptedKeyPackage, now: number): void {
    member.owesNothing()
    member.keyPackage = keyPackage
    member.heldUntil = 0
    // A client that has a leaf and makes a key package has reset itself.
    this.#mls.spoilLeaf(member)
    this.#propose(now)
  }

  #commitAccepted(committer: Member, accepted: Accepted, now: number): void {
    const recipients = recipientsOf(accepted)
    const id = this.#transitions.prepare(this.#target, recipients, now)
    this.#blame.committed(id, committer, recipients)
    announceCommit(id, accepted, this.#members)
    // Whoever was added and is gone, or was not added yet, is for the next batch.
    this.#propose(now)
    this.#note('dave.committed', { ...this.state, duration: accepted.duration, recipients: recipients.length })
  }

  /** The first member of a call. Nobody hears it yet, so its version is in force at once. */
  #begin(member: Member): void {
    this.#target = this.#versionOf(member)
    this.#active = this.#target
    this.#upgradePlan.reset()
    this.#mls = this.#newGroup()
  }

  /** The last member has left. */
  #end(): void {
    this.#transitions.execute()
    this.#forgetGroup()
    this.#target = 0
    this.#active = 0
  }

  /** Who is alone again makes a group of its own: nobody who left shall share it. */
  #resetSole(member: Member, now: number): void {
    this.#transitions.execute()
    this.#forgetGroup()
    prepareEpoch(member, this.#target, this.#options.sender, now)
    prepareTransition([member], this.#target, 0)
    this.#active = this.#target
  }

  /** The way out when a group cannot go on: everyone makes a new one. */
  #recreate(reason: string, now: number): void {
    const decision = this.#recreations.ask(now)
    this.#note('dave.recreated', { reason, decision })
    if (decision === 'now') this.#restart(now)
    else if (decision === 'give up') this.#giveUp(now)
    else this.#mls.abandonBatch()
  }

  #restart(now: number): void {
    this.#active = this.#transitions.execute() ?? this.#active
    this.#forgetGroup()
    for (const member of this.#members) {
      member.strikes = 0
      prepareEpoch(member, this.#target, this.#options.sender, now)
    }
  }

  #giveUp(now: number): void {
    this.#upgradePlan.postpone(now)
    this.#recreations.forget()
    if (this.#policy !== 'required') return this.#downgrade(now)
    for (const member of this.#members) this.#refuse(member, VoiceClose.ServerCrashed, 'no encrypted group came about')
    this.#forgetGroup()
  }

  #downgrade(now: number): void {
    this.#transitions.execute()
    this.#forgetGroup()
    this.#target = 0
    const told = this.#members.all.filter(member => member.isTold)
    for (const member of told) member.owesNothing()
    prepareTransition(told, 0, this.#transitions.prepare(0, told, now))
    this.#note('dave.downgraded', { users: told.length })
  }

  #canUpgrade(): boolean {
    return (
      this.#target === 0 && this.#members.size > 0 && this.#members.all.every(member => this.#versionOf(member) > 0)
    )
  }

  #upgrade(now: number): void {
    this.#target = DAVE_VERSION
    this.#upgradePlan.consider(false, now)
    this.#note('dave.upgraded', { users: this.#members.size })
    const { sole } = this.#members
    if (sole !== undefined) this.#resetSole(sole, now)
    else this.#restart(now)
  }

  /** A client that claimed DAVE and did not send its key package; some answer once what they were asked twice. */
  #keyPackageOverdue(member: Member, now: number): void {
    if (member.spareKeyPackage !== undefined) return this.#takeKeyPackage(member, member.spareKeyPackage, now)
    member.isIncapable = true
    member.owesNothing()
    this.#note('dave.incapable', { user: member.session.userId })
    this.#turnedAway(member, now)
  }

  /** Somebody cannot take part: the call does without, or without them. */
  #turnedAway(member: Member, now: number): void {
    if (this.#policy === 'required') return this.#refuse(member, ...REQUIRED)
    // Frames that others have sealed are still on their way.
    if (!member.isCapable && this.#members.all.some(other => other.isTold)) member.session.refuseSealed()
    if (this.#target > 0) this.#downgrade(now)
  }

  #refuse(member: Member, code: number, reason: string): void {
    member.owesNothing()
    if (this.#endings.some(({ session }) => session === member.session)) return
    this.#endings.push({ session: member.session, code, reason })
  }

  #newGroup(): MlsGroup {
    return new MlsGroup(this.#options.id() ?? new Uint8Array(8), this.#options.sender, this.#options.crypto)
  }

  #forgetGroup(): void {
    this.#mls = this.#newGroup()
    this.#blame.forget()
    this.#recreations.cancel()
    this.#proposeAt = Infinity
  }

  /** Who may send DAVE messages now: a member that was told of a version above 0, while one is aimed at. */
  #participant(session: DaveSession): Member | undefined {
    const member = this.#members.get(session)
    return this.#target > 0 && member?.isTold && !member.isIncapable ? member : undefined
  }

  #versionOf(member: Member): number {
    return this.#options.id() === undefined ? 0 : versionOf(member, this.#policy)
  }
}
