// What the admin API does to a front: shows the cluster, drains nodes, moves channels.
import type { Front, FrontInspection } from '@parley/core'
import type {
  ClusterAdministration,
  ClusterChannelView,
  ClusterNodeView,
  ClusterRefusal,
  ClusterStatus,
  Moving,
} from '../../admin/cluster-routes.ts'
import type { Host } from '../../host.ts'
import type { Log } from '../../monitoring/log.ts'
import { VERSION } from '../../version.ts'
import type { Coordinator } from '../coordinator.ts'

export interface FrontAdministrationParts {
  readonly id: string
  readonly front: Front
  readonly host: Host
  readonly coordinator: Coordinator
  readonly log: Log
  metrics(): Promise<string>
}

export class FrontAdministration implements ClusterAdministration {
  readonly #parts: FrontAdministrationParts
  readonly #startedAt = performance.now()

  constructor(parts: FrontAdministrationParts) {
    this.#parts = parts
  }

  get log(): Log {
    return this.#parts.log
  }

  status(): ClusterStatus {
    const { id, front, coordinator } = this.#parts
    const inspection = front.inspect()
    return {
      front: id,
      version: VERSION,
      pid: process.pid,
      uptime: Math.round((performance.now() - this.#startedAt) / 1_000),
      nats: coordinator.isAvailable,
      health: front.health,
      backends: inspection.backends.map(({ backend, isConnected, acts, channels, voiceStates }) => {
        return { backend, connected: isConnected, acts, channels, voice_states: voiceStates }
      }),
      nodes: nodesOf(inspection),
    }
  }

  channels(): ClusterChannelView[] {
    return this.#parts.front.inspect().channels.map(({ tenant, channelId, stage, node, epoch, users }) => {
      return { backend: tenant, channel: channelId, stage, node, epoch, users }
    })
  }

  inspect(): FrontInspection {
    return this.#parts.front.inspect()
  }

  metrics(): Promise<string> {
    return this.#parts.metrics()
  }

  drain(node: string, deadline: number | undefined): Promise<ClusterRefusal | undefined> {
    return this.#order(node, { order: 'drain', deadline }, 'the node stops, or drains')
  }

  undrain(node: string): Promise<ClusterRefusal | undefined> {
    return this.#order(node, { order: 'undrain' }, 'the node does not drain, or stops')
  }

  move({ backend, channel, to }: Parameters<ClusterAdministration['move']>[0]): ClusterRefusal | Moving {
    const found = this.channels().filter(each => each.channel === channel && (backend ?? each.backend) === each.backend)
    const [one] = found
    if (one === undefined) return unknown(`no channel ${channel} in the cluster`)
    if (found.length > 1) return refusal(`several backends have a channel ${channel}: name one with backend`)
    const { host, front } = this.#parts
    const result = host.operate(() => front.moveChannel(one.backend, channel, to))
    switch (result) {
      case 'moving':
        return { backend: one.backend, from: one.node ?? '', to }
      case 'noNode':
        return to === undefined
          ? refusal('no other node accepts channels')
          : refusal(`node ${to} does not accept channels`)
      default:
        return refusal(`the channel is ${one.stage}, and cannot be moved now`)
    }
  }

  async #order(
    node: string,
    order: Parameters<Coordinator['order']>[1],
    why: string,
  ): Promise<ClusterRefusal | undefined> {
    const { front, coordinator } = this.#parts
    if (!front.inspect().nodes.some(({ record }) => record.id === node))
      return unknown(`no node ${node} in the cluster`)
    if (!coordinator.isAvailable) return refusal('NATS is not connected: use parley drain on the machine of the node')
    const answer = await coordinator.order(node, order)
    if (answer === undefined) return refusal(`node ${node} does not answer`)
    return answer ? undefined : refusal(why)
  }
}

const refusal = (sentence: string): ClusterRefusal => ({ refused: sentence, isUnknown: false })
const unknown = (sentence: string): ClusterRefusal => ({ refused: sentence, isUnknown: true })

/** By id: the order in which nodes were announced says nothing to an operator. */
function nodesOf({ nodes, channels }: FrontInspection): ClusterNodeView[] {
  const placed = new Map<string, number>()
  for (const { node } of channels) if (node !== undefined) placed.set(node, (placed.get(node) ?? 0) + 1)
  const sorted = [...nodes].sort((a, b) => (a.record.id < b.record.id ? -1 : 1))
  return sorted.map(({ record, state, report, placed: since }) => ({
    node: record.id,
    state,
    draining: record.state === 'draining',
    region: record.region,
    version: record.version,
    endpoint: record.endpoint,
    load: Math.round(((report?.load ?? 0) + since) * 1_000) / 1_000,
    sessions: report?.sessions ?? 0,
    capacity: record.sessions,
    channels: report?.channels ?? 0,
    placed: placed.get(record.id) ?? 0,
  }))
}
