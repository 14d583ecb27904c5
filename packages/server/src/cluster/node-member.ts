// A node as a member of a cluster: announces itself and reports its load. The node does not depend on it: without a coordinator it
// serves as before.
import { randomBytes } from 'node:crypto'
import { Fence } from '@parley/core'
import { CLUSTER_SCHEMA, type LoadReport, type NodeOrder, type NodeRecord, PROTOCOL_LIMITS } from '@parley/protocol'
import type { App } from '../app.ts'
import type { Config } from '../config/config.ts'
import { SERVER_LIMITS } from '../limits.ts'
import { VERSION } from '../version.ts'
import type { Coordinator } from './coordinator.ts'

/** What a member needs of the node. */
type MemberApp = Pick<App, 'status' | 'endpoint' | 'lvspUrl' | 'operate' | 'beginDrain' | 'undrain'>

export class NodeMember {
  readonly #app: MemberApp
  readonly #config: Pick<Config, 'cluster' | 'capacity' | 'lvsp'>
  readonly #coordinator: Coordinator
  readonly #boot: string
  readonly #timer: NodeJS.Timeout
  readonly #fence: Fence
  #isDraining: boolean
  /** Packets a second at which the lanes are full; undefined until they have measured it. */
  #packets: number | undefined
  /** Packets sent, and when, as of the last report. */
  #sent: { readonly packets: number; readonly at: number }

  /** `boot`: of its relay, whose headers name the process; a new one without a relay. */
  constructor(
    app: MemberApp,
    config: Pick<Config, 'cluster' | 'capacity' | 'lvsp'>,
    coordinator: Coordinator,
    boot = randomBytes(16).toString('hex'),
  ) {
    this.#app = app
    this.#boot = boot
    this.#config = config
    this.#coordinator = coordinator
    this.#isDraining = app.status.isDraining
    this.#packets = this.#ceiling
    this.#sent = { packets: app.status.packetsOut, at: performance.now() }
    this.#fence = new Fence(this.#id, {
      placements: () => app.operate(operator => operator.placements()) ?? [],
      find: placement => void coordinator.find(placement).then(outcome => this.#fence.found(placement, outcome)),
      end: placement => void app.operate((operator, now) => operator.fence(placement, now)),
    })
    coordinator.announce(this.#record)
    coordinator.obey(this.#id, order => this.#obey(order))
    coordinator.answer(this.#id, question => app.operate(operator => operator.holds(question)) === true)
    this.#timer = setInterval(() => this.#report(), SERVER_LIMITS.clusterReportInterval)
  }

  /** Withdraws the record: fronts do not wait for missed heartbeats. */
  async leave(): Promise<void> {
    clearInterval(this.#timer)
    await this.#coordinator.withdraw(this.#id)
    await this.#coordinator.close()
  }

  /** Announces a change of the node's state at once, instead of with the next report. */
  update(): void {
    const { isDraining } = this.#app.status
    const packets = this.#ceiling
    if (isDraining === this.#isDraining && packets === this.#packets) return
    this.#isDraining = isDraining
    this.#packets = packets
    this.#coordinator.announce(this.#record)
  }

  #obey({ order, deadline }: NodeOrder): boolean {
    const isDone = order === 'drain' ? this.#app.beginDrain(deadline) : this.#app.undrain()
    this.update()
    return isDone
  }

  #report(): void {
    this.update()
    const { sessions, channels, health, egressBitsPerSecond: egress } = this.#app.status
    const packets = this.#packetShare()
    const epochs = [...(this.#app.operate(operator => operator.highestEpochs()) ?? [])]
    const report: LoadReport = {
      schema: CLUSTER_SCHEMA,
      id: this.#id,
      boot: this.#boot,
      load: Math.max(0, 1 - health, packets),
      sessions,
      channels,
      egress,
      epochs: Object.fromEntries(epochs.slice(0, PROTOCOL_LIMITS.clusterTenants)),
    }
    const sentAt = performance.now()
    void this.#coordinator.report(report).then(isReceived => {
      if (isReceived) this.#fence.confirmed(sentAt)
    })
  }

  /** Packets since the last report, in relation to what the lanes can send in that time. */
  #packetShare(): number {
    const before = this.#sent
    this.#sent = { packets: this.#app.status.packetsOut, at: performance.now() }
    const seconds = (this.#sent.at - before.at) / 1_000
    if (this.#packets === undefined || seconds <= 0) return 0
    // A lane that was replaced counts from zero.
    return Math.max(0, this.#sent.packets - before.packets) / seconds / this.#packets
  }

  get #ceiling(): number | undefined {
    return this.#config.cluster.packets_per_second ?? this.#app.status.packetsPerSecond
  }

  get #id(): string {
    return this.#config.cluster.id ?? ''
  }

  /** Where LVSP has no listener of its own, both are at one port. */
  get #gateway(): string | undefined {
    const { cluster, lvsp } = this.#config
    if (cluster.gateway !== undefined || lvsp.listen !== undefined) return cluster.gateway
    return new URL('/', cluster.lvsp ?? this.#app.lvspUrl).href
  }

  get #record(): NodeRecord {
    const { cluster, capacity } = this.#config
    return {
      schema: CLUSTER_SCHEMA,
      id: this.#id,
      boot: this.#boot,
      state: this.#isDraining ? 'draining' : 'serving',
      region: cluster.region,
      version: VERSION,
      lvsp: cluster.lvsp ?? this.#app.lvspUrl,
      endpoint: this.#app.endpoint,
      gateway: this.#gateway,
      sessions: capacity.sessions,
      packets: this.#packets,
    }
  }
}
