// The DAVE group of one channel: its members, the version of its call, and the rounds that change its MLS group.
// Three parts do the work: `CallVersion` decides between version 0 and 1, `Rounds` changes the MLS group in batches,
// `Member` holds what one client was sent and has sent. docs/dave.md has the states, messages and times.
import { VoiceClose } from '@parley/protocol'
import type { GroupCrypto } from '../crypto.ts'
import { LIMITS } from '../limits.ts'
import type { WriteNote } from '../notes.ts'
import type { ExternalSender } from './external-sender.ts'
import { type AcceptedKeyPackage, judgeKeyPackage } from './key-package-rules.ts'
import { type DaveSession, Member, type MemberInspection, Members, type ReplayedMessage } from './member.ts'
import { sendExternalSender, sendPrepareEpoch, sendPrepareTransition } from './messages.ts'
import { Rounds } from './rounds.ts'
import { CallVersion, DAVE_FULL, DAVE_REQUIRED, type DaveEnding, type DavePolicy, type DaveState } from './version.ts'

export interface DaveGroupOptions {
  policy: DavePolicy
  /** 8 bytes; read when the first member joins. Undefined if the channel id is not a snowflake: no DAVE there. */
  id: () => Uint8Array | undefined
  sender: ExternalSender
  crypto: GroupCrypto
  note: WriteNote
}

/** A group as `VoiceNode.inspect()` shows it. */
export interface DaveInspection extends DaveState {
  readonly policy: DavePolicy
  /** The version that the call is changing to, or has. */
  readonly target: number
  /** Whether a batch of proposals waits for a commit. */
  readonly proposed: boolean
  /** Whether a transition waits for its members. */
  readonly preparing: boolean
  readonly users: readonly MemberInspection[]
}

/**
 * Inputs are methods with `now`; outputs go to the sessions; sessions to close are returned by `takeEndings`. Every
 * input ends with `#settle`. Messages of clients without a DAVE session are ignored; a client that breaks a rule is
 * closed, and the call continues.
 */
export class DaveGroup {
  readonly #sender: ExternalSender
  readonly #crypto: GroupCrypto
  readonly #note: WriteNote
  readonly #members = new Members()
  readonly #version: CallVersion
  readonly #rounds: Rounds
  #endings: DaveEnding[] = []

