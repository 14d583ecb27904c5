// Sequence and timestamp of a stream as all its receivers get them, where they differ from the sender's.
import { sequenceDistance } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'

/**
 * Offsets that all receivers share: they grow where the node inserts packets, and shrink where it leaves some out. What differs
 * from receiver to receiver is added by its `SendStream`.
 *
 *   sender:      7 8 9            10 11
 *   receivers:   7 8 9 10 … 14    15 16      five packets inserted after 9: the offset is 5 from 10 on
 */
export class OutgoingNumbers {
  /** The newest packet in the sender's numbers. */
  sequence = 0
  timestamp = 0
  #sequenceOffset = 0
  #timestampOffset = 0
  /** The sender's last sequence before the last change of the sequence offset. */
  #changedAt = 0
  #isEmpty = true

  /** What is added to the sender's timestamps. */
  get timestampOffset(): number {
    return this.#timestampOffset
  }

  /** Whether a packet with this sequence is newer than all before it: the first, one ahead, or one of a sender that starts over. */
  isNewer(sequence: number): boolean {
    if (this.#isEmpty) return true
    const distance = sequenceDistance(sequence, this.sequence)
    return distance > 0 || distance <= -LIMITS.replayWindow
  }

  advance(sequence: number, timestamp: number): void {
    this.sequence = sequence
    this.timestamp = timestamp
    this.#isEmpty = false
  }

  /** Receivers' sequence of the packet that the sender numbers `sequence`. */
  toOutgoing(sequence: number): number {
    return (sequence + this.#sequenceOffset) & 0xffff
  }

  /** Whether a packet that is not newer lies before the last change of the offset: another packet may have its number. */
  isBeforeChange(sequence: number): boolean {
    return this.#sequenceOffset !== 0 && sequenceDistance(sequence, this.#changedAt) <= 0
  }

  /** A packet that receivers do not get; the next one takes its place, so that none is missing. */
  leaveOut(sequence: number): void {
    if (this.#isEmpty || sequenceDistance(sequence, this.sequence) <= 0) return
    this.sequence = sequence
    this.#changedAt = sequence
    this.#sequenceOffset--
  }

  /** `count` packets were inserted behind the newest one. */
  insert(count: number): void {
    this.#changedAt = this.sequence
    this.#sequenceOffset += count
  }

  delayTimestamps(by: number): void {
    this.#timestampOffset += by
  }

  /** Receivers' sequence of the `ahead`-th packet behind the newest one. */
  sequenceAfter(ahead: number): number {
    return (this.sequence + this.#sequenceOffset + ahead) & 0xffff
  }

  /** Receivers' timestamp `ahead` behind that of the newest packet; signed. */
  timestampAfter(ahead: number): number {
    return (this.timestamp + this.#timestampOffset + ahead) | 0
  }
}
