// Which nodes of a cluster are alive. The coordinator's records list the nodes; their heartbeats, on this process's clock, show which are alive. A node
// that misses three heartbeats is probed directly before it counts as dead, because the coordinator may be what failed.
import type { LoadReport, NodeRecord } from '@parley/protocol'
import type { Deadlines, Timed } from '../../deadlines.ts'
import { LIMITS } from '../../limits.ts'

/** `suspect`: no heartbeat for a while, or the connection was lost, and a probe is under way. `dead`: probed now and then. */
export type MemberState = 'alive' | 'suspect' | 'dead'

/** `refused`: the address answers that no process listens there. `silent`: nothing answers in time. */
export type ProbeOutcome = 'alive' | 'refused' | 'silent'

/** A node as the membership knows it. */
export interface Member {
  readonly record: NodeRecord
  readonly state: MemberState
  /** Its last report; undefined before the first. */
  readonly report: LoadReport | undefined
  /** The share of the node that channels placed since its last report will add: reports are a second old. */
  readonly placed: number
}

export interface MembershipObserver {
  /** Connect to the node and answer with `probed`. */
  probe(record: NodeRecord): void
  /** A node joined, or its record changed: state, addresses or process. `isRestarted`: another process has taken its id. */
  changed(record: NodeRecord, isRestarted: boolean): void
  /** No heartbeat arrives and the probe failed. What was placed there must move. */
  died(record: NodeRecord): void
  /** A dead node sends heartbeats again, or answers a probe. */
  returned(record: NodeRecord): void
  /** A node stopped and withdrew its record. */
  left(record: NodeRecord): void
}

class Entry implements Member, Timed {
  record: NodeRecord
  state: MemberState = 'alive'
  report: LoadReport | undefined
  placed = 0
  heardAt: number
  /** When a connection to it was lost last. */
  lostAt = -Infinity
  /** When it becomes suspect, or is probed again: a dead one too. */
  deadline: number
  readonly #suspect: (entry: Entry, now: number) => void

  constructor(record: NodeRecord, now: number, suspect: (entry: Entry, now: number) => void) {
    this.record = record
    this.heardAt = now
    this.deadline = now + LIMITS.clusterSuspicion
    this.#suspect = suspect
  }

  tick(now: number): void {
    this.#suspect(this, now)
  }
}

export class Membership {
  readonly #observer: MembershipObserver
  readonly #deadlines: Deadlines
  readonly #entries = new Map<string, Entry>()

  constructor(observer: MembershipObserver, deadlines: Deadlines) {
    this.#observer = observer
    this.#deadlines = deadlines
  }

  /** All nodes, the dead ones included. */
  get members(): readonly Member[] {
    return [...this.#entries.values()]
  }

  get(id: string): Member | undefined {
    return this.#entries.get(id)
  }

  /** A record arrived. A new node is alive until it misses heartbeats. */
  announced(record: NodeRecord, now: number): void {
    const entry = this.#entries.get(record.id)
    if (entry === undefined) {
      if (this.#entries.size >= LIMITS.clusterNodes) return
      const added = new Entry(record, now, (each, at) => this.#suspect(each, at))
      this.#entries.set(record.id, added)
      this.#deadlines.update(added)
      return this.#observer.changed(record, false)
    }
    if (JSON.stringify(entry.record) === JSON.stringify(record)) return
    const isRestarted = entry.record.boot !== record.boot
    entry.record = record
    if (isRestarted) {
      entry.report = undefined
      entry.placed = 0
      this.#heard(entry, now)
    }
    this.#observer.changed(record, isRestarted)
  }

  /** The node withdrew its record. */
  withdrawn(id: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.delete(id)
    this.#deadlines.remove(entry)
    this.#observer.left(entry.record)
  }

  /** A heartbeat. One of an unknown node, or of an earlier process, is ignored. */
  reported(report: LoadReport, now: number): void {
    const entry = this.#entries.get(report.id)
    if (entry === undefined || entry.record.boot !== report.boot) return
    entry.report = report
    entry.placed = 0
    this.#heard(entry, now)
  }

  /** A connection to the node was established: a dead one is probed now, because its heartbeats may not arrive. */
  linked(id: string, now: number): void {
    const entry = this.#entries.get(id)
    if (entry?.state === 'dead') this.#suspect(entry, now)
  }

  /** The connection to the node was lost: it is probed now instead of after missed heartbeats. */
  linkLost(id: string, now: number): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    entry.lostAt = now
    if (entry.state === 'alive') this.#suspect(entry, now)
  }

  /** Whether a heartbeat, or a record, says that the node is the process that is known. Otherwise it may have been restarted since. */
  isHeardSinceLoss(id: string): boolean {
    const entry = this.#entries.get(id)
    return entry !== undefined && entry.heardAt > entry.lostAt
  }

  /**
   * The outcome of a probe. An outcome for an earlier process of the node, or for one that was heard since, is ignored. A silent node
   * is dead only without heartbeats: what cannot be reached from here may serve its clients. A dead one that answers is alive: with the
   * coordinator away, no heartbeat would say so.
   */
  probed({ id, boot }: NodeRecord, outcome: ProbeOutcome, now: number): void {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.state === 'alive' || entry.record.boot !== boot) return
    const wasDead = entry.state === 'dead'
    const isHeard = now - entry.heardAt < LIMITS.clusterSuspicion
    this.#dueAt(entry, (outcome === 'silent' && isHeard ? entry.heardAt : now) + LIMITS.clusterSuspicion)
    // Without heartbeats it is probed again and again: the coordinator may be away.
    if (outcome === 'alive') entry.state = 'alive'
    if (outcome === 'alive' && wasDead) this.#observer.returned(entry.record)
    if (wasDead || outcome === 'alive' || (outcome === 'silent' && isHeard)) return
    entry.state = 'dead'
    this.#observer.died(entry.record)
  }

  /** A channel for `sessions` users was placed on the node since its last report. */
  placed(id: string, sessions: number): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) entry.placed += sessions / entry.record.sessions
  }

  #suspect(entry: Entry, now: number): void {
    if (entry.state === 'alive') entry.state = 'suspect'
    this.#dueAt(entry, now + LIMITS.clusterSuspicion)
    this.#observer.probe(entry.record)
  }

  #heard(entry: Entry, now: number): void {
    const wasDead = entry.state === 'dead'
    entry.state = 'alive'
    entry.heardAt = now
    this.#dueAt(entry, now + LIMITS.clusterSuspicion)
    if (wasDead) this.#observer.returned(entry.record)
  }

  #dueAt(entry: Entry, deadline: number): void {
    entry.deadline = deadline
    this.#deadlines.update(entry)
  }
}