  constructor({ policy, id, sender, crypto, note }: DaveGroupOptions) {
    this.#sender = sender
    this.#crypto = crypto
    this.#note = note
    this.#version = new CallVersion(policy, () => id() !== undefined)
    this.#rounds = new Rounds({
      members: this.#members,
      version: this.#version,
      id,
      sender,
      crypto,
      note,
      giveUp: now => this.#giveUp(now),
    })
  }

  /** What backends are sent as CHANNEL_DAVE. */
  get state(): DaveState {
    const { group } = this.#rounds
    const members = group.isEstablished ? group.members.length : 0
    return { version: this.#version.active, epoch: Number(group.epoch), members }
  }

  /** When `tick` has something to do. An upgrade waits while a transition is pending. */
  get deadline(): number {
    const upgradeAt = this.#rounds.isTransitionPending ? Infinity : this.#version.upgradeAt
    return Math.min(this.#rounds.deadline, upgradeAt, this.#members.deadline)
  }

  /** Sessions to close since the last call. */
  takeEndings(): DaveEnding[] {
    return this.#endings.splice(0)
  }

  /** Whether a client that claims this version may join. */
  admits(claimedVersion: number): boolean {
    return this.#version.admits(claimedVersion)
  }

  /**
   * The session is about to be sent its Session Description. Returns the version to name there. A session that is described
   * again resets its client, and is a new member.
   */
  join(session: DaveSession, claimedVersion: number, now: number): number {
    const before = this.#members.get(session)
    this.leave(session, now)
    const history = this.#members.historyOf(session, now)
    const member = new Member(session, claimedVersion, history, before)
    this.#members.add(member)
    if (this.#members.size === 1) this.#begin(member)
    const hasPlace = this.#members.size <= LIMITS.daveMembers
    if (this.#version.of(member) === 0) this.#excluded(member, now)
    else if (!hasPlace) this.#crowded(member, now)
    const version = hasPlace ? Math.min(this.#version.target, this.#version.of(member)) : 0
    if (version > 0) {
      member.hasDaveSession = true
      member.resetRequested()
      member.requireKeyPackage(now)
    }
    // It makes a sole other member start over, and all others commit.
    if (before?.hasDaveSession && !history.takeUnsolicited(now))
      this.#refuse(member, VoiceClose.RateLimited, 'too many Select Protocol messages')
    this.#settle(now)
    return version
  }

  /** The Session Description was sent. */
  joined(session: DaveSession): void {
    const member = this.#members.get(session)
    if (member?.hasDaveSession) sendExternalSender(member, this.#sender)
  }

  /** The session ended. Its leaf is removed in the next batch; the last member left starts a group of its own. */
  leave(session: DaveSession, now: number): void {
    const member = this.#members.get(session)
    if (member === undefined) return
    this.#members.remove(member)
    const { isGroupChanged, wasBatchOpen } = this.#rounds.leave(member)
    member.discardKeyPackages()
    const { sole } = this.#members
    if (this.#members.size === 0) this.#end()
    else if (sole !== undefined && this.#version.target > 0 && (this.#rounds.group.isEstablished || wasBatchOpen))
      this.#resetSole(sole, now)
    else if (isGroupChanged) this.#rounds.propose(now)
    this.#settle(now)
  }

  /** The connection of the session is lost. It stays a member, but the group does not wait for it. */
  away(session: DaveSession, now: number): void {
    const member = this.#members.get(session)
    if (member === undefined) return
    member.disconnected()
    this.#rounds.skip(member)
    // It may have reset itself, and op 31 may be lost with the connection: such a client must not receive proposals.
    if (member.unconfirmedTransition !== undefined && this.#rounds.group.invalidateLeaf(member))
      this.#rounds.propose(now)
    this.#settle(now)
  }

  /** The session has resumed. `missed` are the messages replayed to it; undefined without a replay. */
  back(session: DaveSession, missed: readonly ReplayedMessage[] | undefined, now: number): void {
    const member = this.#members.get(session)
    if (member === undefined) return
    if (member.isOnline) this.away(session, now)
    member.resumed(missed ?? [], now)
    if (missed === undefined) this.#resetResumed(member, now)
    const hasLeaf = this.#rounds.group.leafOf(member) !== undefined
    const isInProgress = member.isResetting || member.keyPackage !== undefined || hasLeaf
    // Its key package may be lost with the connection, and the client would not send it again without op 24.
    if (!isInProgress && this.#participant(session)) sendPrepareEpoch(member, this.#version.target, this.#sender, now)
    this.#rounds.propose(now)
    this.#settle(now)
  }

  /** Without a replay the client may have missed any message: it creates a new group, or learns that the call is not encrypted. */
  #resetResumed(member: Member, now: number): void {
    const { target } = this.#version
    if (!member.hasDaveSession) return
    if (target === 0) return sendPrepareTransition([member], 0, 0)
    this.#rounds.group.invalidateLeaf(member)
    member.hasExternalSender = false
    sendPrepareEpoch(member, target, this.#sender, now)
    if (this.#members.sole === member) sendPrepareTransition([member], target, 0)
  }

  /** Op 26. */
  keyPackage(session: DaveSession, payload: Uint8Array, now: number): void {
    const isLatest = this.#members.get(session)?.keyPackageArrived()
    const member = this.#participant(session)
    if (member === undefined) return
    if (member.keyPackageDeadline === Infinity && !member.history.takeUnsolicited(now))
      return this.#refuse(member, VoiceClose.RateLimited, 'too many key packages')
    const judged = judgeKeyPackage(payload, { identity: member.identity, crypto: this.#crypto })
    if (!judged.ok) this.#refuse(member, VoiceClose.BadRequest, `key package: ${judged.reason}`)
    else if (isLatest) this.#takeKeyPackage(member, judged.value, now)
    else member.staleKeyPackage = judged.value
    this.#settle(now)
  }

  /** Op 28. Every recipient of a batch sends one, so a late one is normal and ignored. */
  commitWelcome(session: DaveSession, payload: Uint8Array, now: number): void {
    const member = this.#participant(session)
    if (member === undefined) return
    const isSolicited = member.openProposals > 0
    if (isSolicited) member.openProposals--
    else if (!member.history.takeUnsolicited(now))
      return this.#refuse(member, VoiceClose.RateLimited, 'too many commits')
    const { group } = this.#rounds
    if (!isSolicited || !group.mayCommit(member) || group.isLate(payload)) return
    const refusal = this.#rounds.commit(member, payload, now)
    if (refusal !== undefined) {
      // Its valid commits are refused too.
      if (!member.isBarred) member.history.strike()
      this.#note('dave.commit_refused', { user: session.userId, reason: refusal })
    }
    this.#settle(now)
  }

  /** Op 23. */
  ready(session: DaveSession, transitionId: number, now: number): void {
    const member = this.#members.get(session)
    if (member === undefined) return
    if (member.unconfirmedTransition === transitionId) member.unconfirmedTransition = undefined
    this.#rounds.ready(member, transitionId)
    this.#settle(now)
  }

  /** Op 31: the client could not process a commit or Welcome, has reset itself, and sends a key package. */
  invalid(session: DaveSession, transitionId: number, now: number): void {
    this.#members.get(session)?.resetRequested()
    const member = this.#participant(session)
    if (member === undefined) return
    const isFounded = this.#rounds.isFounded(member, transitionId)
    if (!isFounded && !member.history.takeReport(now))
      return this.#refuse(member, VoiceClose.BadRequest, 'too many invalid commits')
    const verdict = this.#rounds.reported(member, transitionId)
    member.requireKeyPackage(now)
    member.holdUntil = now + LIMITS.daveResetDelay
    this.#note('dave.invalid', { user: session.userId, transition: transitionId, verdict })
    if (verdict === 'useless') this.#rounds.recreate('no recipient could process the commit', now)
    else this.#rounds.propose(now)
    this.#settle(now)
  }

  /** The backend changed the channel's policy. `required` closes members without DAVE, `off` downgrades the call. */
  setPolicy(policy: DavePolicy, now: number): void {
    if (policy === this.#version.policy) return
    this.#version.policy = policy
    if (policy === 'required') this.#refuseExcluded()
    if (policy === 'off' && this.#version.target > 0) this.#downgrade(now)
    this.#settle(now)
  }

  /** Handles missed key packages, commits and transitions. */
  tick(now: number): void {
    for (const member of this.#members.all) if (member.keyPackageDeadline <= now) this.#keyPackageOverdue(member, now)
    this.#rounds.tick(now)
    this.#settle(now)
  }

  inspect(): DaveInspection {
    const { group, isTransitionPending } = this.#rounds
    return {
      policy: this.#version.policy,
      target: this.#version.target,
      ...this.state,
      proposed: group.hasBatch,
      preparing: isTransitionPending,
      users: this.#members.all.map(member => member.inspect(this.#version.of(member), group.leafOf(member)?.[0])),
    }
  }

  /** Follows every input: executes a due transition, changes the version if possible, sends a due batch. */
  #settle(now: number): void {
    this.#rounds.executeDue(now)
    this.#version.scheduleUpgrade(this.#members, now)
    if (this.#version.upgradeAt <= now && !this.#rounds.isTransitionPending) this.#upgrade(now)
    this.#rounds.pump(now)
  }

  /** A valid key package, of the latest reset: the member can be proposed. */
  #takeKeyPackage(member: Member, keyPackage: AcceptedKeyPackage, now: number): void {
    member.discardKeyPackages()
    member.keyPackage = keyPackage
    member.holdUntil = 0
    // A client with a leaf that sends a key package has reset itself.
    this.#rounds.group.invalidateLeaf(member)
    this.#rounds.propose(now)
  }

  /** The first member joined: the call has its version and an empty group. */
  #begin(member: Member): void {
    this.#version.begin(member)
    this.#rounds.begin()
  }

  /** The last member left: nothing of the group remains. */
  #end(): void {
    this.#rounds.end()
    this.#version.end()
  }

  /** The only member left creates a new group, so that it shares no keys with those that left. */
  #resetSole(member: Member, now: number): void {
    this.#rounds.end()
    sendPrepareEpoch(member, this.#version.target, this.#sender, now)
    sendPrepareTransition([member], this.#version.target, 0)
    this.#version.active = this.#version.target
  }

  /** The group has been recreated too often. */
  #giveUp(now: number): void {
    this.#version.postponeUpgrade(now)
    this.#rounds.forgetRecreations()
    if (this.#version.policy !== 'required') return this.#downgrade(now)
    const reason = 'could not establish an encrypted group'
    for (const member of this.#members) this.#refuse(member, VoiceClose.ServerCrashed, reason)
    this.#rounds.abandon()
  }

  /** The call changes to version 0: its members are sent op 21, and op 22 once they are ready. */
  #downgrade(now: number): void {
    this.#rounds.end()
    this.#version.target = 0
    const described = this.#members.all.filter(member => member.hasDaveSession)
    for (const member of described) member.discardKeyPackages()
    this.#rounds.switchVersion(described, 0, now)
    this.#note('dave.downgraded', { users: described.length })
  }

  /** Every member supports DAVE again: all start a new group. */
  #upgrade(now: number): void {
    this.#version.upgrade()
    this.#note('dave.upgraded', { users: this.#members.size })
    const { sole } = this.#members
    if (sole !== undefined) this.#resetSole(sole, now)
    else this.#rounds.restart(now)
  }

  /** A client that was asked twice may answer once: then its older key package is used. */
  #keyPackageOverdue(member: Member, now: number): void {
    member.stopCountingResets()
    if (member.staleKeyPackage !== undefined) return this.#takeKeyPackage(member, member.staleKeyPackage, now)
    member.isIncapable = true
    member.discardKeyPackages()
    this.#note('dave.incapable', { user: member.session.userId })
    this.#excluded(member, now)
  }

  /** A member cannot use DAVE: where it is required that member is closed, otherwise the call is downgraded. */
  #excluded(member: Member, now: number): void {
    if (this.#version.policy === 'required') return this.#refuse(member, ...DAVE_REQUIRED)
    // Frames that other members have sealed are still on their way.
    if (!member.isCapable && this.#members.all.some(other => other.hasDaveSession)) member.session.refuseSealed()
    if (this.#version.target > 0) this.#downgrade(now)
  }

  /** The call has become larger than a group may be, by this member. */
  #crowded(member: Member, now: number): void {
    if (this.#version.policy === 'required') return this.#refuse(member, ...DAVE_FULL)
    this.#version.postponeUpgrade(now)
    if (this.#version.target > 0) this.#downgrade(now)
  }

  /** Encryption is required from now on: members without DAVE are closed, and the latest of a call that is too large. */
  #refuseExcluded(): void {
    let places: number = LIMITS.daveMembers
    for (const member of this.#members)
      if (this.#version.of(member) === 0) this.#refuse(member, ...DAVE_REQUIRED)
      else if (--places < 0) this.#refuse(member, ...DAVE_FULL)
  }

  /** The session is closed after the input, by the owner of the group. The first reason counts. */
  #refuse(member: Member, code: number, reason: string): void {
    member.discardKeyPackages()
    if (this.#endings.some(({ session }) => session === member.session)) return
    this.#endings.push({ session: member.session, code, reason })
  }

  /** A member that may send DAVE messages now: it has a DAVE session, and the call is, or moves to, a version above 0. */
  #participant(session: DaveSession): Member | undefined {
    const member = this.#members.get(session)
    return this.#version.target > 0 && member?.hasDaveSession && !member.isIncapable ? member : undefined
  }
}
