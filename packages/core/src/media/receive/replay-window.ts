// Which sequences of an SSRC were seen: 64 packets back from the newest. A packet is checked before it is opened, so that a
// replay costs no crypto, and marked only once its tag has verified (RFC 3711 §3.3.2).
import { sequenceDistance } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'

const HALF = 32

/** Further ahead than any loss but an outage (RFC 3550 A.1). */
const LONGEST_STEP = 3000

/**
 * One window per row. The wire has 16 bits of sequence and no rollover counter, so "newer" is decided like this:
 * - up to 3000 ahead of the newest is newer, however long it was quiet;
 * - further away, ahead or behind, the timestamp tells: if it is ahead of the newest one, an outage lies in between, else it
 *   is a replay. A circle of sequences is 22 minutes of Opus, half a circle of timestamps 12 hours, so a recorded packet comes
 *   through only where its sequence lies just ahead once more, after 21 minutes of newer packets under the same key.
 * A sender that starts over with its sequence is heard when its timestamps pass the newest one, or with a new key.
 */
export class ReplayWindows {
  #newest = new Int32Array(0)
  #timestamps = new Int32Array(0)
  /** Bit n: newest − n was seen; 0–31 in the low, 32–63 in the high half. The newest itself is bit 0, so 0 means: no packet yet. */
  #low = new Int32Array(0)
  #high = new Int32Array(0)

  /** Makes room for `rows` rows. */
  resize(rows: number): void {
    this.#newest = grown(this.#newest, rows)
    this.#timestamps = grown(this.#timestamps, rows)
    this.#low = grown(this.#low, rows)
    this.#high = grown(this.#high, rows)
  }

  reset(row: number): void {
    this.#low[row] = 0
    this.#high[row] = 0
  }

  /** Whether a packet may be opened: its sequence was not seen. Per packet: no allocation. */
  isFresh(row: number, sequence: number, timestamp: number): boolean {
    if (this.#low[row] === 0) return true
    const behind = -sequenceDistance(sequence, this.#newest[row]!)
    if (behind < 0 && behind >= -LONGEST_STEP) return true
    if (behind < 0 || behind >= LIMITS.replayWindow) return ((timestamp - this.#timestamps[row]!) | 0) > 0
    return behind < HALF ? ((this.#low[row]! >>> behind) & 1) === 0 : ((this.#high[row]! >>> (behind - HALF)) & 1) === 0
  }

  /** Marks the sequence of a packet that was fresh and has verified. Per packet: no allocation. */
  mark(row: number, sequence: number, timestamp: number): void {
    const behind = -sequenceDistance(sequence, this.#newest[row]!)
    if (this.#low[row] === 0 || behind >= LIMITS.replayWindow) this.#restart(row, sequence, timestamp)
    else if (behind < 0) this.#advance(row, -behind, sequence, timestamp)
    else if (behind < HALF) this.#low[row]! |= 1 << behind
    else this.#high[row]! |= 1 << (behind - HALF)
  }

  #advance(row: number, by: number, sequence: number, timestamp: number): void {
    if (by >= LIMITS.replayWindow) return this.#restart(row, sequence, timestamp)
    const low = this.#low[row]!
    if (by >= HALF) this.#high[row] = low << (by - HALF)
    else this.#high[row] = (this.#high[row]! << by) | (low >>> (HALF - by))
    this.#low[row] = (by >= HALF ? 0 : low << by) | 1
    this.#newest[row] = sequence
    this.#keepTimestamp(row, timestamp)
  }

  #restart(row: number, sequence: number, timestamp: number): void {
    const isFirst = this.#low[row] === 0
    this.#newest[row] = sequence
    this.#low[row] = 1
    this.#high[row] = 0
    if (isFirst) this.#timestamps[row] = timestamp | 0
    else this.#keepTimestamp(row, timestamp)
  }

  /** The newest timestamp never goes back, or a sender's replayed half circle could take it along. */
  #keepTimestamp(row: number, timestamp: number): void {
    if (((timestamp - this.#timestamps[row]!) | 0) > 0) this.#timestamps[row] = timestamp | 0
  }
}

function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length)
  larger.set(array)
  return larger
}
