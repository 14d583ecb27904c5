// Hot: decides by the measured backlog whether the lane is overloaded, so that packets which waited too long are dropped.
import type { Batch } from '../lane/batch.ts'
import { LIMITS } from '../limits.ts'

/** The share of the time in which the lane did not run that it may take to work off what arrived then. */
const RECOVERY = 0.3

/**
 * A packet may have waited for two reasons. If the lane did not run (a busy host took its processor, the process was stopped), it
 * forwards what waited and soon has caught up; receivers' jitter buffers bridge the delay, and dropping would lose packets for
 * nothing. If it runs and is too slow, waiting packets delay all later ones, and the oldest have to go. So the lane is overloaded
 * only once it has worked for `LIMITS.backlogWork` without catching up, or a little longer after it did not run.
 */
export class Backlog {
  /** Since the lane last had caught up: milliseconds of work, and how many it may take. */
  #worked = 0
  #allowed: number = LIMITS.backlogWork
  #readAt = -Infinity

  get isOverloaded(): boolean {
    return this.#worked >= this.#allowed
  }

  /** A batch was read. Per batch: no allocation. */
  read({ count, waited }: Batch, now: number): void {
    const gap = now - this.#readAt - LIMITS.longestTurn
    this.#readAt = now
    // The first datagram has waited longest.
    if (count === 0 || waited[0]! <= LIMITS.caughtUp) {
      this.#worked = 0
      this.#allowed = LIMITS.backlogWork
    } else if (!this.isOverloaded) {
      this.#worked += LIMITS.longestTurn + Math.min(gap, 0)
      // No more waited than the oldest datagram did.
      if (gap > 0) this.#allowed += RECOVERY * Math.min(gap, waited[0]!, LIMITS.longestWait)
    }
  }

  /** Whether a packet that waited for `waited` ms is dropped; video before audio, which costs less and is missed more. */
  isTooOld(waited: number, isAudio: boolean): boolean {
    if (waited > LIMITS.longestWait) return true
    return this.isOverloaded && waited > (isAudio ? LIMITS.audioWait : LIMITS.videoWait)
  }
}
