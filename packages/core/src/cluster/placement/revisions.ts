// The revisions of the coordinator's placements: one that does not grow says that the coordinator has lost placements.
import type { PlacementOutcome } from '../front-ports.ts'

export class Revisions {
  /** Of all placements that the coordinator has written since it was there. */
  #highest = 0
  readonly #rolledBack: () => void

  constructor(rolledBack: () => void) {
    this.#rolledBack = rolledBack
  }

  get highest(): number {
    return this.#highest
  }

  /** The coordinator has returned. */
  restart(): void {
    this.#highest = 0
  }

  /** A revision is higher than all that were known before the change was sent, unless the bucket was rolled back, or is another. */
  notice(outcome: PlacementOutcome, known: number): void {
    if (outcome.kind !== 'placed') return
    const { revision } = outcome.placed
    this.#highest = revision > known ? Math.max(this.#highest, revision) : revision
    if (revision <= known) this.#rolledBack()
  }
}
