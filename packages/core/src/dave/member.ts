// The voice sessions of one channel as its DAVE group sees them. A user who rejoins with a new session is a new member.
import { snowflakeBytes, VoiceOp } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { MessageRate } from '../message-rate.ts'
import type { AcceptedKeyPackage } from './key-package-rules.ts'

/** What a group needs of a voice session. */
export interface DaveSession {
  readonly userId: string
  /** The same object for all sessions of one voice state: limits belong to it, not to a session. */
  readonly voiceState: object
  /** Queues a message; `text` is the JSON of its data. */
  sendText(op: VoiceOp, text: string): void
  sendBinary(op: VoiceOp, payload: Uint8Array): void
  /** From now on sealed frames are not forwarded to this session: its client cannot open them. */
  refuseSealed(): void
}

/** A message that is sent again to a client that resumes: the JSON of its data, or its payload. */
export interface ReplayedMessage {
  readonly op: VoiceOp
  readonly body: string | Uint8Array
}

/** Whether a message makes a client reset its DAVE session and send a new key package: version 0 in Session Description does not. */
function isReset({ op, body }: ReplayedMessage): boolean {
  if (op === VoiceOp.DavePrepareEpoch) return true
  return op === VoiceOp.SessionDescription && typeof body === 'string' && JSON.parse(body).dave_protocol_version > 0
}

const rateOf = (perMinute: number, now: number) => new MessageRate(perMinute / 60, perMinute, now)

/** A member as `VoiceNode.inspect()` shows it. */
export interface MemberInspection {
  readonly userId: string
  readonly online: boolean
  /** Whether its key package is there and unused. */
  readonly keyPackage: boolean
  /** Its commits that were refused or reported as invalid. */
  readonly strikes: number
  /** The DAVE version it can speak under the channel's policy. */
  readonly version: number
  /** Its leaf in the MLS group; undefined outside the group. */
  readonly leaf: number | undefined
}

/** What the client of one voice state has done. It outlives sessions, so that a client does not escape its limits by starting over. */
export class MemberHistory {
  #strikes = 0
  /** Its commits since the last strike, or since one was forgotten, that no member reported. */
  #goodCommits = 0
  readonly #unsolicited: MessageRate
  readonly #reports: MessageRate
  /** How many commits of each other member it has reported. */
  readonly #reported = new WeakMap<MemberHistory, number>()

  constructor(now: number) {
    this.#unsolicited = rateOf(LIMITS.daveUnaskedPerMinute, now)
    this.#reports = rateOf(LIMITS.daveInvalidsPerMinute, now)
  }

  /** Its commits that were refused, or reported by others. */
  get strikes(): number {
    return this.#strikes
  }
  /** One of its commits was refused or reported. */
  strike(): void {
    this.#strikes++
    this.#goodCommits = 0
  }
  /** No recipient could use one of its commits, which costs a new group: there must not be a second one. */
  bar(): void {
    this.strike()
    this.#strikes = Math.max(this.#strikes, LIMITS.daveStrikes)
  }
  /** One of its commits was good. After several of them a strike is forgotten. */
  committedWell(): void {
    if (this.#strikes === 0 || ++this.#goodCommits < LIMITS.daveGoodCommits) return
    this.#strikes--
    this.#goodCommits = 0
  }

  /** How many commits of that member it has reported. */
  reportsOf(committer: MemberHistory): number {
    return this.#reported.get(committer) ?? 0
  }
  /** It has reported a commit of that member. */
  reports(committer: MemberHistory): void {
    this.#reported.set(committer, this.reportsOf(committer) + 1)
  }

  /** Counts a key package, commit or Select Protocol that was not requested; false if the rate is exceeded. */
  takeUnsolicited(now: number): boolean {
    return this.#unsolicited.take(now)
  }
  /** Counts an op 31 without a reason that the node knows; false if the rate is exceeded. */
  takeReport(now: number): boolean {
    return this.#reports.take(now)
  }
}

export class Member {
  readonly history: MemberHistory
  readonly session: DaveSession
  /** The MLS identity: the user id as 8 big-endian bytes. */
  readonly identity: Uint8Array
  /** The highest protocol version that the client claims; 0 for a user id that does not fit into 64 bits. */
  readonly claimedVersion: number
  /** Whether it has a connection now. The group waits for online members only. */
  isOnline = true
  /** Claimed DAVE but sent no key package in time. Permanent. */
  isIncapable = false
  /** Was sent a version above 0, so its client has a DAVE session. */
  hasDaveSession = false
  /** The transition of the latest commit or Welcome sent to it, until it reports ready or invalid. */
  unconfirmedTransition: number | undefined
  hasExternalSender = false
  /** Valid and not used yet. */
  keyPackage: AcceptedKeyPackage | undefined
  /** A key package from before the latest reset: used if no newer one arrives in time. */
  staleKeyPackage: AcceptedKeyPackage | undefined
  /** When a required key package is overdue; `Infinity` if none is required. */
  keyPackageDeadline = Infinity
  /** It has reset itself and its key package is on its way: no batch is proposed before this time. */
  holdUntil = 0
  /** Batches of proposals sent to it that it has not answered with a commit. */
  openProposals = 0
  /** Resets that its client was asked for and has not answered with a key package. */
  #pendingResets: number

