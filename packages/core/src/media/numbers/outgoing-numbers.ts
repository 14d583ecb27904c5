// Sequence and timestamp of a stream as all its receivers get them.
import { sequenceDistance } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'
import { isOvertaken } from '../receive/overtaken.ts'

/** Timestamps step by at least this when a sender starts over, in ms: one Opus frame, about a video frame. */
const FRAME = 20
/** Of 16-bit sequences. */
const QUARTER_CYCLE = 0x4000

/**
 * Numbers that all receivers of a stream share: the sender's, plus offsets. They change where the node inserts packets or leaves some
 * out, and where the sender starts over: receivers' jitter buffers discard packets whose timestamps go back, and SRTP cannot go
 * back in sequence. What differs from receiver to receiver is added by its `SendStream`.
 *
 *   sender:      7 8 9            10 11      0 1
 *   receivers:   7 8 9 10 … 14    15 16      17 18      five packets inserted after 9; the sender starts over after 11
 */
export class OutgoingNumbers {
  readonly #clockRate: number
  /** How far timestamps of a later packet may go back: in video, frames are sent in the order in which they are decoded. */
  readonly #reordering: number
  /** The newest packet, in the sender's numbers, and when it was forwarded. */
  #sequence = 0
  #timestamp = 0
  #at = 0
  #sequenceOffset = 0
  #timestampOffset = 0
  /** The sender's last sequence before the last change of the sequence offset; −1 before the first change. */
  #changedAt = -1
  #isEmpty = true
  #isInterrupted = false

  /** `clockRate` is timestamps per millisecond. */
  constructor(clockRate: number, isAudio: boolean) {
    this.#clockRate = clockRate
    this.#reordering = isAudio ? 0 : LIMITS.timestampStep * clockRate
  }

  /** What is added to the sender's timestamps. */
  get timestampOffset(): number {
    return this.#timestampOffset
  }

  /** The timestamp of the newest packet, in the sender's numbers. */
  get timestamp(): number {
    return this.#timestamp
  }

  /** The sender starts over with the next packet. */
  interrupt(): void {
    this.#isInterrupted = true
  }

  /** Whether no packet with this sequence, or a later one, was forwarded. */
  isAhead(sequence: number): boolean {
    return this.#isEmpty || sequenceDistance(sequence, this.#sequence) > 0
  }

  /** Whether a packet with this sequence is newer than all before it: the first, one ahead, or one of a sender that starts over. */
  isNewer(sequence: number, now: number): boolean {
    if (this.#isEmpty || this.#isInterrupted) return true
    return !isOvertaken(sequenceDistance(sequence, this.#sequence), now - this.#at)
  }

  /**
   * Whether a packet that another lane has numbered is a late one. Its numbers never start over, so that the packet may be as far
   * behind the newest as it can be requested again.
   */
  isLate(sequence: number, now: number): boolean {
    const distance = sequenceDistance(sequence, this.#sequence)
    if (this.#isEmpty || distance > 0 || distance <= -LIMITS.cachedPackets) return false
    return now - this.#at < LIMITS.longestOvertaking
  }

  /**
   * Takes a packet that is forwarded now; `toOutgoing` and `timestampOffset` then number it. Returns false if it arrives so late that
   * its number may be taken by another packet. Per packet: no allocation.
   */
  place(sequence: number, timestamp: number, now: number): boolean {
    if (!this.isNewer(sequence, now)) return !this.isBeforeChange(sequence)
    if (!this.#isEmpty) this.#continue(sequence, timestamp, now)
    // A change more than half a cycle ago would count as ahead.
    if (this.#changedAt >= 0 && ((sequence - this.#changedAt) & 0xffff) > QUARTER_CYCLE)
      this.#changedAt = (sequence - QUARTER_CYCLE / 2) & 0xffff
    this.#sequence = sequence
    this.#timestamp = timestamp
    this.#at = now
    this.#isEmpty = false
    this.#isInterrupted = false
    return true
  }

  /** Receivers' sequence of the packet that the sender numbers `sequence`. */
  toOutgoing(sequence: number): number {
    return (sequence + this.#sequenceOffset) & 0xffff
  }

  /** The reverse. */
  toSender(sequence: number): number {
    return (sequence - this.#sequenceOffset) & 0xffff
  }

  /** Whether a packet that is not newer lies before the last change of the offset: another packet may have its number. */
  isBeforeChange(sequence: number): boolean {
    return this.#changedAt >= 0 && sequenceDistance(sequence, this.#changedAt) <= 0
  }

  /** A packet that receivers do not get; the next one takes its place, so that none is missing. */
  leaveOut(sequence: number): void {
    if (this.#isEmpty || this.#isInterrupted || !this.isAhead(sequence)) return
    this.#sequence = sequence
    this.#shift(-1, sequence)
  }

  /** `count` packets were inserted behind the newest one. */
  insert(count: number): void {
    this.#shift(count, this.#sequence)
  }

  delayTimestamps(by: number): void {
    this.#timestampOffset += by
  }

  /** Receivers' sequence of the `ahead`-th packet behind the newest one. */
  sequenceAfter(ahead: number): number {
    return (this.#sequence + this.#sequenceOffset + ahead) & 0xffff
  }

  /** Receivers' timestamp `ahead` behind that of the newest packet; signed. */
  timestampAfter(ahead: number): number {
    return (this.#timestamp + this.#timestampOffset + ahead) | 0
  }

  /** Changes the offset by `by` behind the sender's sequence `last`. It may be 0 again then, which does not undo the change. */
  #shift(by: number, last: number): void {
    this.#sequenceOffset += by
    if (by !== 0 || this.#changedAt >= 0) this.#changedAt = last
  }

  /** Adjusts the offsets so that a newer packet continues the numbers, if the sender's own do not. */
  #continue(sequence: number, timestamp: number, now: number): void {
    const isRestart = this.#isInterrupted || !this.isAhead(sequence)
    const elapsed = now - this.#at
    const step = (timestamp - this.#timestamp) | 0
    if (isRestart) this.#shift(this.#sequence + 1 - sequence, (sequence - 1) & 0xffff)
    if (isRestart || step < -this.#reordering || step > (elapsed + LIMITS.timestampStep) * this.#clockRate)
      this.#timestampOffset =
        (this.timestampAfter(Math.trunc(Math.max(FRAME, elapsed) * this.#clockRate)) - timestamp) | 0
  }
}
