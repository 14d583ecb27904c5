// A front of the simulated cluster: the real front, its links to the nodes, and the connection of the backend to it.
import { Front, type FrontPorts, type NodeRequest } from '@parley/core'
import type { LoadReport, NodeRecord } from '@parley/protocol'
import { ALL_CAPABILITIES, tokenFor } from '../../../packages/core/src/testing/lvsp-bench.ts'
import { seededCrypto } from '../../../packages/core/src/testing/seeded-crypto.ts'
import type { Faults } from './cluster-sim.ts'
import type { SimBackend } from './sim-backend.ts'
import type { Coordinated, SimCoordinator } from './sim-coordinator.ts'
import { type LinkWorld, SimLink } from './sim-link.ts'
import { SECRET, type SimNode } from './sim-node.ts'

export interface FrontWorld extends LinkWorld {
  readonly coordinator: SimCoordinator
  readonly backend: SimBackend
  readonly nodes: readonly SimNode[]
  readonly faults: Faults
  /** The coordinator's answer after a while. */
  coordinate(by: { isCutOff: boolean }, change: () => Coordinated, then: (outcome: Coordinated) => void): void
  probe(link: SimLink, then: (outcome: 'alive' | 'refused' | 'silent') => void): void
}

/** Those of a backend. */
const CAPABILITIES: readonly string[] = ALL_CAPABILITIES.filter(name => name !== 'front')

export class SimFront {
  readonly id: string
  readonly #world: FrontWorld
  #starts = 0
  #lastConnection = 0
  front: Front
  links: SimLink[] = []
  isUp = true
  /** Its process does not run; what arrives waits. */
  isStopped = false
  /** It does not reach the coordinator. */
  isCutOff = false
  /** Of its wall clock, in milliseconds. */
  clockOffset = 0
  readonly #inbox: (() => void)[] = []
  /** The backend's connection; 0 without one. */
  connection = 0

  constructor(id: string, world: FrontWorld) {
    this.id = id
    this.#world = world
    this.front = this.#start()
  }

  /** The process ends, with its state. */
  kill(): void {
    this.isUp = false
    this.isStopped = false
    this.#inbox.length = 0
    this.connection = 0
    for (const link of this.links) link.close()
    this.links = []
  }

  restart(): void {
    this.isUp = true
    this.front = this.#start()
    this.open()
  }

