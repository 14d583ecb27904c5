// Frames that came before the keys to open them, or before the node said whose they are: kept for a moment, in their order.
import { isSilence } from '../dave/dave.ts'
import type { HeardFrame } from './media.ts'

/** Media and messages travel by different ways; further apart than this they are never. */
const PATIENCE = 1_000
/** Four speakers for a second. The oldest frame goes first. */
const MOST = 200

interface Kept {
  frame: HeardFrame
  until: number
}

export class EarlyFrames {
  #kept: Kept[] = []

  /** Whether the frame has to queue: silence needs no key, and must not overtake what it ends. */
  mustWait({ ssrc, payload }: HeardFrame, now: number): boolean {
    return isSilence(payload) && this.#kept.some(({ frame, until }) => frame.ssrc === ssrc && until > now)
  }

  keep(frame: HeardFrame, now: number): void {
    this.#kept.push({ frame, until: now + PATIENCE })
    if (this.#kept.length > MOST) this.#kept.shift()
  }

  /** Tries them all again: `open` says whether it could. */
  retry(open: (frame: HeardFrame) => boolean, now: number): void {
    const kept = this.#kept.splice(0).filter(({ until }) => until > now)
    const stuck = new Set<number>()
    for (const each of kept) {
      const { ssrc, payload } = each.frame
      if ((stuck.has(ssrc) && isSilence(payload)) || !open(each.frame)) {
        stuck.add(ssrc)
        this.#kept.push(each)
      }
    }
  }

  clear(): void {
    this.#kept = []
  }
}
