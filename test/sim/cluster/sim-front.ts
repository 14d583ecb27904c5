// A front of the simulated cluster: the real front, its links to the nodes, and the connection of the backend to it.
import { Front, type FrontPorts, type NodeRequest } from '@parley/core'
import type { NodeRecord } from '@parley/protocol'
import { tokenFor } from '../../../packages/core/src/testing/lvsp-bench.ts'
import { seededCrypto } from '../../../packages/core/src/testing/seeded-crypto.ts'
import type { SimBackend } from './sim-backend.ts'
import type { Coordinated, SimCoordinator } from './sim-coordinator.ts'
import { type LinkWorld, SimLink } from './sim-link.ts'
import { SECRET, type SimNode } from './sim-node.ts'

export interface FrontWorld extends LinkWorld {
  readonly coordinator: SimCoordinator
  readonly backend: SimBackend
  readonly nodes: readonly SimNode[]
  /** The coordinator's answer after a while. */
  coordinate(change: () => Coordinated, then: (outcome: Coordinated) => void): void
  probe(node: SimNode, then: (outcome: 'alive' | 'refused' | 'silent') => void): void
}

const CAPABILITIES = ['user_token', 'failure', 'events', 'sync', 'stats', 'dave']

export class SimFront {
  readonly id: string
  readonly #world: FrontWorld
  #starts = 0
  #lastConnection = 0
  front: Front
  links: SimLink[] = []
  isUp = true
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
    this.front.availabilityChanged(coordinator.isAvailable)
    for (const node of nodes) this.front.nodeAnnounced(node.record, now)
    this.links = nodes.map(node => new SimLink(this.front, this.id, node, this.#world))
    this.apply()
  }

  get deadline(): number {
    if (!this.isUp) return Infinity
    return Math.min(this.front.deadline, ...this.links.map(link => link.deadline))
  }

  tick(): void {
    const { now } = this.#world
    for (const link of this.links) if (link.deadline <= now) link.tick()
    if (this.front.deadline <= now) this.front.tick(now)
    this.apply()
  }

  /** The backend connects. */
  connect(resume: { session: string; seq: number } | undefined): void {
    const { now } = this.#world
    const id = ++this.#lastConnection
    this.front.connectionOpened(id, { remoteAddress: '192.0.2.1' }, now)
    const texts = this.front.takeEffects().flatMap(effect => (effect.kind === 'send' ? [String(effect.data)] : []))
    const { nonce } = JSON.parse(texts[0]!).d
    const d = { token: tokenFor(SECRET, nonce), capabilities: CAPABILITIES, ...resume }
    this.connection = id
    this.front.messageReceived(id, JSON.stringify({ op: resume === undefined ? 1 : 2, d }), now)
    this.apply()
  }

  disconnect(): void {
    const id = this.connection
    this.connection = 0
    this.front.connectionClosed(id, 1006, this.#world.now)
    this.apply()
  }

  send(type: number, data: object): void {
    this.front.messageReceived(this.connection, JSON.stringify({ op: 6, d: { type, data } }), this.#world.now)
    this.apply()
  }

  announced(record: NodeRecord): void {
    if (!this.isUp) return
    this.front.nodeAnnounced(record, this.#world.now)
    this.apply()
  }

  apply(): void {
    if (!this.isUp) return
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
      wallClock: () => Math.round(this.#world.now),
    })
  }

  #ports(): FrontPorts {
    const world = this.#world
    const { coordinator } = world
    const starts = this.#starts
    /** An answer for an earlier process is lost. */
    const later = (run: () => void) => {
      if (!this.isUp || starts !== this.#starts) return
      run()
      this.apply()
    }
    return {
      backendChanged: (_tenant, isConnected) => {
        for (const link of this.links) link.backendChanged(isConnected)
      },
      request: (id, node, _tenant, request: NodeRequest) => this.#link(node)?.request(id, request),
      command: (node, _tenant, command) => this.#link(node)?.command(command),
      change: (id, change) =>
        world.coordinate(
          () => coordinator.change(change),
          outcome => later(() => this.front.coordinated(id, outcome)),
        ),
      release: (key, epoch, revision) => world.after(10, () => coordinator.release(key, epoch, revision)),
      probe: record =>
        world.probe(this.#link(record.id)!.node, outcome => later(() => this.front.probed(record, outcome, world.now))),
    }
  }

  #link(node: string): SimLink | undefined {
    return this.links.find(link => link.node.id === node)
  }
}
