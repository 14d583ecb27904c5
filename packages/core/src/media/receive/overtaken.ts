// Tells a packet that a newer one overtook from one whose sequence only seems to lie a little behind.
import { LIMITS } from '../../limits.ts'

/**
 * Whether a packet `distance` sequences ahead of the newest (negative: behind it) was overtaken, if the newest was forwarded `elapsed`
 * ms ago. Otherwise its stream started over or, after packets of a cycle that were not forwarded, went on. Per packet: no allocation.
 */
export const isOvertaken = (distance: number, elapsed: number): boolean =>
  distance <= 0 && distance > -LIMITS.replayWindow && elapsed < LIMITS.longestOvertaking
