// A coordinator inside one process: for a node without a cluster, and for tests with many nodes in one process.
import type { PlacementOutcome } from '@parley/core'
import {
  CLUSTER_SCHEMA,
  encodePlacementKey,
  encodeRecord,
  type LoadReport,
  type NodeOrder,
  type NodeRecord,
  type OwnerQuestion,
  type PlacementKey,
  type PlacementRecord,
} from '@parley/protocol'
import type { ClusterListener, Coordinator } from './coordinator.ts'
import { type Found, RecordReader } from './record-reader.ts'

/** The state that several coordinators share, as processes share a NATS server. */
export class SharedMemory {
  readonly nodes = new Map<string, NodeRecord>()
  /** Text of a record, as another version or program may have written it. */
  readonly placements = new Map<string, { readonly text: string; readonly revision: number }>()
  readonly listeners = new Set<ClusterListener>()
  /** By node. */
  readonly orders = new Map<string, (order: NodeOrder) => boolean>()
  /** By the id of the node that answers. */
  readonly answers = new Map<string, (question: OwnerQuestion) => boolean>()
  /** Revision of the newest placement. */
  revision = 0
}

/**
 * Never unavailable, and as strict as the NATS coordinator: a change with an old revision is refused, and revisions
 * only grow. Listeners are called synchronously, during the call that changed something.
 */
export class MemoryCoordinator implements Coordinator {
  readonly isAvailable = true
  readonly #shared: SharedMemory
  readonly #reader = new RecordReader(reason => this.#listener?.malformed(reason))
  #listener: ClusterListener | undefined
  #answers: string | undefined

  constructor(shared: SharedMemory = new SharedMemory()) {
    this.#shared = shared
  }

  announce(record: NodeRecord): void {
    this.#shared.nodes.set(record.id, record)
    for (const listener of this.#shared.listeners) listener.nodeAnnounced(record)
  }

  async report(report: LoadReport): Promise<boolean> {
    for (const listener of this.#shared.listeners) listener.loadReported(report)
    return true
  }

  async withdraw(id: string): Promise<void> {
    if (!this.#shared.nodes.delete(id)) return
    for (const listener of this.#shared.listeners) listener.nodeWithdrawn(id)
  }

  /** Calls the listener at once with every node that is known: a late listener receives what earlier ones did. */
  watch(listener: ClusterListener): void {
    if (this.#listener !== undefined) throw new Error('the coordinator has a listener already')
    this.#listener = listener
    this.#shared.listeners.add(listener)
    listener.availabilityChanged(true)
    for (const record of this.#shared.nodes.values()) listener.nodeAnnounced(record)
  }

  async place(key: PlacementKey, record: PlacementRecord): Promise<PlacementOutcome> {
    const existing = this.#shared.placements.get(encodePlacementKey(key))
    return existing === undefined ? this.#write(key, record) : this.find(key)
  }

  /** A removed placement is refused too: `placed` is then undefined, and the caller has to place the channel again. */
  async replace(key: PlacementKey, record: PlacementRecord, revision: number): Promise<PlacementOutcome> {
    const existing = this.#shared.placements.get(encodePlacementKey(key))
    return existing?.revision === revision ? this.#write(key, record) : this.find(key)
  }

  async release(key: PlacementKey, revision: number): Promise<void> {
    const name = encodePlacementKey(key)
    if (this.#shared.placements.get(name)?.revision === revision) this.#shared.placements.delete(name)
  }

  async find(key: PlacementKey): Promise<Found> {
    const existing = this.#shared.placements.get(encodePlacementKey(key))
    if (existing === undefined) return { kind: 'taken', placed: undefined }
    return this.#reader.placement(existing.text, existing.revision)
  }

  async ask(question: OwnerQuestion): Promise<string | undefined> {
    return [...this.#shared.answers].find(([, holds]) => holds(question))?.[0]
  }

  answer(id: string, holds: (question: OwnerQuestion) => boolean): void {
    this.#answers = id
    this.#shared.answers.set(id, holds)
  }

  async order(id: string, order: Omit<NodeOrder, 'schema'>): Promise<boolean | undefined> {
    return this.#shared.orders.get(id)?.({ schema: CLUSTER_SCHEMA, ...order })
  }

  obey(id: string, execute: (order: NodeOrder) => boolean): void {
    this.#shared.orders.set(id, execute)
  }

  async close(): Promise<void> {
    if (this.#answers !== undefined) this.#shared.answers.delete(this.#answers)
    if (this.#listener !== undefined) this.#shared.listeners.delete(this.#listener)
  }

  /** Callers have compared the revision. There is no await between the two, so that no other change comes between. */
  #write(key: PlacementKey, record: PlacementRecord): PlacementOutcome {
    const revision = ++this.#shared.revision
    this.#shared.placements.set(encodePlacementKey(key), { text: encodeRecord(record), revision })
    return { kind: 'placed', placed: { record, revision } }
  }
}
