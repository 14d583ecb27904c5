// Which moment the timestamps of each source stand for: by its own sender reports, else by when its packets came.
import { LIMITS } from '../../limits.ts'
import type { Peer } from '../address/peers.ts'
import type { ReceiveStats } from './receive-stats.ts'

/** A clock that is further off than this was set anew; anything less is the way here, or drift. */
const SET_ANEW = 500
/** How much of a longer way here is taken for drift. */
const DRIFT = 1 / 64

/**
 * Sources of one peer share its clock, so that what it sent together stays together. The way to the lane is part of the offset:
 * so a source without reports, which is placed by its arrivals, is not ahead of the others.
 */
export class ClockMap {
  readonly #stats: ReceiveStats
  /** By row: a moment on the lane's clock, and the timestamp then. NaN for none. */
  #moments = new Float64Array(0)
  #timestamps = new Int32Array(0)

  constructor(stats: ReceiveStats) {
    this.#stats = stats
  }

  /** Makes room for `rows` rows. */
  resize(rows: number): void {
    const moments = new Float64Array(rows).fill(Number.NaN)
    moments.set(this.#moments)
    this.#moments = moments
    const timestamps = new Int32Array(rows)
    timestamps.set(this.#timestamps)
    this.#timestamps = timestamps
  }

  reset(row: number): void {
    this.#moments[row] = Number.NaN
  }

  /** The owner of the row reported that its media was at `timestamp` when its own clock showed `time`, in milliseconds. */
  reported(row: number, owner: Peer, time: number, timestamp: number, now: number): void {
    owner.clockOffset = offsetOf(owner.clockOffset, now - time)
    this.#moments[row] = time + owner.clockOffset
    this.#timestamps[row] = timestamp
  }

  /** Where the media of the row is now; signed. `clockRate` is timestamps per millisecond. */
  timestampAt(row: number, now: number, clockRate: number): number {
    const since = now - this.#moments[row]!
    // NaN is no less than anything.
    if (since < LIMITS.senderReportLife) return (this.#timestamps[row]! + since * clockRate) | 0
    return this.#stats.timestampAt(row, now, clockRate)
  }
}

/** The shortest way here counts; a longer one only slowly. */
function offsetOf(before: number | undefined, found: number): number {
  if (before === undefined || Math.abs(found - before) > SET_ANEW) return found
  return found < before ? found : before + (found - before) * DRIFT
}
