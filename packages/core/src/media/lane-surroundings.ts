// What a lane asks of its host besides the packet engine.
import type { StunMac } from '@parley/protocol'

export interface RouterOptions {
  /** The share of the time since its last call that the lane worked. */
  busy?: (() => number) | undefined
  /** For the checks of browsers; without it there are none. */
  stunMac?: StunMac | undefined
  /** The wall clock, in milliseconds since 1970, when `now` was 0. */
  timeOrigin?: number | undefined
}
