// The media clock of one stream: which RTP timestamp belongs to which moment of the lane's clock. From the sender reports of its
// source if there are any, else from the arrival of its packets.
import { LIMITS } from '../../limits.ts'
import type { ReceiveStats } from './receive-stats.ts'

/** Milliseconds. A larger change of the offset means that the sender's clock was set; a smaller one is transit time or drift. */
const CLOCK_STEP = 500
/** The share of a longer transit time that counts as drift. */
const DRIFT = 1 / 64

/** A peer, whose streams share a clock. */
export interface ClockOwner {
  /** What the lane's clock shows when the peer's shows 0; undefined before its first sender report. */
  clockOffset: number | undefined
}

/**
 * Streams of one peer share the offset of its clock, so that media captured together is played together. The offset includes the
 * transit time, so that a stream without reports, which is placed by its arrivals, is not ahead of the others.
 */
export class MediaClock {
  readonly #stats: ReceiveStats
  /** A moment on the lane's clock, and the timestamp then. */
  #reportedAt = -Infinity
  #timestamp = 0

  constructor(stats: ReceiveStats) {
    this.#stats = stats
  }

  /** `owner` reported that the stream was at `timestamp` when its own clock showed `time`, in milliseconds. */
  reported(owner: ClockOwner, time: number, timestamp: number, now: number): void {
    owner.clockOffset = clockOffset(owner.clockOffset, now - time)
    this.#reportedAt = time + owner.clockOffset
    this.#timestamp = timestamp
  }

  /** The timestamp at `now`; signed. `clockRate` is timestamps per millisecond. */
  timestampAt(now: number, clockRate: number): number {
    const since = now - this.#reportedAt
    if (since < LIMITS.senderReportLife) return (this.#timestamp + since * clockRate) | 0
    return this.#stats.timestampAt(now, clockRate)
  }
}

/** Follows a shorter transit time at once and a longer one slowly. */
function clockOffset(before: number | undefined, measured: number): number {
  if (before === undefined || Math.abs(measured - before) > CLOCK_STEP) return measured
  return measured < before ? measured : before + (measured - before) * DRIFT
}