  /** What a process does at its start; the nodes exist. */
  open(): void {
    const { coordinator, nodes, now } = this.#world
    this.front.availabilityChanged(coordinator.isAvailable && !this.isCutOff)
    for (const node of nodes) this.front.nodeAnnounced(node.record, now)
    this.links = nodes.map(node => new SimLink(this, node, this.#world))
    this.apply()
  }

  get deadline(): number {
    if (!this.isUp || this.isStopped) return Infinity
    return Math.min(this.front.deadline, ...this.links.map(link => link.deadline))
  }

  tick(): void {
    const { now } = this.#world
    for (const link of this.links) if (link.deadline <= now) link.tick()
    if (this.front.deadline <= now) this.front.tick(now)
    this.apply()
  }

  /** The backend connects. */
  connect(resume: { session: string; seq: number } | undefined, capabilities = CAPABILITIES): void {
    const id = ++this.#lastConnection
    this.connection = id
    this.input(() => this.#identify(id, resume, capabilities))
  }

  #identify(id: number, resume: { session: string; seq: number } | undefined, capabilities: readonly string[]): void {
    const { now } = this.#world
    this.front.connectionOpened(id, { remoteAddress: '192.0.2.1' }, now)
    const texts = this.front.takeEffects().flatMap(effect => (effect.kind === 'send' ? [String(effect.data)] : []))
    const { nonce } = JSON.parse(texts.at(-1)!).d
    const d = { token: tokenFor(SECRET, nonce), capabilities, ...resume }
    this.front.messageReceived(id, JSON.stringify({ op: resume === undefined ? 1 : 2, d }), now)
  }

  disconnect(): void {
    const id = this.connection
    this.connection = 0
    this.input(() => this.front.connectionClosed(id, 1006, this.#world.now))
  }

  send(type: number, data: object): void {
    const id = this.connection
    this.input(() => this.front.messageReceived(id, JSON.stringify({ op: 6, d: { type, data } }), this.#world.now))
  }

  announced(record: NodeRecord): void {
    if (!this.isCutOff) this.input(() => this.front.nodeAnnounced(record, this.#world.now))
  }
  loadReported(report: LoadReport): void {
    if (!this.isCutOff) this.input(() => this.front.loadReported(report, this.#world.now))
  }
  availabilityChanged(isAvailable: boolean): void {
    this.input(() => this.front.availabilityChanged(isAvailable))
  }

  /** An input of the process: now, or when it continues. One for an earlier process is lost. */
  input(run: () => void): void {
    if (!this.isUp) return
    if (this.isStopped) return void this.#inbox.push(run)
    run()
    this.apply()
  }

  setStopped(isStopped: boolean): void {
    this.isStopped = isStopped
    if (isStopped) return
    this.tick()
    for (const run of this.#inbox.splice(0)) this.input(run)
  }

  /** The coordinator cannot be reached, or again. When it returns, the records arrive again. */
  setCutOff(isCutOff: boolean): void {
    if (this.isCutOff === isCutOff) return
    const { coordinator, nodes } = this.#world
    this.isCutOff = isCutOff
    if (!coordinator.isAvailable) return
    this.availabilityChanged(!isCutOff)
    if (!isCutOff) for (const { isCutOff: isNodeCutOff, record } of nodes) if (!isNodeCutOff) this.announced(record)
  }

  apply(): void {
    if (!this.isUp || this.isStopped) return
    for (const effect of this.front.takeEffects()) {
      if (effect.kind === 'close') throw new Error(`${this.id} closed the connection: ${effect.reason}`)
      if (effect.kind !== 'send' || effect.connection !== this.connection) continue
      this.#world.backend.received(this, JSON.parse(String(effect.data)))
    }
    for (const link of this.links) link.apply()
  }

  #start(): Front {
    return new Front({
      crypto: seededCrypto(`${this.id} ${++this.#starts}`),
      backends: [{ id: 'main', secrets: [SECRET] }],
      ports: this.#ports(),
      serverVersion: '1.2.3',
      random: () => this.#world.random(),
      wallClock: () => Math.max(0, Math.round(this.#world.now + this.clockOffset)),
    })
  }

  #ports(): FrontPorts {
    const world = this.#world
    const { coordinator } = world
    const starts = this.#starts
    /** An answer for an earlier process is lost. */
    const later = (run: () => void) => {
      if (starts === this.#starts) this.input(run)
    }
    return {
      backendChanged: (_tenant, presence) => {
        for (const link of this.links) link.backendChanged(presence)
      },
      request: (id, node, _tenant, request: NodeRequest) => this.#link(node)?.request(id, request),
      countViews: (id, node) => this.#link(node)?.countViews(id),
      command: (node, _tenant, command) => {
        if (world.faults.noEndElsewhere !== true || command.kind !== 'destroyChannel')
          this.#link(node)?.command(command)
      },
      change: (id, change) =>
        world.coordinate(
          this,
          () => coordinator.change(change),
          outcome => later(() => this.front.coordinated(id, outcome)),
        ),
      find: (id, key) =>
        world.coordinate(
          this,
          () => coordinator.find(key),
          outcome => later(() => this.front.coordinated(id, outcome)),
        ),
      release: (key, epoch, revision) => {
        if (!this.isCutOff)
          world.after(coordinator.isSlow ? 2_000 : 10, () => coordinator.release(key, epoch, revision))
      },
      probe: record =>
        world.probe(this.#link(record.id)!, outcome => later(() => this.front.probed(record, outcome, world.now))),
    }
  }

  #link(node: string): SimLink | undefined {
    return this.links.find(link => link.node.id === node)
  }
}
