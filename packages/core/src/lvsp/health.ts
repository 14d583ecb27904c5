// Health of a node, 0 to 1: the remaining capacity of its most loaded resource.

/** The loads that count as full. A capacity of 0 or less is ignored. */
export interface Capacity {
  /** Voice sessions. */
  sessions: number
  egressBitsPerSecond: number
  /** Milliseconds of delay of the event loop. */
  eventLoopLag: number
  /** Share of its time that the busiest lane is working, 0 to 1. */
  laneBusy: number
}
export type Load = Capacity

/** For a node of a few cores; operators configure larger ones. A lane that is busy 90 % of its time has no room for a burst. */
export const DEFAULT_CAPACITY: Capacity = {
  sessions: 2_000,
  egressBitsPerSecond: 1_000_000_000,
  eventLoopLag: 200,
  laneBusy: 0.9,
}

const SMOOTHING = 10_000
/** 0 means that no channel is accepted. */
export const LOWEST_SERVING = 0.01

/**
 * `health = 1 − max(load / capacity)` over sessions, egress bit rate, event loop lag and the busiest lane. The load is an
 * exponential moving average with a time constant of 10 s, so that backends do not react to peaks. At least 0.01 while serving,
 * because 0 means "not usable", and 0 while draining. A load that is not a number is ignored.
 */
export class Health {
  /** May be changed at any time. */
  capacity: Capacity
  #load: number | undefined
  #measuredAt = 0
  draining = false

  constructor(capacity: Partial<Capacity> = {}) {
    this.capacity = { ...DEFAULT_CAPACITY, ...capacity }
  }

  /** Called about once a second. */
  measure(load: Load, now: number): void {
    const current = this.#highest(load)
    const weight = 1 - Math.exp(-Math.max(0, now - this.#measuredAt) / SMOOTHING)
    this.#load = this.#load === undefined ? current : this.#load + weight * (current - this.#load)
    this.#measuredAt = now
  }

  get value(): number {
    return this.draining ? 0 : Math.max(LOWEST_SERVING, 1 - (this.#load ?? 0))
  }

  /** 0 to 1. */
  #highest(load: Load): number {
    const shares = [
      share(load.sessions, this.capacity.sessions),
      share(load.egressBitsPerSecond, this.capacity.egressBitsPerSecond),
      share(load.eventLoopLag, this.capacity.eventLoopLag),
      share(load.laneBusy, this.capacity.laneBusy),
    ]
    return Math.max(...shares)
  }
}

function share(load: number, capacity: number): number {
  const share = capacity > 0 ? load / capacity : 0
  return Number.isNaN(share) ? 0 : Math.min(1, Math.max(0, share))
}
