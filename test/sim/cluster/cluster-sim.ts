// A cluster on the virtual clock: fronts, nodes with real LVSP between them, a coordinator that can be away, and a backend that obeys.
// Everything takes a random time, from a seed.
import type { ProbeOutcome } from '@parley/core'
import { seededRandom } from '../../../packages/core/src/testing/seeded-random.ts'
import { SimBackend } from './sim-backend.ts'
import { type Coordinated, SimCoordinator } from './sim-coordinator.ts'
import { type FrontWorld, SimFront } from './sim-front.ts'
import type { SimLink } from './sim-link.ts'
import { type NodeCondition, SimNode } from './sim-node.ts'

export const GUILD = '100'

const PROBED: Record<NodeCondition, ProbeOutcome> = { up: 'alive', dead: 'refused', stopped: 'silent', cut: 'silent' }

/** Nothing arrives at the other end within half a second. */
const TOO_SLOW = 2_000
const TIMEOUT = 500

/** Parts of the code that do not work: the seeds have to find each. */
export interface Faults {
  /** A node that returns to the cluster does not look up its placements. */
  readonly noFence?: boolean
  /** A front does not end the copy on the node that a channel has left. */
  readonly noEndElsewhere?: boolean
  /** One of 50 messages of a node is lost. */
  readonly lostMessages?: boolean
}

interface Event {
  readonly at: number
  readonly order: number
  run(): void
}

export class ClusterSim implements FrontWorld {
  readonly nodes: readonly SimNode[]
  readonly fronts: readonly SimFront[]
  readonly coordinator: SimCoordinator
  readonly faults: Faults
  readonly backend: SimBackend
  random: () => number
  now = 0
  #events: Event[] = []
  #order = 0

  constructor(seed: number, nodes: number, fronts = 1, faults: Faults = {}) {
    this.random = seededRandom(seed)
    this.faults = faults
    this.coordinator = new SimCoordinator(() => this.now)
    this.nodes = Array.from(
      { length: nodes },
      (_, index) =>
        new SimNode(
          `n${index + 1}`,
          () => this.now,
          (node, placement, then) => this.coordinate(node, () => this.coordinator.find(placement), then),
          faults,
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

  announce({ record, isCutOff }: SimNode): void {
    if (isCutOff) return
    const delay = this.coordinator.isSlow ? TOO_SLOW : 0
    for (const front of this.fronts)
      if (!front.isCutOff) this.after(delay + this.#delay(), () => front.announced(record))
  }

  setAvailable(isAvailable: boolean): void {
    this.coordinator.isAvailable = isAvailable
    for (const front of this.fronts) if (!front.isCutOff) front.availabilityChanged(isAvailable)
  }

  /** A node reaches the coordinator no longer, or again. Fronts and clients reach the node. */
  setCutOff(node: SimNode, isCutOff: boolean): void {
    if (node.isCutOff === isCutOff) return
    node.isCutOff = isCutOff
    this.announce(node)
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

  /** A slow coordinator makes the change, and its answer is too late. */
  coordinate(by: { isCutOff: boolean }, change: () => Coordinated, then: (outcome: Coordinated) => void): void {
    const { isSlow } = this.coordinator
    if (isSlow && !by.isCutOff) this.after(TOO_SLOW, change)
    if (isSlow || by.isCutOff) return this.after(TIMEOUT, () => then({ kind: 'unavailable' }))
    this.after(this.#delay(), () => {
      const outcome = change()
      this.after(outcome.kind === 'unavailable' ? TIMEOUT : this.#delay(), () => then(outcome))
    })
  }

  probe({ node, isCut }: SimLink, then: (outcome: ProbeOutcome) => void): void {
    this.after(this.#delay(), () => {
      const outcome = isCut ? 'silent' : PROBED[node.condition]
      this.after(outcome === 'silent' ? 1_000 : 1, () => then(outcome))
    })
  }

  #reset(node: SimNode): void {
    for (const { links } of this.fronts) for (const link of links) if (link.node === node) link.reset()
  }

  #delay(): number {
    return 1 + Math.floor(this.random() * 20)
  }

  /** Heartbeats of the nodes that run, while the coordinator is available. */
  #beat(): void {
    for (const node of this.nodes) {
      const { condition, isCutOff, report, fence } = node
      if (condition !== 'up' || isCutOff || !this.coordinator.isAvailable) continue
      const { isSlow } = this.coordinator
      for (const front of this.fronts)
        if (isSlow) this.after(TOO_SLOW, () => front.loadReported(report))
        else front.loadReported(report)
      if (isSlow) continue
      fence.confirmed(this.now)
      node.confirmed(this.now)
    }
    this.after(1_000, () => this.#beat())
  }
}
