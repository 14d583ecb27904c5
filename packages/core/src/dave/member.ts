// One voice session as its channel's DAVE group knows it. A user who comes back on another session is another member.
import type { VoiceOp } from '@parley/protocol'
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

const rateOf = (perMinute: number, now: number) => new MessageRate(perMinute / 60, perMinute, now)

export class Member {
  readonly session: DaveSession
  /** The user id as 8 bytes: its MLS identity. */
  readonly identity: Uint8Array
  /** The highest protocol version its client claims. */
  readonly claimedVersion: number
  /** Has a connection now. Others are not waited for. */
  isOnline = true
  /** Claimed to take part and did not. Lasts. */
  isIncapable = false
  /** Was told of a version above 0: its client has a DAVE session. */
  isTold = false
  hasExternalSender = false
  /** Not used up yet. */
  keyPackage: AcceptedKeyPackage | undefined
  /** Until when it has to send a key package; Infinity if it owes none. */
  keyPackageBy = Infinity
  /** It has reset itself and its key package is on its way: until then no batch goes out. */
  heldUntil = 0
  /** Proposals it was sent and has not answered. */
  unanswered = 0
  /** Commits of its that were refused, or blamed. */
  strikes = 0
  readonly #unasked: MessageRate
  readonly #invalids: MessageRate

  constructor(session: DaveSession, identity: Uint8Array, claimedVersion: number, now: number) {
    this.session = session
    this.identity = identity
    this.claimedVersion = claimedVersion
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
  owesKeyPackage(now: number): void {
    this.keyPackage = undefined
    this.keyPackageBy = this.isOnline ? now + LIMITS.daveKeyPackageTimeout : Infinity
  }
  owesNothing(): void {
    this.keyPackage = undefined
    this.keyPackageBy = Infinity
  }

  /** Counts a key package or commit that nobody asked for; false if it is one too many. */
  mayBeUnasked(now: number): boolean {
    return this.#unasked.take(now)
  }
  /** Counts a report of a commit or welcome that it could not use; false if it is one too many. */
  mayReport(now: number): boolean {
    return this.#invalids.take(now)
  }

  inspect(): object {
    const { isOnline: online, strikes } = this
    return { userId: this.session.userId, online, keyPackage: this.keyPackage !== undefined, strikes }
  }
}
