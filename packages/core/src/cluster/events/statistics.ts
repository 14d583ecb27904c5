// STATS of a front: its own counts, and what limits the viewers of video, which only nodes know. The nodes are asked together, once for all
// requests of a backend that wait.
import type { BackendId } from '../../channel/channel-ref.ts'
import type { BackendStats } from '../../lvsp/node-control.ts'
import type { TenantChannels } from '../front-channel.ts'
import type { FrontRequestId } from '../front-ports.ts'

export interface StatisticsOptions {
  readonly tenant: (id: BackendId) => TenantChannels
  readonly nextId: () => FrontRequestId
  /** Bits per second that all nodes send. */
  readonly egress: () => number
  readonly request: (id: FrontRequestId, node: string, tenant: BackendId) => void
  readonly gathered: (tenant: BackendId, stats: BackendStats, now: number) => void
}

interface Round {
  readonly tenant: BackendId
  readonly asked: Set<FrontRequestId>
  readonly views: Record<string, number>
  /** Requests of the backend that this round answers. */
  requests: number
}

export class Statistics {
  readonly #options: StatisticsOptions
  readonly #rounds = new Map<BackendId, Round>()

  constructor(options: StatisticsOptions) {
    this.#options = options
  }

  /** Returns them if no node has to be asked. */
  request(tenant: BackendId): BackendStats | undefined {
    const waiting = this.#rounds.get(tenant)
    if (waiting !== undefined) {
      waiting.requests++
      return undefined
    }
    const nodes = this.#nodesOf(tenant)
    if (nodes.size === 0) return this.#stats(tenant, {})
    const round: Round = { tenant, asked: new Set(), views: {}, requests: 1 }
    this.#rounds.set(tenant, round)
    const ids = Array.from(nodes, node => ({ node, id: this.#options.nextId() }))
    for (const { id } of ids) round.asked.add(id)
    for (const { node, id } of ids) this.#options.request(id, node, tenant)
    return undefined
  }

  /** A node without an answer counts as one without viewers. */
  answered(id: FrontRequestId, views: Readonly<Record<string, number>> | undefined, now: number): void {
    for (const round of this.#rounds.values()) {
      if (!round.asked.delete(id)) continue
      for (const [reason, count] of Object.entries(views ?? {}))
        round.views[reason] = (round.views[reason] ?? 0) + count
      if (round.asked.size > 0) return
      this.#rounds.delete(round.tenant)
      const stats = this.#stats(round.tenant, round.views)
      for (; round.requests > 0; round.requests--) this.#options.gathered(round.tenant, stats, now)
      return
    }
  }

  /** Nodes with channels of the tenant that are connected. */
  #nodesOf(tenant: BackendId): ReadonlySet<string> {
    const { all, linked } = this.#options.tenant(tenant)
    const nodes = new Set<string>()
    for (const { node } of all) if (node !== undefined && linked.has(node)) nodes.add(node)
    return nodes
  }

  #stats(tenant: BackendId, views: Record<string, number>): BackendStats {
    const { all, size: channels } = this.#options.tenant(tenant)
    let sessions = 0
    for (const { seats } of all) for (const { grant } of seats.values()) if (grant?.connected === true) sessions++
    return { channels, sessions, egressBitsPerSecond: this.#options.egress(), views }
  }
}
