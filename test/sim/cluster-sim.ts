// A cluster on the virtual clock: a front, the channels and voice states of real nodes, a coordinator that can be away, and a backend
// that obeys. Everything takes a random time, from a seed.

import {
  Fence,
  Front,
  type FrontPorts,
  type LocalPlacement,
  type NodeAnswer,
  type NodeCommand,
  type NodeRequest,
  type ProbeOutcome,
  refused,
} from '@parley/core'
import { LvspFailure, type NodeRecord } from '@parley/protocol'
import { LvspBench, tokenFor } from '../../packages/core/src/testing/lvsp-bench.ts'
import { seededCrypto } from '../../packages/core/src/testing/seeded-crypto.ts'
import { seededRandom } from '../../packages/core/src/testing/seeded-random.ts'
import { type Coordinated, SimCoordinator } from './sim-coordinator.ts'

const SECRET = 'secret of the backend'
const BACKEND = 1
export const GUILD = '100'
/** A node or a front waits this long for an answer that does not come. */
const TIMEOUT = 2_000

// biome-ignore lint/suspicious/noExplicitAny: what a test reads of a message is checked by its assertions
type Json = any

/**
 * `stopped` answers nothing and keeps its state; `cut` the same, but it serves its clients; `dead` has lost its state, and its port is
 * closed.
 */
export type NodeCondition = 'up' | 'stopped' | 'cut' | 'dead'

const PROBED: Record<NodeCondition, ProbeOutcome> = { up: 'alive', dead: 'refused', stopped: 'silent', cut: 'silent' }

export class SimNode {
  readonly id: string
  bench: LvspBench
  condition: NodeCondition = 'up'
  /** Whether the front's connection to it works; after a cut it takes a moment. */
  isLinked = true
  isDraining = false
  boot = 1
  /** Commands and requests that have arrived, in order. */
  readonly inbox: { run(node: SimNode): void; boot: number | undefined }[] = []
  /** Looks up a placement. */
  readonly find: (placement: LocalPlacement, then: (outcome: Coordinated) => void) => void
  fence: Fence

  constructor(id: string, seed: number, find: SimNode['find']) {
    this.id = id
    this.find = find
    this.bench = SimNode.#start(id, seed)
    this.fence = this.#newFence()
  }

  /** The clock is that of the bench, which does not advance: only the order matters. */
  #newFence(): Fence {
    const fence: Fence = new Fence(this.id, {
      placements: () => [...this.bench.control.placements()],
      find: placement => this.find(placement, outcome => fence.found(placement, outcome)),
      end: placement => void this.bench.control.fence(placement, this.bench.now),
    })
    return fence
  }

  static #start(id: string, seed: number): LvspBench {
    const bench = new LvspBench([{ id: 'main', secrets: [SECRET] }], `${id} ${seed}`)
    bench.control.backendAttached('main')
    return bench
  }

  /** Another process, without state. */
  restart(): void {
    this.boot++
    this.condition = 'up'
    this.isDraining = false
    this.isLinked = true
    this.bench = SimNode.#start(this.id, this.boot)
    this.fence = this.#newFence()
  }

  get record(): NodeRecord {
    return {
      schema: 1,
      id: this.id,
      boot: this.boot.toString(16).padStart(16, '0'),
      state: this.isDraining ? 'draining' : 'serving',
      region: 'here',
      version: '1.2.3',
      lvsp: `ws://${this.id}`,
      endpoint: this.id,
      sessions: 100,
    }
  }

  /** Users by channel. */
  get contents(): Map<string, Map<string, string>> {
    const { channels, voiceStates } = this.bench.snapshot('main')
    const contents = new Map(channels.map(({ channelId }) => [channelId, new Map<string, string>()]))
    for (const { channelId, userId, token } of voiceStates) contents.get(channelId)!.set(userId, token)
    return contents
  }

  execute(command: NodeCommand, now: number): void {
    const { control } = this.bench
    switch (command.kind) {
      case 'updateChannel':
        return void control.updateChannel('main', command.channel, command.properties, now)
      case 'destroyChannel':
        return void control.destroyChannel('main', command.channel, now, command.epoch)
      case 'updateVoiceStates':
        return void control.updateVoiceStates('main', command.selector, command.restrictions)
      case 'destroyVoiceStates':
        return void control.destroyVoiceStates('main', command.selector, now)
      case 'sync': {
        const sync = control.startSync('main')
        sync.list(command.channels)
        const work = sync.finish(command.grace, now)
        while (work !== undefined && work.next(now).done !== true);
      }
    }
  }

  answer(request: NodeRequest, now: number): NodeAnswer {
    const result = this.#execute(request, now)
    if (result.ok) return { ok: true, value: { ...result.value, endpoint: this.id } }
    const isOfNode = result.reason.failure === LvspFailure.Draining
    return refused({ ...result.reason, isOfNode })
  }

  #execute(request: NodeRequest, now: number) {
    const { control } = this.bench
    control.isDraining = this.isDraining
    switch (request.kind) {
      case 'channel': {
        const updated = control.updateChannel('main', request.channel, request.properties, now)
        return updated.ok ? control.assignChannel('main', request.channel, now, request.epoch) : updated
      }
      case 'voiceState':
        return control.createVoiceState('main', request.request, now)
      case 'token':
        return control.refreshToken('main', request.userId, request.channel)
    }
  }
}

