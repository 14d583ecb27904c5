// What the lane knows of the packets received on one stream from one source.
import { MediaClock } from './media-clock.ts'
import { ReceiveStats } from './receive-stats.ts'
import { ReplayWindow } from './replay-window.ts'

/** A sender is heard until it has sent nothing for so many ms: pauses between sentences are shorter, those of a muted browser too. */
const PAUSE = 2_000

/** Replaced when another source, or another key, feeds the stream. */
export class Reception {
  readonly replay = new ReplayWindow()
  readonly stats = new ReceiveStats()
  readonly clock = new MediaClock(this.stats)
  /** Packets received when sender reports about the stream were last sent. */
  reportedCount = 0
  /** When the last packet arrived, and since when they arrive without a pause. */
  arrivedAt = -Infinity
  heardSince = -Infinity

  /** A packet arrived from another lane, which has checked it. Per packet: no allocation. */
  crossed(sequence: number, timestamp: number, now: number, clockRate: number): void {
    this.#arrived(now)
    this.stats.received(sequence, timestamp, now, clockRate)
  }

  /** A packet returned that had been missing, older than the replay window. Per packet: no allocation. */
  returned(now: number): void {
    this.#arrived(now)
    this.stats.returned()
  }

  /** A packet has verified. With `isRestart` the sender started over with it. Per packet: no allocation. */
  received(sequence: number, timestamp: number, isRestart: boolean, now: number, clockRate: number): void {
    if (isRestart) {
      this.replay.restart(sequence, timestamp)
      this.stats.restart()
    } else this.replay.mark(sequence, timestamp)
    this.#arrived(now)
    this.stats.received(sequence, timestamp, now, clockRate)
  }

  /** Packets arrive, or did a moment ago. */
  isHeard(now: number): boolean {
    return now - this.arrivedAt < PAUSE
  }

  #arrived(now: number): void {
    if (!this.isHeard(now)) this.heardSince = now
    this.arrivedAt = now
  }
}
