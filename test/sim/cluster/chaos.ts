// A cluster on the virtual clock that a seed disturbs: commands of the backend, failures of processes and of the coordinator, and trouble
// in the networks between them.
import assert from 'node:assert/strict'
import { ClusterSim, type Faults, GUILD } from './cluster-sim.ts'
import type { SimFront } from './sim-front.ts'
import type { SimNode } from './sim-node.ts'

export const CHANNELS = ['500', '501', '502', '503']
export const USERS = ['1', '2', '3', '4', '5', '6']
/** Unknown, because another command was first; or no node is available. */
const ACCEPTED: ReadonlySet<number> = new Set([4, 5, 10])

/** The same, or the bounds of a node. */
const ACCEPTED_AT_BOUNDS: ReadonlySet<number> = new Set([...ACCEPTED, 7, 8, 11])

/**
 * `failures`: processes end, stall and drain, the coordinator fails. `networks`: also partial cuts, slowness, stalled fronts, clocks.
 * `bounds`: failures, and nodes that have no room for more channels or users.
 */
export type Troubles = 'failures' | 'networks' | 'bounds'

export class Chaos {
  readonly sim: ClusterSim
  /** The channels that the backend wants, with their users. */
  readonly wanted = new Map<string, Set<string>>()
  readonly troubles: Troubles

  constructor(seed: number, fronts: number, troubles: Troubles, faults?: Faults) {
    this.sim = new ClusterSim(seed, 3, fronts, faults)
    this.troubles = troubles
  }

  step(): void {
    const actions = [
      () => this.#join(),
      () => this.#join(),
      () => this.#join(),
      () => this.#leave(),
      () => this.#endChannel(),
      () => this.#toggle(),
      () => this.#toggle(),
      () => this.#disturbNode(),
      () => this.#disturbCoordinator(),
      () => this.#disturbFront(),
      () => this.#disturbBackend(),
    ]
    const more = [
      () => this.#disturbNetwork(),
      () => this.#disturbNetwork(),
      () => this.#stallFront(),
      () => this.#stepClock(),
    ]
    const bounds = [() => this.#boundNode(), () => this.#boundNode(), () => this.#boundNode()]
    this.#pick([...actions, ...{ failures: [], networks: more, bounds }[this.troubles]])()
    this.sim.advance(Math.floor(this.sim.random() * 4_000))
    for (const { code } of this.sim.backend.failures.splice(0))
      assert.ok(
        (this.troubles === 'bounds' ? ACCEPTED_AT_BOUNDS : ACCEPTED).has(code),
        `a command was refused with ${code}`,
      )
  }

  /** Everything works again, and the backend, which may have missed refusals, sends what it wants once more. */
  recover(): void {
    this.#restoreNetworks()
    // Fronts that connect to it again write what it lost, or did not take in time.
    this.#restoreCoordinator()
    for (const node of this.sim.nodes) {
      this.#restore(node)
      node.setLimits({})
    }
    for (const front of this.sim.fronts) if (!front.isUp) front.restart()
    this.sim.advance(30_000)
    this.#synchronize()
    this.sim.advance(10_000)
    for (let toggles = 0; toggles < 10; toggles++) this.#toggle()
    this.sim.advance(1_000)
  }

  /** The coordinator fails, and returns as it was, older or empty. The backend does nothing. */
  loseCoordinator(): void {
    const { coordinator } = this.sim
    this.sim.setAvailable(false)
    this.sim.advance(this.sim.random() * 20_000)
    this.#pick([() => {}, () => coordinator.rollBack(), () => coordinator.clear()])()
    this.sim.setAvailable(true)
    this.sim.advance(10_000)
  }

  /** The backend ends everything. */
  empty(): void {
    this.wanted.clear()
    this.#synchronize()
    this.sim.advance(10_000)
  }

  #join(): void {
    const channelId = this.#pick(CHANNELS)
    const userId = this.#pick(USERS)
    for (const users of this.wanted.values()) users.delete(userId)
    const users = this.wanted.get(channelId) ?? new Set()
    this.wanted.set(channelId, users.add(userId))
    this.sim.backend.info(3, { channel_id: channelId, guild_id: GUILD, user_id: userId })
  }

