// What health and metrics need of the process, measured once a second.
import { SERVER_LIMITS } from '../limits.ts'
import { Descriptors } from './descriptors.ts'
import { LoopLag } from './loop-lag.ts'

/** Samples of the lag in a measurement. */
const SAMPLES = SERVER_LIMITS.measureInterval / SERVER_LIMITS.loopLagInterval

export interface ProcessLoadEvents {
  /** `eventLoopLag`: the greatest lateness within the last second, in milliseconds. */
  measured(eventLoopLag: number): void
  descriptorsExhausted(): void
}

export class ProcessLoad {
  readonly #lag = new LoopLag(() => this.#sampled())
  readonly #descriptors: Descriptors
  readonly #events: ProcessLoadEvents
  #samples = 0
  /** The last measurement. */
  eventLoopLag = 0

  constructor(events: ProcessLoadEvents) {
    this.#events = events
    this.#descriptors = new Descriptors(() => events.descriptorsExhausted())
  }

  /** Seconds in which no file descriptor was free. */
  get descriptorsExhausted(): number {
    return this.#descriptors.exhausted
  }

  /** Stops measuring. */
  close(): void {
    this.#lag.close()
  }

  #sampled(): void {
    if (++this.#samples % SAMPLES !== 0) return
    this.#descriptors.check()
    this.eventLoopLag = this.#lag.take()
    this.#events.measured(this.eventLoopLag)
  }
}
