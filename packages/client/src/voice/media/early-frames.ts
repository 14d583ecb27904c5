// Frames that arrived before their key, or before the user of their SSRC is known: they wait briefly, in order of arrival.
import { LIMITS } from '../../limits.ts'
import { isSilence } from '../dave/dave.ts'
import type { ReceivedFrame } from './media.ts'

/** A waiting frame, and when it is dropped. */
interface Kept {
  frame: ReceivedFrame
  until: number
}

/**
 * At most `LIMITS.earlyFrames` frames of all sources, each for `LIMITS.earlyFrameWait` milliseconds. The oldest is
 * dropped first.
 */
export class EarlyFrames {
  #kept: Kept[] = []

  /** Whether the frame has to wait although it needs no key: silence must not overtake the talkspurt that it ends. */
  mustWait({ ssrc, payload }: ReceivedFrame, now: number): boolean {
    return isSilence(payload) && this.#kept.some(({ frame, until }) => frame.ssrc === ssrc && until > now)
  }

  /** Adds a frame that could not be opened. */
  keep(frame: ReceivedFrame, now: number): void {
    this.#kept.push({ frame, until: now + LIMITS.earlyFrameWait })
    if (this.#kept.length > LIMITS.earlyFrames) this.#kept.shift()
  }

  /** Tries all waiting frames again. `open` returns whether it could open the frame. */
  retry(open: (frame: ReceivedFrame) => boolean, now: number): void {
    const kept = this.#kept.splice(0).filter(({ until }) => until > now)
    const blocked = new Set<number>()
    for (const each of kept) {
      const { ssrc, payload } = each.frame
      if ((blocked.has(ssrc) && isSilence(payload)) || !open(each.frame)) {
        blocked.add(ssrc)
        this.#kept.push(each)
      }
    }
  }

  /** Drops all frames: the call or its media ended. */
  clear(): void {
    this.#kept = []
  }
}
