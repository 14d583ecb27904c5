// A coordinator on the virtual clock: compare-and-set as NATS does it, which can be away, rolled back and emptied.
import type { PlacementChange, PlacementOutcome } from '@parley/core'
import { encodePlacementKey, type PlacementKey, type PlacementRecord } from '@parley/protocol'

export type Coordinated = PlacementOutcome

export class SimCoordinator {
  isAvailable = true
  /** It answers too late. */
  isSlow = false
  #placements = new Map<string, { record: PlacementRecord; revision: number; at: number }>()
  #saved = { placements: new Map(this.#placements), revision: 0 }
  #revision = 0

  readonly #clock: () => number

  constructor(clock: () => number) {
    this.#clock = clock
  }

  change({ key, record, revision }: PlacementChange): PlacementOutcome {
    if (!this.isAvailable) return { kind: 'unavailable' }
    const name = encodePlacementKey(key)
    const existing = this.#placements.get(name)
    if (existing?.revision !== revision) return { kind: 'taken', placed: existing }
    const placed = { record, revision: ++this.#revision, at: this.#clock() }
    this.#placements.set(name, placed)
    return { kind: 'placed', placed }
  }

  find(key: PlacementKey): PlacementOutcome {
    if (!this.isAvailable) return { kind: 'unavailable' }
    return { kind: 'taken', placed: this.#placements.get(encodePlacementKey(key)) }
  }

  /** Where the channel is placed, and since when; undefined if it is not. */
  placementOf(key: PlacementKey): { record: PlacementRecord; at: number } | undefined {
    return this.#placements.get(encodePlacementKey(key))
  }

  release(key: PlacementKey, epoch: number, revision?: number): void {
    const name = encodePlacementKey(key)
    const existing = this.#placements.get(name)
    if (!this.isAvailable || existing === undefined) return
    if (revision === undefined ? existing.record.epoch <= epoch : existing.revision === revision)
      this.#placements.delete(name)
  }

  /** The placements, as `tenant.channel`, node and epoch. */
  get records(): [name: string, node: string, epoch: number][] {
    return [...this.#placements].map(([name, { record }]) => [name, record.node, record.epoch])
  }

  /** What a rollback returns to. */
  save(): void {
    this.#saved = { placements: new Map(this.#placements), revision: this.#revision }
  }
  rollBack(): void {
    const at = this.#clock()
    this.#placements = new Map([...this.#saved.placements].map(([name, placed]) => [name, { ...placed, at }]))
    this.#revision = this.#saved.revision
  }
  clear(): void {
    this.#placements = new Map()
    this.#revision = 0
  }
}
