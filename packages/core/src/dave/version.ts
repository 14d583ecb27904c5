// The DAVE protocol version of a call: which one the policy and the members allow, and when it changes.
import { VoiceClose } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import type { DaveSession, Member, Members } from './member.ts'

/** `off`: never encrypted. `allowed`: encrypted while every member supports DAVE. `required`: other members are refused. */
export type DavePolicy = 'off' | 'allowed' | 'required'

/** The newest protocol version supported here; version 0 is a call without DAVE. */
export const DAVE_VERSION = 1

/** The public state of a group. */
export interface DaveState {
  /** The version in force: 1 once every sender uses the keys of the group. */
  version: number
  /** MLS epoch; 0 before the first commit. */
  epoch: number
  /** Members of the MLS group. */
  members: number
}

/** A session that the group asks its owner to close. */
export interface DaveEnding {
  session: DaveSession
  code: number
  reason: string
}

/** Close code and reason for a client that does not support DAVE where the policy requires it. */
export const DAVE_REQUIRED = [VoiceClose.EncryptionRequired, 'the channel requires end-to-end encryption'] as const

/** The same for a client that supports DAVE, where the call has as many members as one group can have. */
export const DAVE_FULL = [
  VoiceClose.EncryptionRequired,
  `a call with end-to-end encryption has at most ${LIMITS.daveMembers} members`,
] as const

/**
 * `target` is the version that the call is moving to, `active` the one in force. A downgrade starts at once. An upgrade
 * starts `daveUpgradeDelay` after every member supports DAVE and the call is not too large, and not within `daveRetryDelay` of a failed
 * group or of a call that was too large.
 */
export class CallVersion {
  policy: DavePolicy
  target = 0
  active = 0
  readonly #canHaveGroup: () => boolean
  #upgradeAt = Infinity
  #noUpgradeBefore = -Infinity

  /** `canHaveGroup` is false for a channel whose id is not a snowflake: MLS groups are named by snowflakes. */
  constructor(policy: DavePolicy, canHaveGroup: () => boolean) {
    this.policy = policy
    this.#canHaveGroup = canHaveGroup
  }

  /** The highest version that this member can use under the policy. */
  of(member: Member): number {
    if (this.policy === 'off' || member.isIncapable || !this.#canHaveGroup()) return 0
    return Math.min(member.claimedVersion, DAVE_VERSION)
  }

  /** Whether a client that claims this version may join. */
  admits(claimedVersion: number): boolean {
    return this.policy !== 'required' || claimedVersion > 0
  }

  /** The first member joins. No listener exists yet, so its version is in force at once. */
  begin(member: Member): void {
    this.target = this.of(member)
    this.active = this.target
    this.#upgradeAt = Infinity
    this.#noUpgradeBefore = -Infinity
  }

  /** The last member has left. */
  end(): void {
    this.target = 0
    this.active = 0
  }

  /** When the upgrade is due; `Infinity` while none is possible. */
  get upgradeAt(): number {
    return this.#upgradeAt
  }

  /** Schedules or cancels the upgrade. Call it after every change of members, policy or target. */
  scheduleUpgrade(members: Members, now: number): void {
    if (!this.#canUpgrade(members)) this.#upgradeAt = Infinity
    else if (this.#upgradeAt === Infinity)
      this.#upgradeAt = Math.max(now + LIMITS.daveUpgradeDelay, this.#noUpgradeBefore)
  }

  /** The call moves to the newest version. It is in force once a transition has been executed. */
  upgrade(): void {
    this.target = DAVE_VERSION
    this.#upgradeAt = Infinity
  }

  /** The group has failed repeatedly, or the call is too large for one: the next upgrade waits. */
  postponeUpgrade(now: number): void {
    this.#noUpgradeBefore = now + LIMITS.daveRetryDelay
  }

  #canUpgrade(members: Members): boolean {
    if (this.target > 0 || members.size === 0 || members.size > LIMITS.daveMembers) return false
    return members.all.every(member => this.of(member) > 0)
  }
}