interface Event {
  readonly at: number
  readonly order: number
  run(): void
}

export class ClusterSim {
  readonly front: Front
  readonly nodes: readonly SimNode[]
  readonly coordinator: SimCoordinator
  random: () => number
  now = 0
  /** The last grant that the backend received, by channel and user. */
  readonly granted = new Map<string, { endpoint: string; token: string }>()
  /** FAILURE messages. */
  readonly failures: Json[] = []
  #events: Event[] = []
  #order = 0
  /** Per node: commands arrive in order. */
  readonly #lastArrival = new Map<string, number>()

  constructor(seed: number, nodes: number) {
    this.random = seededRandom(seed)
    this.coordinator = new SimCoordinator()
    const find = (placement: LocalPlacement, then: (outcome: Coordinated) => void) =>
      this.#coordinate(() => this.coordinator.find(placement), then)
    this.nodes = Array.from({ length: nodes }, (_, index) => new SimNode(`n${index + 1}`, seed, find))
    this.front = new Front({
      crypto: seededCrypto(`front ${seed}`),
      backends: [{ id: 'main', secrets: [SECRET] }],
      ports: this.#ports(),
      serverVersion: '1.2.3',
      random: this.random,
      firstEpoch: 0,
    })
    this.front.availabilityChanged(true)
    for (const node of this.nodes) this.front.nodeAnnounced(node.record, 0)
    this.#connect()
    this.#beat()
  }

  info(type: number, data: Json): void {
    this.front.messageReceived(BACKEND, JSON.stringify({ op: 6, d: { type, data } }), this.now)
    this.#apply()
  }

  /** Runs everything that happens within the time. */
  advance(duration: number): void {
    const until = this.now + duration
    for (;;) {
      const event = this.#events[0]
      const next = Math.min(event?.at ?? Infinity, Math.max(this.now, this.front.deadline))
      if (next > until) break
      this.now = next
      if (event !== undefined && event.at <= next) {
        this.#events.shift()
        event.run()
      } else this.front.tick(this.now)
      this.#apply()
    }
    this.now = until
  }

