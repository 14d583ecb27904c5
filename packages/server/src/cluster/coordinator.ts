// What the processes of a cluster share: who exists, how loaded each node is, and where each channel is. It is a hint with
// compare-and-set and may lose acknowledged writes: backends and nodes hold the truth, and no call waits for it.
import type { PlacementOutcome } from '@parley/core'
import type { LoadReport, NodeOrder, NodeRecord, OwnerQuestion, PlacementKey, PlacementRecord } from '@parley/protocol'
import type { Found } from './record-reader.ts'

/** Calls arrive in the order of the coordinator, and again after it was away: all current records, then changes. */
export interface ClusterListener {
  nodeAnnounced(record: NodeRecord): void
  nodeWithdrawn(id: string): void
  loadReported(report: LoadReport): void
  /** The connection to the coordinator was established or lost. */
  availabilityChanged(isAvailable: boolean): void
  /** A record or message that cannot be decoded. Not called for each one. */
  malformed(reason: string): void
}

export interface Coordinator {
  readonly isAvailable: boolean
  /** Publishes the record of this process's node now, after each reconnect, and when it is called again. Never fails. */
  announce(record: NodeRecord): void
  /** Publishes a heartbeat. Resolves to whether the coordinator received it; it is lost while that is away. Never rejects. */
  report(report: LoadReport): Promise<boolean>
  /** Removes the record of the node. Resolves after at most `SERVER_LIMITS.coordinatorTimeout`, also if that failed. */
  withdraw(id: string): Promise<void>
  /** Watches nodes and heartbeats until the coordinator is closed. One listener per coordinator. */
  watch(listener: ClusterListener): void
  /** Creates the placement of a channel that has none. */
  place(key: PlacementKey, record: PlacementRecord): Promise<PlacementOutcome>
  /** Replaces a placement if it still has the revision. */
  replace(key: PlacementKey, record: PlacementRecord, revision: number): Promise<PlacementOutcome>
  /** Removes a placement if it still has the revision. Resolves also if it has not, or if the coordinator is away. */
  release(key: PlacementKey, revision: number): Promise<void>
  /**
   * The current placement; `taken` with it, or with undefined if there is none. One that cannot be decoded has epoch 0, so that it is
   * replaced; if a later version wrote it, it is `unavailable`, here and to a change: channels are placed as without the coordinator.
   */
  find(key: PlacementKey): Promise<Found>
  /**
   * Asks all nodes who has what a client names; the first answer is returned. Undefined if no node answers within
   * `SERVER_LIMITS.coordinatorTimeout`, or if the coordinator is away.
   */
  ask(question: OwnerQuestion): Promise<string | undefined>
  /** Answers the questions of other processes with the id of this node, if `holds` says so. Once per coordinator. */
  answer(id: string, holds: (question: OwnerQuestion) => boolean): void
  /** Orders a node to drain or to serve again. Resolves to whether it did; undefined if it does not answer in time. */
  order(id: string, order: Omit<NodeOrder, 'schema'>): Promise<boolean | undefined>
  /** Executes the orders for this node; `execute` returns whether it did. Once per coordinator. */
  obey(id: string, execute: (order: NodeOrder) => boolean): void
  close(): Promise<void>
}
