// Channels that wait for their turn: to leave a draining node, or to be placed again.
import type { Timed } from '../deadlines.ts'
import type { FrontChannel } from './front-channel.ts'

export interface PacedOptions {
  /** Milliseconds between two turns. */
  readonly interval: number
  /** Channels per turn. */
  readonly batch: number
  /** Whether the first channel waits for an interval, too. */
  readonly isDelayed: boolean
  readonly run: (channel: FrontChannel) => void
}

/** In the order in which they were added. */
export class Paced implements Timed {
  readonly #options: PacedOptions
  readonly #waiting = new Set<FrontChannel>()
  /** 0 after the first channel was added, until the next tick. */
  #next = Infinity

  constructor(options: PacedOptions) {
    this.#options = options
  }

  /** 0 is at once. */
  get deadline(): number {
    return this.#next
  }

  add(channel: FrontChannel): void {
    this.#waiting.add(channel)
    if (this.#next === Infinity) this.#next = 0
  }

  tick(now: number): void {
    if (now < this.#next) return
    const { interval, batch, isDelayed } = this.#options
    try {
      if (!isDelayed || this.#next > 0) this.#runBatch(Math.min(batch, this.#waiting.size))
    } finally {
      this.#next = this.#waiting.size === 0 ? Infinity : now + interval
    }
  }

  /** One at a time: a channel at which an error is thrown takes its own turn only. Those that wait again then have another one. */
  #runBatch(count: number): void {
    let left = count
    for (const channel of this.#waiting) {
      if (left-- === 0) return
      this.#waiting.delete(channel)
      this.#options.run(channel)
    }
  }
}
