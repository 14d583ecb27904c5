// The sequence numbers received on a stream: 64 packets back from the newest. A packet is checked before it is opened, so that
// a replay costs no cryptography, and marked only after its tag has verified (RFC 3711 §3.3.2). Older ones are accepted only if the lane
// requested them (`MissingPackets`), which needs no larger window per stream, and tells them from a sender that starts over.
import { sequenceDistance } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'

const HALF = 32

/**
 * RTP carries 16 bits of sequence and no rollover counter, so the order of two packets is decided like this:
 * - up to `LIMITS.sequenceStep` ahead of the newest is newer, however long the sender was quiet;
 * - further away, in either direction, the timestamp decides: ahead of the newest one, an outage lies in between; else the packet
 *   is a replay. Sequences repeat after 22 minutes of Opus, half the range of timestamps is 12 hours, so a recorded packet passes
 *   only where its sequence lies just ahead again, after 21 minutes of newer packets under the same key.
 */
export class ReplayWindow {
  #newest = 0
  #timestamp = 0
  /** Bit n: newest − n was received; 0–31 in the low, 32–63 in the high half. Bit 0 is the newest, so 0 means no packet yet. */
  #low = 0
  #high = 0

  /** Whether the packet may be opened: its sequence was not received before. Per packet: no allocation. */
  isFresh(sequence: number, timestamp: number): boolean {
    if (this.#low === 0) return true
    const behind = -sequenceDistance(sequence, this.#newest)
    if (behind < 0 && behind >= -LIMITS.sequenceStep) return true
    if (behind < 0 || behind >= LIMITS.replayWindow) return ((timestamp - this.#timestamp) | 0) > 0
    return behind < HALF ? ((this.#low >>> behind) & 1) === 0 : ((this.#high >>> (behind - HALF)) & 1) === 0
  }

  /** Whether the sequence is ahead of all that were received. Per packet: no allocation. */
  isAhead(sequence: number): boolean {
    return this.#low === 0 || sequenceDistance(sequence, this.#newest) > 0
  }

  /** Whether the sequence is behind all that the window covers. Per packet: no allocation. */
  isOlder(sequence: number): boolean {
    return this.#low !== 0 && sequenceDistance(this.#newest, sequence) >= LIMITS.replayWindow
  }

  /** Marks the sequence of a packet that was fresh and has verified. Per packet: no allocation. */
  mark(sequence: number, timestamp: number): void {
    const behind = -sequenceDistance(sequence, this.#newest)
    if (this.#low === 0 || behind >= LIMITS.replayWindow) this.#moveTo(sequence, timestamp)
    else if (behind < 0) this.#advance(-behind, sequence, timestamp)
    else if (behind < HALF) this.#low |= 1 << behind
    else this.#high |= 1 << (behind - HALF)
  }

  /** The sender started its sequences over, with this packet. */
  restart(sequence: number, timestamp: number): void {
    this.#low = 0
    this.mark(sequence, timestamp)
  }

  #advance(by: number, sequence: number, timestamp: number): void {
    if (by >= LIMITS.replayWindow) return this.#moveTo(sequence, timestamp)
    const low = this.#low
    if (by >= HALF) this.#high = low << (by - HALF)
    else this.#high = (this.#high << by) | (low >>> (HALF - by))
    this.#low = (by >= HALF ? 0 : low << by) | 1
    this.#newest = sequence
    this.#keepTimestamp(timestamp)
  }

  #moveTo(sequence: number, timestamp: number): void {
    const isFirst = this.#low === 0
    this.#newest = sequence
    this.#low = 1
    this.#high = 0
    if (isFirst) this.#timestamp = timestamp | 0
    else this.#keepTimestamp(timestamp)
  }

  /** The newest timestamp never goes back: otherwise a replay from half a range ago could take it along. */
  #keepTimestamp(timestamp: number): void {
    if (((timestamp - this.#timestamp) | 0) > 0) this.#timestamp = timestamp | 0
  }
}
