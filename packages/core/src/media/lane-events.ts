// What a lane has to tell control, until it is taken.
import type { LaneEvent } from '../lane/commands.ts'

const NOTHING: readonly LaneEvent[] = []

export class LaneEvents {
  #events: LaneEvent[] = []

  push(event: LaneEvent): void {
    this.#events.push(event)
  }

  /** All since the last call. */
  take(): readonly LaneEvent[] {
    if (this.#events.length === 0) return NOTHING
    const taken = this.#events
    this.#events = []
    return taken
  }
}