  /** `before` is the member of the same session before its second Session Description. */
  constructor(session: DaveSession, claimedVersion: number, history: MemberHistory, before?: Member) {
    const identity = snowflakeBytes(session.userId)
    this.session = session
    this.identity = identity ?? new Uint8Array(8)
    this.claimedVersion = identity === undefined ? 0 : claimedVersion
    this.#pendingResets = before === undefined ? 0 : before.#pendingResets
    this.history = history
  }

  /** Whether its client supports DAVE. */
  get isCapable(): boolean {
    return this.claimedVersion > 0 && !this.isIncapable
  }
  /** Whether its commits are refused while other members can commit. */
  get isBarred(): boolean {
    return this.history.strikes >= LIMITS.daveStrikes
  }

  /** A message was sent, or received from it, that makes its client reset and send a key package. */
  resetRequested(): void {
    if (this.hasDaveSession) this.#pendingResets++
  }
  /** Whether a key package is expected without another request. */
  get isResetting(): boolean {
    return this.#pendingResets > 0
  }
  /** Everything it sent before its latest reset is obsolete. */
  requireKeyPackage(now: number): void {
    this.discardKeyPackages()
    this.unconfirmedTransition = undefined
    if (this.isOnline) this.keyPackageDeadline = now + LIMITS.daveKeyPackageTimeout
  }
  /** A key package arrived. Returns whether it belongs to the latest reset: those of earlier resets are obsolete. */
  keyPackageArrived(): boolean {
    if (this.#pendingResets > 0) this.#pendingResets--
    return this.#pendingResets === 0
  }
  /** Its client has not answered in time: nothing that it sends from now on belongs to an earlier reset. */
  stopCountingResets(): void {
    this.#pendingResets = 0
  }
  /** Discards its key packages and requires no other. */
  discardKeyPackages(): void {
    this.keyPackage = undefined
    this.staleKeyPackage = undefined
    this.keyPackageDeadline = Infinity
  }

  /** Its connection is lost, and possibly messages that it had sent. */
  disconnected(): void {
    this.isOnline = false
    this.keyPackageDeadline = Infinity
  }
  /** It has resumed. `missed` are the replayed messages: some make its client reset. */
  resumed(missed: readonly ReplayedMessage[], now: number): void {
    this.isOnline = true
    this.#pendingResets = this.hasDaveSession ? missed.filter(isReset).length : 0
    if (this.isResetting) this.requireKeyPackage(now)
  }

  inspect(version: number, leaf: number | undefined): MemberInspection {
    const { isOnline: online } = this
    const { strikes } = this.history
    return { userId: this.session.userId, online, keyPackage: this.keyPackage !== undefined, strikes, version, leaf }
  }
}

/** All members of one channel, in the order in which they joined. */
export class Members {
  readonly #bySession = new Map<DaveSession, Member>()
  readonly #histories = new WeakMap<object, MemberHistory>()

  get size(): number {
    return this.#bySession.size
  }
  get all(): Member[] {
    return [...this.#bySession.values()]
  }
  /** The only member; undefined if there are several or none. */
  get sole(): Member | undefined {
    const [first] = this.#bySession.values()
    return this.size === 1 ? first : undefined
  }
  /** When the first required key package is overdue. */
  get deadline(): number {
    let earliest = Infinity
    for (const { keyPackageDeadline } of this.#bySession.values()) earliest = Math.min(earliest, keyPackageDeadline)
    return earliest
  }
  /** Until when proposals wait for a member that has reset itself. */
  get holdUntil(): number {
    return Math.max(...this.all.map(member => member.holdUntil))
  }

  get(session: DaveSession): Member | undefined {
    return this.#bySession.get(session)
  }
  /** What the session's voice state has done in this channel. */
  historyOf({ voiceState }: DaveSession, now: number): MemberHistory {
    const history = this.#histories.get(voiceState) ?? new MemberHistory(now)
    this.#histories.set(voiceState, history)
    return history
  }
  add(member: Member): void {
    this.#bySession.set(member.session, member)
  }
  remove({ session }: Member): void {
    this.#bySession.delete(session)
  }
  [Symbol.iterator](): Iterator<Member> {
    return this.#bySession.values()
  }
}