  #leave(): void {
    const [channelId, users] = this.#pick([...this.wanted.entries(), undefined]) ?? []
    const [userId] = users ?? []
    if (channelId === undefined || userId === undefined) return
    users?.delete(userId)
    this.sim.backend.info(5, { channel_id: channelId, guild_id: GUILD, user_id: userId })
  }

  #endChannel(): void {
    const channelId = this.#pick(CHANNELS)
    if (!this.wanted.delete(channelId)) return
    this.sim.backend.info(2, { channel_id: channelId, guild_id: GUILD })
  }

  /** A user's client connects to its node, or leaves. */
  #toggle(): void {
    const node = this.#pick(this.sim.nodes)
    const places = [...node.contents].flatMap(([channelId, users]) => [...users.keys()].map(user => [channelId, user]))
    const [channelId, userId] = this.#pick([...places, []])
    if (node.condition !== 'up' || channelId === undefined || userId === undefined) return
    node.catchUp()
    node.toggle(channelId, userId)
  }

  /** After a connection was lost, and with it answers: the list, and everything again. */
  #synchronize(): void {
    const { backend } = this.sim
    const channels = [...this.wanted].map(([channel_id, users]) => ({
      channel_id,
      guild_id: GUILD,
      users: [...users].map(user_id => ({ user_id })),
    }))
    backend.info(21, { channels })
    for (const { channel_id, users } of channels) {
      backend.info(0, { channel_id, guild_id: GUILD })
      for (const { user_id } of users) backend.info(3, { channel_id, guild_id: GUILD, user_id })
    }
  }

  #disturbFront(): void {
    const front = this.#pick(this.sim.fronts)
    if (!front.isUp) return front.restart()
    if (this.#otherFronts(front).length === 0) return
    const wasUsed = this.sim.backend.connections.includes(front)
    front.kill()
    this.sim.backend.lost(front)
    if (wasUsed) this.#reconnect()
  }

  /** A connection is added, or one ends. */
  #disturbBackend(): void {
    const { backend, fronts } = this.sim
    const front = this.#pick(fronts)
    if (!front.isUp) return
    if (!backend.connections.includes(front)) return backend.connect(front)
    backend.disconnect(front)
    this.sim.advance(Math.floor(this.sim.random() * 200))
    this.#reconnect()
  }

  #reconnect(): void {
    const { backend, fronts } = this.sim
    if (backend.newest === undefined) backend.connect(this.#pick(fronts.filter(({ isUp }) => isUp)))
    this.sim.advance(Math.floor(this.sim.random() * 500))
    this.#synchronize()
  }

  #otherFronts(front: SimFront): SimFront[] {
    return this.sim.fronts.filter(each => each !== front && each.isUp)
  }

  /** Its process does not run for a while; the backend keeps its connection. */
  #stallFront(): void {
    const front = this.#pick(this.sim.fronts)
    if (front.isUp) front.setStopped(!front.isStopped)
  }

  /** By up to ten hours. */
  #stepClock(): void {
    this.#pick(this.sim.fronts).clockOffset = Math.floor((this.sim.random() - 0.5) * 72_000_000)
  }

  /** One thing is cut or slow that was not, or the reverse. */
  #disturbNetwork(): void {
    const { sim } = this
    this.#pick([
      () => this.#toggleLink(this.#pick(sim.fronts), this.#pick(sim.nodes)),
      () => this.#toggleLink(this.#pick(sim.fronts), this.#pick(sim.nodes)),
      () => sim.setCutOff(this.#pick(sim.nodes), sim.random() < 0.5),
      () => this.#pick(sim.fronts).setCutOff(sim.random() < 0.5),
      () => {
        sim.coordinator.isSlow = !sim.coordinator.isSlow
      },
    ])()
  }

  /** Between a front and a node, in one direction or both. */
  #toggleLink(front: SimFront, node: SimNode): void {
    const link = front.links.find(each => each.node === node)
    const direction = this.#pick(['toNode', 'toFront', 'both'] as const)
    if (link !== undefined) link.setCut(link.isCut ? undefined : direction)
  }

  #restoreNetworks(): void {
    const { sim } = this
    sim.coordinator.isSlow = false
    for (const front of sim.fronts) {
      if (front.isStopped) front.setStopped(false)
      front.setCutOff(false)
      for (const link of front.links) link.setCut(undefined)
    }
    for (const node of sim.nodes) sim.setCutOff(node, false)
  }

  /** It has room for one more, for none, or for all again. What it has stays. */
  #boundNode(): void {
    const node = this.#pick(this.sim.nodes)
    const { channels, voiceStates, used } = node.bench.usage('main')
    const more = this.sim.random() < 0.5 ? 0 : 1
    this.#pick([
      () => node.setLimits({ maxChannels: channels + more }),
      () => node.setLimits({ maxVoiceStates: voiceStates + more }),
      () => node.setLimits({ maxMemory: used + more * 8_000 }),
      () => node.setLimits({}),
    ])()
  }

  #disturbNode(): void {
    const node = this.#pick(this.sim.nodes)
    if (node.condition !== 'up' || node.isDraining) return this.#restore(node)
    const others = this.sim.nodes.filter(each => each !== node && each.condition === 'up' && !each.isDraining)
    // Without a node that serves, the backend's commands are refused, and it would have to repeat them.
    if (others.length === 0) return
    this.#pick([
      () => this.sim.kill(node),
      () => {
        node.condition = 'stopped'
      },
      () => {
        node.condition = 'cut'
      },
      () => {
        node.isDraining = true
        this.sim.announce(node)
      },
    ])()
  }

  #restore(node: SimNode): void {
    if (node.condition === 'dead') {
      node.restart()
      this.sim.announce(node)
    }
    this.sim.resume(node)
    if (!node.isDraining) return
    node.isDraining = false
    this.sim.announce(node)
  }

  #disturbCoordinator(): void {
    const { coordinator } = this.sim
    if (!coordinator.isAvailable) return this.#restoreCoordinator()
    this.#pick([
      () => coordinator.save(),
      () => coordinator.rollBack(),
      () => coordinator.clear(),
      () => this.sim.setAvailable(false),
    ])()
  }

  #restoreCoordinator(): void {
    this.sim.setAvailable(true)
  }

  #pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.sim.random() * of.length)]!
  }
}
