// Frames that arrived before their key, or before the user of their SSRC is known: they wait briefly, in order of arrival.
import { LIMITS } from '../../limits.ts'
import { isSilence } from '../dave/dave.ts'
import type { ReceivedFrame } from './media.ts'

interface Kept {
  frame: ReceivedFrame
  until: number
}

export class EarlyFrames {
  #kept: Kept[] = []

  /** Whether the frame has to wait although it needs no key: silence must not overtake the talkspurt that it ends. */
  mustWait({ ssrc, payload }: ReceivedFrame, now: number): boolean {
    return isSilence(payload) && this.#kept.some(({ frame, until }) => frame.ssrc === ssrc && until > now)
  }

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

  clear(): void {
    this.#kept = []
  }
}
