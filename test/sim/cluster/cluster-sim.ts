// A cluster on the virtual clock: fronts, nodes with real LVSP between them, a coordinator that can be away, and a backend that obeys.
// Everything takes a random time, from a seed.
import type { ProbeOutcome } from '@parley/core'
import { seededRandom } from '../../../packages/core/src/testing/seeded-random.ts'
import { SimBackend } from './sim-backend.ts'
import { type Coordinated, SimCoordinator } from './sim-coordinator.ts'
import { type FrontWorld, SimFront } from './sim-front.ts'
import { type NodeCondition, SimNode } from './sim-node.ts'

export const GUILD = '100'

const PROBED: Record<NodeCondition, ProbeOutcome> = { up: 'alive', dead: 'refused', stopped: 'silent', cut: 'silent' }

interface Event {
  readonly at: number
  readonly order: number
  run(): void
}

export class ClusterSim implements FrontWorld {
  readonly nodes: readonly SimNode[]
  readonly fronts: readonly SimFront[]
  readonly coordinator = new SimCoordinator()
  readonly backend: SimBackend
  random: () => number
  now = 0
  #events: Event[] = []
  #order = 0

  constructor(seed: number, nodes: number, fronts = 1) {
    this.random = seededRandom(seed)
    this.nodes = Array.from(
      { length: nodes },
      (_, index) =>
        new SimNode(
          `n${index + 1}`,
          () => this.now,
          (placement, then) => this.coordinate(() => this.coordinator.find(placement), then),
        ),
    )
    this.backend = new SimBackend()
    this.fronts = Array.from({ length: fronts }, (_, index) => new SimFront(`f${index + 1}`, this))
    for (const front of this.fronts) front.open()
    this.#beat()
    this.advance(500)
    this.backend.connect(this.fronts[0]!)
    this.advance(500)
  }

  /** Runs everything that happens within the time. */
  advance(duration: number): void {
    const until = this.now + duration
    for (;;) {
      const event = this.#events[0]
      const due = Math.min(...this.fronts.map(front => front.deadline))
      const next = Math.min(event?.at ?? Infinity, Math.max(this.now, due))
      if (next > until) break
      this.now = next
      if (event !== undefined && event.at <= next) {
        this.#events.shift()
        event.run()
      } else for (const front of this.fronts) if (front.deadline <= next) front.tick()
      for (const front of this.fronts) front.apply()
    }
    this.now = until
  }

  announce({ record }: SimNode): void {
    for (const front of this.fronts) this.after(this.#delay(), () => front.announced(record))
  }

  setAvailable(isAvailable: boolean): void {
    this.coordinator.isAvailable = isAvailable
    for (const front of this.fronts) if (front.isUp) front.front.availabilityChanged(isAvailable)
  }

  /** A process whose sockets closed: fronts notice at once. */
  kill(node: SimNode): void {
    node.condition = 'dead'
    this.after(1, () => this.#reset(node))
  }

  /** A node that was stopped or cut off continues. After a cut its connections are reset. */
  resume(node: SimNode): void {
    const wasCut = node.condition === 'cut'
    node.condition = 'up'
    node.catchUp()
    for (const run of node.inbox.splice(0)) run()
    if (wasCut) this.#reset(node)
  }

  after(delay: number, run: () => void): void {
    const event = { at: this.now + delay, order: this.#order++, run }
    const index = this.#events.findLastIndex(each => each.at <= event.at)
    this.#events.splice(index + 1, 0, event)
  }

  coordinate(change: () => Coordinated, then: (outcome: Coordinated) => void): void {
    this.after(this.#delay(), () => {
      const outcome = change()
      this.after(outcome.kind === 'unavailable' ? 500 : this.#delay(), () => then(outcome))
    })
  }

  probe(node: SimNode, then: (outcome: ProbeOutcome) => void): void {
    this.after(this.#delay(), () => {
      const outcome = PROBED[node.condition]
      this.after(outcome === 'silent' ? 1_000 : 1, () => then(outcome))
    })
  }

  #reset(node: SimNode): void {
    for (const { links } of this.fronts) for (const link of links) if (link.node === node) link.reset()
  }

  #delay(): number {
    return 1 + Math.floor(this.random() * 20)
  }

  /** Heartbeats of the nodes that run, while the coordinator is there. */
  #beat(): void {
    for (const { id, condition, record, fence } of this.nodes) {
      const report = { schema: 1, id, boot: record.boot, load: 0.1, sessions: 0, channels: 0, egress: 1e6 }
      if (condition !== 'up' || !this.coordinator.isAvailable) continue
      for (const front of this.fronts) if (front.isUp) front.front.loadReported(report, this.now)
      fence.confirmed(this.now)
    }
    this.after(1_000, () => this.#beat())
  }
}
