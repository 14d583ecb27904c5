// What the lane knows of the packets received on one stream from one source.
import { MediaClock } from './media-clock.ts'
import { ReceiveStats } from './receive-stats.ts'
import { ReplayWindow } from './replay-window.ts'

/** Replaced when another source, or another key, feeds the stream. */
export class Reception {
  readonly replay = new ReplayWindow()
  readonly stats = new ReceiveStats()
  readonly clock = new MediaClock(this.stats)
  /** Packets received when sender reports about the stream were last sent. */
  reportedCount = 0
  /** When the last packet arrived. */
  arrivedAt = -Infinity

  /** A packet arrived from another lane, which has checked it. Per packet: no allocation. */
  crossed(sequence: number, timestamp: number, now: number, clockRate: number): void {
    this.arrivedAt = now
    this.stats.received(sequence, timestamp, now, clockRate)
  }

  /** A packet has verified. With `isRestart` the sender started over with it. Per packet: no allocation. */
  received(sequence: number, timestamp: number, isRestart: boolean, now: number, clockRate: number): void {
    if (isRestart) {
      this.replay.restart(sequence, timestamp)
      this.stats.restart()
    } else this.replay.mark(sequence, timestamp)
    this.arrivedAt = now
    this.stats.received(sequence, timestamp, now, clockRate)
  }
}
