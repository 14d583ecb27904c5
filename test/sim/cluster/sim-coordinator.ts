// A coordinator on the virtual clock: compare-and-set as NATS does it, which can be away, rolled back and emptied.
import type { PlacementChange, PlacementOutcome } from '@parley/core'
import { encodePlacementKey, type PlacementKey, type PlacementRecord } from '@parley/protocol'

export type Coordinated = PlacementOutcome

export class SimCoordinator {
  isAvailable = true
  #placements = new Map<string, { record: PlacementRecord; revision: number }>()
  #saved = this.#placements
  #revision = 0

  change({ key, record, revision }: PlacementChange): PlacementOutcome {
    if (!this.isAvailable) return { kind: 'unavailable' }
    const name = encodePlacementKey(key)
    const existing = this.#placements.get(name)
    if (existing?.revision !== revision) return { kind: 'taken', placed: existing }
    const placed = { record, revision: ++this.#revision }
    this.#placements.set(name, placed)
    return { kind: 'placed', placed }
  }

  find(key: PlacementKey): PlacementOutcome {
    if (!this.isAvailable) return { kind: 'unavailable' }
    return { kind: 'taken', placed: this.#placements.get(encodePlacementKey(key)) }
  }

  release(key: PlacementKey, epoch: number, revision?: number): void {
    const name = encodePlacementKey(key)
    const existing = this.#placements.get(name)
    if (!this.isAvailable || existing === undefined) return
    if (revision === undefined ? existing.record.epoch <= epoch : existing.revision === revision)
      this.#placements.delete(name)
  }

  /** What a rollback returns to. */
  save(): void {
    this.#saved = new Map(this.#placements)
  }
  rollBack(): void {
    this.#placements = new Map(this.#saved)
  }
  clear(): void {
    this.#placements = new Map()
  }
}
