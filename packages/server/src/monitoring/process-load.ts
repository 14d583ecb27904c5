// What health and metrics need of the process, measured once a second.
import { SERVER_LIMITS } from '../limits.ts'
import { Descriptors } from './descriptors.ts'
import { LoopLag } from './loop-lag.ts'

export interface ProcessLoadEvents {
  /** `eventLoopLag`: the greatest lateness within the last second, in milliseconds. */
  measured(eventLoopLag: number): void
  descriptorsExhausted(): void
}

export class ProcessLoad {
  readonly #lag = new LoopLag()
  readonly #descriptors: Descriptors
  readonly #events: ProcessLoadEvents
  readonly #timer: NodeJS.Timeout
  /** The last measurement. */
  eventLoopLag = 0

  constructor(events: ProcessLoadEvents) {
    this.#events = events
    this.#descriptors = new Descriptors(() => events.descriptorsExhausted())
    this.#timer = setInterval(() => this.#measure(), SERVER_LIMITS.measureInterval)
  }

  /** Seconds in which no file descriptor was free. */
  get descriptorsExhausted(): number {
    return this.#descriptors.exhausted
  }

  /** Stops measuring. */
  close(): void {
    clearInterval(this.#timer)
    this.#lag.close()
  }

  #measure(): void {
    this.#descriptors.check()
    this.eventLoopLag = this.#lag.take()
    this.#events.measured(this.eventLoopLag)
  }
}