  announce(node: SimNode): void {
    const { record } = node
    this.after(this.#delay(), () => this.front.nodeAnnounced(record, this.now))
  }

  /** A process whose socket closed: the front notices at once. */
  kill(node: SimNode): void {
    node.condition = 'dead'
    this.after(1, () => this.front.linkLost(node.id, this.now))
  }

  /** A node that was stopped or cut off continues. After a cut its connection to the front needs up to five seconds. */
  resume(node: SimNode): void {
    const wasCut = node.condition === 'cut'
    node.condition = 'up'
    if (!wasCut) return this.process(node)
    node.isLinked = false
    this.after(this.random() * 5_000, () => {
      node.isLinked = true
      if (node.condition === 'up') this.process(node)
    })
  }

  after(delay: number, run: () => void): void {
    const event = { at: this.now + delay, order: this.#order++, run }
    this.#events.push(event)
    this.#events.sort((a, b) => a.at - b.at || a.order - b.order)
  }

  #ports(): FrontPorts {
    return {
      attach: () => {},
      request: (id, name, _tenant, request) => {
        const asked = this.now
        this.#deliver(
          name,
          node => {
            const answer = node.answer(request, this.now)
            this.after(this.#delay(), () => this.front.answered(id, answer))
          },
          () => {
            const late = { failure: LvspFailure.Unavailable, message: 'no answer', isOfNode: true }
            this.after(Math.max(0, asked + TIMEOUT - this.now), () => this.front.answered(id, refused(late)))
          },
        )
      },
      command: (name, _tenant, command) => this.#deliver(name, node => node.execute(command, this.now)),
      change: (id, change) =>
        this.#coordinate(
          () => this.coordinator.change(change),
          outcome => this.front.coordinated(id, outcome),
        ),
      release: (key, revision) => this.after(this.#delay(), () => this.coordinator.release(key, revision)),
      probe: record =>
        this.after(this.#delay(), () => {
          const { condition } = this.#node(record.id)
          const outcome = PROBED[condition]
          this.after(outcome === 'silent' ? 1_000 : 1, () => this.front.probed(record, outcome, this.now))
        }),
    }
  }

  /** In order per node. What a stopped node was sent is executed when it continues, also a request that has timed out. */
  #deliver(name: string, run: (node: SimNode) => void, late?: () => void): void {
    const node = this.#node(name)
    const at = Math.max(this.now + this.#delay(), this.#lastArrival.get(name) ?? 0)
    this.#lastArrival.set(name, at)
    this.after(at - this.now, () => {
      node.inbox.push({ run, boot: late === undefined ? undefined : node.boot })
      if (node.condition === 'up' && node.isLinked) this.process(node)
      else late?.()
    })
  }

  /** Executes what has arrived. A request to an earlier process is lost; a command is sent again. */
  process(node: SimNode): void {
    for (const { run, boot } of node.inbox.splice(0)) if (boot === undefined || boot === node.boot) run(node)
  }

  #coordinate(change: () => Coordinated, then: (outcome: Coordinated) => void): void {
    this.after(this.#delay(), () => {
      const outcome = change()
      this.after(outcome.kind === 'unavailable' ? 500 : this.#delay(), () => then(outcome))
    })
  }

  #node(id: string): SimNode {
    return this.nodes.find(node => node.id === id)!
  }

  #delay(): number {
    return 1 + Math.floor(this.random() * 20)
  }

  #connect(): void {
    this.front.connectionOpened(BACKEND, { remoteAddress: '192.0.2.1' }, 0)
    const messages = this.front.takeEffects().flatMap(effect => (effect.kind === 'send' ? [String(effect.data)] : []))
    const { nonce } = JSON.parse(messages[0]!).d
    const capabilities = ['user_token', 'failure', 'events', 'sync', 'stats']
    const identify = { op: 1, d: { token: tokenFor(SECRET, nonce), capabilities } }
    this.front.messageReceived(BACKEND, JSON.stringify(identify), 0)
    this.#apply()
  }

  /** Heartbeats of the nodes that run, while the coordinator is there. */
  #beat(): void {
    for (const { id, condition, record, fence } of this.nodes) {
      const report = { schema: 1, id, boot: record.boot, load: 0.1, sessions: 0, channels: 0 }
      if (condition !== 'up' || !this.coordinator.isAvailable) continue
      this.front.loadReported(report, this.now)
      fence.confirmed(this.now)
    }
    this.after(1_000, () => this.#beat())
  }

  #apply(): void {
    for (const effect of this.front.takeEffects()) {
      if (effect.kind === 'close') throw new Error(`the front closed the connection: ${effect.reason}`)
      if (effect.kind === 'send') this.#received(JSON.parse(String(effect.data)))
    }
  }

  #received({ op, d }: Json): void {
    if (op !== 6) return
    const { type, data } = d
    if (type === 4) this.granted.set(`${data.channel_id}/${data.user_id}`, data)
    if (type === 17) this.failures.push(data)
  }
}
