// One voice session as its channel's DAVE group knows it. A user who comes back on another session is another member.
import { snowflakeBytes, VoiceOp } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { MessageRate } from '../message-rate.ts'
import type { AcceptedKeyPackage } from './key-package-rules.ts'

/** What a group needs of a voice session. */
export interface DaveSession {
  readonly userId: string
  /** Queues a message; `text` is the JSON of its data. */
  sendText(op: VoiceOp, text: string): void
  sendBinary(op: VoiceOp, payload: Uint8Array): void
  /** From now on frames that are sealed are kept from it: its client cannot open them. */
  refuseSealed(): void
}

/** Session Description and Prepare Epoch. */
const BEGINNINGS: ReadonlySet<VoiceOp> = new Set([VoiceOp.SessionDescription, VoiceOp.DavePrepareEpoch])

const rateOf = (perMinute: number, now: number) => new MessageRate(perMinute / 60, perMinute, now)

export class Member {
  readonly session: DaveSession
  /** The user id as 8 bytes: its MLS identity. */
  readonly identity: Uint8Array
  /** The highest protocol version its client claims; 0 for a user whose id does not fit. */
  readonly claimedVersion: number
  /** Has a connection now. Others are not waited for. */
  isOnline = true
  /** Claimed to take part and did not. Lasts. */
  isIncapable = false
  /** Was told of a version above 0: its client has a DAVE session. */
  isTold = false
  /** The newest commit or welcome it was sent, by transition, if it has not said what became of it. */
  unconfirmed: number | undefined
  hasExternalSender = false
  /** Not used up yet. */
  keyPackage: AcceptedKeyPackage | undefined
  /** Arrived while it had been asked for another: better than none in the end. */
  spareKeyPackage: AcceptedKeyPackage | undefined
  /** Until when it has to send a key package; Infinity if it owes none. */
  keyPackageBy = Infinity
  /** It has reset itself and its key package is on its way: until then no batch goes out. */
  heldUntil = 0
  /** Proposals it was sent and has not answered. */
  unanswered = 0
  /** Commits of its that were refused, or blamed. */
  strikes = 0
  /** Messages after which its client starts from nothing and sends a key package, as it will for each of them. */
  #beginnings: number
  readonly #unasked: MessageRate
  readonly #invalids: MessageRate

  /** `before` is the same session as it was before it was told its version anew. */
  constructor(session: DaveSession, claimedVersion: number, now: number, before?: Member) {
    const identity = snowflakeBytes(session.userId)
    this.session = session
    this.identity = identity ?? new Uint8Array(8)
    this.claimedVersion = identity === undefined ? 0 : claimedVersion
    this.#beginnings = before === undefined ? 0 : before.#beginnings
    this.#unasked = rateOf(LIMITS.daveUnaskedPerMinute, now)
    this.#invalids = rateOf(LIMITS.daveInvalidsPerMinute, now)
  }

  /** Whether its client speaks DAVE at all. */
  get isCapable(): boolean {
    return this.claimedVersion > 0 && !this.isIncapable
  }
  get isBarred(): boolean {
    return this.strikes >= LIMITS.daveStrikes
  }

  /** Its client starts from nothing, and sends a new key package. */
  begins(): void {
    if (this.isTold) this.#beginnings++
  }
  /** Whether its client is on its way into a group by itself. */
  get isBeginning(): boolean {
    return this.#beginnings > 0
  }
  /** From now on, what it sent before its newest beginning is of no use. */
  owesKeyPackage(now: number): void {
    this.owesNothing()
    this.unconfirmed = undefined
    if (this.isOnline) this.keyPackageBy = now + LIMITS.daveKeyPackageTimeout
  }
  /** A key package arrived. Whether it is of its client's newest beginning: those of earlier ones are of no use any more. */
  hasBegun(): boolean {
    if (this.#beginnings > 0) this.#beginnings--
    return this.#beginnings === 0
  }
  owesNothing(): void {
    this.keyPackage = undefined
    this.spareKeyPackage = undefined
    this.keyPackageBy = Infinity
  }

  /** Its connection is lost, and with it what its client has said and we have not heard. */
  lost(): void {
    this.isOnline = false
    this.keyPackageBy = Infinity
  }
  /** It has resumed. `missed` are the opcodes that it is sent again: some make its client begin anew. */
  resumed(missed: readonly VoiceOp[], now: number): void {
    this.isOnline = true
    this.#beginnings = this.isTold ? missed.filter(op => BEGINNINGS.has(op)).length : 0
    if (this.isBeginning) this.owesKeyPackage(now)
  }

  /** Counts a key package or commit that nobody asked for; false if it is one too many. */
  mayBeUnasked(now: number): boolean {
    return this.#unasked.take(now)
  }
  /** Counts a report of a commit or welcome that it could not use; false if it is one too many. */
  mayReport(now: number): boolean {
    return this.#invalids.take(now)
  }

  inspect(version: number, leaf: number | undefined): object {
    const { isOnline: online, strikes } = this
    return { userId: this.session.userId, online, keyPackage: this.keyPackage !== undefined, strikes, version, leaf }
  }
}
