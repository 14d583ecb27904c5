// A node of the simulated cluster: the real channels, voice states and LVSP of a node; its users are names without media.
import { Fence, type LocalPlacement } from '@parley/core'
import type { LoadReport, NodeRecord } from '@parley/protocol'
import { backendLimits, type PartialBackendLimits } from '../../../packages/core/src/channel/backend-usage.ts'
import type { VoiceState } from '../../../packages/core/src/channel/voice-states/voice-state.ts'
import { LvspBench } from '../../../packages/core/src/testing/lvsp-bench.ts'
import type { Faults } from './cluster-sim.ts'
import type { Coordinated } from './sim-coordinator.ts'

export const SECRET = 'secret of the backend'

/**
 * `stopped` answers nothing and keeps its state; `cut` the same, but it serves its clients, and its connections are reset when it returns;
 * `dead` has lost its state, and its port is closed.
 */
export type NodeCondition = 'up' | 'stopped' | 'cut' | 'dead'

/** Between two reports, a little late. */
const REPORTS = 1_100
/** A node that did not report for this long has to look up its placements. */
const RETURN = 3_000

type Find = (node: SimNode, placement: LocalPlacement, then: (outcome: Coordinated) => void) => void

export class SimNode {
  readonly id: string
  condition: NodeCondition = 'up'
  isDraining = false
  /** It does not reach the coordinator. */
  isCutOff = false
  boot = 1
  bench: LvspBench
  fence: Fence
  /** Since when the coordinator has confirmed each of its reports. */
  confirmedSince = 0
  #confirmedAt = 0
  readonly #copies = new Map<string, number>()
  /** Input that arrived while it was stopped. */
  readonly inbox: (() => void)[] = []
  readonly #find: Find
  readonly #clock: () => number
  /** Voice states whose users are connected. */
  readonly #online = new WeakSet<VoiceState>()
  #startedAt = 0
  #lastEvent = 0

  readonly #faults: Faults

  constructor(id: string, clock: () => number, find: Find, faults: Faults) {
    this.id = id
    this.#faults = faults
    this.#clock = clock
    this.#find = find
    this.bench = this.#newBench()
    this.fence = this.#newFence()
  }

  /** Another process, without state. */
  restart(): void {
    this.boot++
    this.condition = 'up'
    this.isDraining = false
    this.inbox.length = 0
    this.bench = this.#newBench()
    this.fence = this.#newFence()
  }

  /** What the backend may have here. */
  setLimits(limits: PartialBackendLimits): void {
    this.bench.usage('main').limits = backendLimits(limits)
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

  get report(): LoadReport {
    const { boot } = this.record
    const epochs = Object.fromEntries(this.bench.control.highestEpochs)
    return { schema: 1, id: this.id, boot, load: 0.1, sessions: 0, channels: 0, egress: 1e6, epochs }
  }

  confirmed(now: number): void {
    if (now - this.#confirmedAt > RETURN) this.confirmedSince = now
    this.#confirmedAt = now
  }
  /** Whether it has reached the coordinator for this long, up to now. */
  hasReached(duration: number, now: number): boolean {
    return now - this.#confirmedAt <= REPORTS && now - this.confirmedSince >= duration
  }

  /** Since when it has this copy of a channel; asked after each step. */
  heldSince(channelId: string, epoch: number): number {
    const copy = `${channelId} ${epoch}`
    const since = this.#copies.get(copy) ?? this.#clock()
    this.#copies.set(copy, since)
    return since
  }

  /** Tokens of users by channel. */
  get contents(): Map<string, Map<string, string>> {
    const { channels, voiceStates } = this.bench.snapshot('main')
    const contents = new Map(channels.map(({ channelId }) => [channelId, new Map<string, string>()]))
    for (const { channelId, userId, token } of voiceStates) contents.get(channelId)!.set(userId, token)
    return contents
  }

  /** Fencing numbers by channel. */
  get epochs(): Map<string, number> {
    return new Map([...this.bench.control.placements()].map(({ channelId, epoch }) => [channelId, epoch]))
  }

  /** Users with a voice session, as `channel/user`. */
  get connected(): string[] {
    return this.bench
      .snapshot('main')
      .voiceStates.filter(({ connected }) => connected)
      .map(({ channelId, userId }) => `${channelId}/${userId}`)
  }

  /** Lets the process do what is due. */
  catchUp(): void {
    this.bench.control.isDraining = this.isDraining
    this.bench.advance(Math.max(0, this.#clock() - this.#startedAt + 1_000 - this.bench.now))
  }

  /** The user's client connects, or leaves if it is connected. Each event has a session id of its own. */
  toggle(channelId: string, userId: string): void {
    const channel = this.bench.channel('main', channelId)
    if (channel === undefined || !channel.voiceStates.has(userId)) return
    const event = {
      channelId,
      guildId: channel.guildId,
      userId,
      sessionId: `${this.id}-${this.boot}-${++this.#lastEvent}`,
      protocol: 'udp' as const,
    }
    const state = channel.voiceStates.get(userId)!
    // Its users have no media: whether one has a session is all that a backend is sent.
    const sessionOf = (user: string) => (this.#online.has(channel.voiceStates.get(user)!) ? {} : undefined)
    Object.assign(channel, { sessionOf })
    if (this.#online.delete(state))
      this.bench.lvsp.voiceStateDisconnected('main', { ...event, code: 1000, resumable: false })
    else {
      this.#online.add(state)
      this.bench.lvsp.voiceStateConnected('main', event)
    }
    this.bench.settle()
  }

  #newBench(): LvspBench {
    this.#startedAt = this.#clock()
    return new LvspBench([{ id: 'main', secrets: [SECRET] }], `${this.id} ${this.boot}`)
  }

  #newFence(): Fence {
    const fence: Fence = new Fence(this.id, {
      placements: () => (this.#faults.noFence === true ? [] : [...this.bench.control.placements()]),
      find: placement => this.#find(this, placement, outcome => fence.found(placement, outcome)),
      end: placement => {
        this.bench.control.fence(placement, this.bench.now)
        this.bench.settle()
      },
    })
    return fence
  }
}
