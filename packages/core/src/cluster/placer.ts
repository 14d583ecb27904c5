// Finds a node for each channel and opens it there: compare-and-set at the coordinator first, then the node. Where the coordinator does
// not answer, the channel is placed provisionally, and registered when it returns.
import { CLUSTER_SCHEMA, encodePlacementKey, LvspFailure, type PlacementKey } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import type { Refusal } from '../lvsp/node-control.ts'
import type { FrontChannel, MoveCause } from './front-channel.ts'
import type { FrontPorts, FrontRequestId, NodeAnswer, Placed, PlacementOutcome } from './front-ports.ts'
import type { Membership } from './membership.ts'
import { isOtherGrant } from './same-grant.ts'
import { selectNode } from './select-node.ts'

export interface PlacerObserver {
  /** A node serves the channel; `isMoved`: another one, or an earlier process of it, did before. */
  opened(channel: FrontChannel, isMoved: boolean): void
  /** Every node refused the channel, or there is none. */
  failed(channel: FrontChannel, refusal: Refusal): void
}

export interface PlacerOptions {
  readonly ports: FrontPorts
  readonly membership: Membership
  readonly observer: PlacerObserver
  /** A number from 0 up to, not including, 1. */
  readonly random: () => number
  /** Numbers requests, for all parts of a front. */
  readonly nextId: () => FrontRequestId
  /** Nodes of another major version receive no channels. */
  readonly version: string
  /** Milliseconds since 1970: fronts that do not hear of each other agree by it on what is later. */
  readonly wallClock: () => number
}

/** Users that a new channel is expected to add to its node, until the node reports its load. */
const EXPECTED_SESSIONS = 5

const NO_NODE: Refusal = { failure: LvspFailure.Unavailable, message: 'no node accepts the channel' }

export class Placer {
  readonly #options: PlacerOptions
  readonly #changes = new Map<FrontRequestId, (outcome: PlacementOutcome) => void>()
  readonly #openings = new Map<FrontRequestId, (answer: NodeAnswer) => void>()
  /** Placements of channels that ended while the coordinator was away, by `encodePlacementKey`. */
  readonly #unreleased = new Map<string, { key: PlacementKey; epoch: number; placed: Placed | undefined }>()
  #isAvailable = false
  /** Channels that were opened first, and without the coordinator; nodes that refused one, or did not answer. */
  readonly placements = { placed: 0, provisional: 0, refused: 0 }
  /** Channels that were moved, by cause. */
  readonly moves: Record<MoveCause, number> = { failover: 0, restart: 0, drain: 0, operator: 0, merge: 0 }
  /**
   * The highest epoch of all channels. Each placement has a higher one, so that the epochs of a channel grow over its ends and
   * creations and over fronts: a record that the coordinator returns to, or a command that waited, is older than every later placement.
   */
  #highestEpoch = 0

  constructor(options: PlacerOptions) {
    this.#options = options
  }

  /** The coordinator is there or away: what could not be written is written when it returns. */
  availabilityChanged(isAvailable: boolean, channels: Iterable<FrontChannel>): void {
    this.#isAvailable = isAvailable
    if (!isAvailable) return
    for (const { key, epoch, placed } of this.#unreleased.values())
      this.#options.ports.release(key, epoch, placed?.revision)
    this.#unreleased.clear()
    for (const channel of channels) if (channel.stage === 'open') this.register(channel)
  }

  /** A new channel. Its epochs continue those of an ended one whose placement is still registered. */
  added(channel: FrontChannel): void {
    const name = encodePlacementKey(channel.key)
    const left = this.#unreleased.get(name)
    if (left === undefined) return
    this.#unreleased.delete(name)
    channel.placed = left.placed
    channel.epoch = left.epoch
  }

  /** An epoch that another front used: later ones are higher. */
  observe(epoch: number): void {
    this.#highestEpoch = Math.max(this.#highestEpoch, epoch)
  }

  /** The channel ended. */
  release({ key, epoch, placed, isRegistered }: FrontChannel): void {
    if (placed === undefined && !isRegistered) return
    if (this.#isAvailable) return this.#options.ports.release(key, epoch, placed?.revision)
    if (this.#unreleased.size >= LIMITS.clusterChannels) return
    this.#unreleased.set(encodePlacementKey(key), { key, epoch, placed })
  }

  /** Finds a node for a new channel, or one for a channel that lost its node. */
  place(channel: FrontChannel): void {
    channel.moveCause = 'failover'
    channel.refused.clear()
    this.#choose(channel)
  }

  /** Moves an open channel to another node, or to this one. It stays where it is until that node has it. */
  move(channel: FrontChannel, to?: string, cause: MoveCause = 'operator'): void {
    channel.moveCause = cause
    channel.leaving = channel.node
    channel.refused.clear()
    if (channel.leaving !== undefined) channel.refused.add(channel.leaving)
    if (to === undefined) return this.#choose(channel)
    channel.stage = 'placing'
    this.#options.membership.placed(to, EXPECTED_SESSIONS)
    this.#claim(channel, to)
  }

  /** Opens the channel on its own node again: the node was restarted. */
  reopen(channel: FrontChannel): void {
    channel.moveCause = 'restart'
    if (channel.node !== undefined) this.#open(channel, channel.node)
  }

  /**
   * Registers a channel that was placed while the coordinator was away. Of two placements the one with the higher epoch wins; of two with
   * the same, the one on the node with the lower id.
   */
  register(channel: FrontChannel): void {
    const { node, epoch } = channel
    if (node === undefined || channel.isRegistered) return
    this.#change(channel, node, epoch, outcome => {
      if (outcome.kind === 'placed') return this.#registered(channel, outcome.placed)
      if (outcome.kind === 'unavailable') return
      channel.placed = outcome.placed
      const record = outcome.placed?.record
      if (record === undefined || record.epoch < channel.epoch) return this.register(channel)
      if (record.node === node) return this.#registered(channel, outcome.placed)
      if (record.epoch === channel.epoch && node < record.node) return this.register(channel)
      channel.leaving = node
      channel.moveCause = 'merge'
      this.#follow(channel, outcome.placed!, node)
    })
  }

  coordinated(id: FrontRequestId, outcome: PlacementOutcome): boolean {
    return settle(this.#changes, id, outcome)
  }

  answered(id: FrontRequestId, answer: NodeAnswer): boolean {
    return settle(this.#openings, id, answer)
  }

  #choose(channel: FrontChannel): void {
    const { membership, version, random } = this.#options
    const region = channel.properties.region
    const isLarge = channel.properties.kind === 'stage'
    const options = { region, version, isLarge, without: channel.refused }
    const member = selectNode(membership.members, options, random)
    if (member === undefined) return this.#strand(channel)
    const { id } = member.record
    channel.stage = 'placing'
    membership.placed(id, EXPECTED_SESSIONS)
    this.#claim(channel, id)
  }

  /** Places the channel on the node, and opens it there. */
  #claim(channel: FrontChannel, node: string): void {
    const epoch = this.#nextEpoch(channel)
    this.#change(channel, node, epoch, outcome => this.#chosen(channel, node, epoch, outcome))
  }

  #chosen(channel: FrontChannel, node: string, epoch: number, outcome: PlacementOutcome): void {
    switch (outcome.kind) {
      case 'placed':
        this.#registered(channel, outcome.placed)
        return this.#open(channel, node)
      case 'unavailable':
        channel.isRegistered = false
        channel.epoch = epoch
        return this.#open(channel, node)
      case 'taken': {
        channel.placed = outcome.placed
        const record = outcome.placed?.record
        // Removed by another front, or an older one that the coordinator returned to: it is replaced.
        if (record === undefined || record.epoch <= channel.epoch) return this.#claim(channel, node)
        return this.#follow(channel, outcome.placed!, node)
      }
    }
  }

  /** Another process placed the channel: it stays there if that node lives, and else moves to the node chosen here. */
  #follow(channel: FrontChannel, placed: Placed, chosen: string): void {
    const owner = placed.record.node
    const member = this.#options.membership.get(owner)
    const isUsable = member !== undefined && member.state !== 'dead' && !channel.refused.has(owner)
    this.#registered(channel, placed)
    // With an epoch of its own: the record may be one that the coordinator returned to, older than other copies of the channel.
    this.#claim(channel, isUsable ? owner : chosen)
  }

  #registered(channel: FrontChannel, placed: Placed | undefined): void {
    channel.placed = placed
    channel.isRegistered = placed !== undefined
    channel.epoch = Math.max(channel.epoch, placed?.record.epoch ?? 0)
  }

  #nextEpoch({ epoch, placed }: FrontChannel): number {
    const { wallClock } = this.#options
    this.#highestEpoch = Math.max(this.#highestEpoch + 1, epoch + 1, (placed?.record.epoch ?? 0) + 1, wallClock())
    return this.#highestEpoch
  }

  #open(channel: FrontChannel, node: string): void {
    channel.stage = 'opening'
    channel.node = node
    channel.holders.set(node, channel.epoch)
    channel.openings++
    const attempt = ++channel.attempt
    const id = this.#options.nextId()
    this.#openings.set(id, answer => {
      if (channel.attempt === attempt && channel.stage === 'opening') this.#opened(channel, node, answer)
    })
    const { tenant, ref, properties, epoch } = channel
    this.#options.ports.request(id, node, tenant, { kind: 'channel', channel: ref, properties, epoch })
  }

  #opened(channel: FrontChannel, node: string, answer: NodeAnswer): void {
    if (answer.ok) {
      const { ref, grant: before } = channel
      const grant = { ...ref, token: answer.value.token, endpoint: answer.value.endpoint }
      const isMoved = before !== undefined && isOtherGrant(before, grant)
      this.#count(channel, before === undefined, isMoved)
      channel.leaving = undefined
      channel.isLost = false
      channel.stage = 'open'
      channel.grant = grant
      this.endElsewhere(channel, node)
      if (this.#isAvailable) this.register(channel)
      return this.#options.observer.opened(channel, isMoved)
    }
    if (!answer.reason.isOfNode) return this.#options.observer.failed(channel, answer.reason)
    channel.refused.add(node)
    this.placements.refused++
    this.#choose(channel)
  }

  #count({ isRegistered, moveCause }: FrontChannel, isNew: boolean, isMoved: boolean): void {
    if (isMoved) this.moves[moveCause]++
    if (isNew) this.placements[isRegistered ? 'placed' : 'provisional']++
  }

  /** The command waits for nodes that are away. */
  endElsewhere({ holders, tenant, ref, epoch }: FrontChannel, node: string): void {
    for (const holder of holders.keys()) {
      if (holder === node) continue
      holders.delete(holder)
      this.#options.ports.command(holder, tenant, { kind: 'destroyChannel', channel: ref, epoch })
    }
  }

  /** A moving channel stays on its node if no other accepts it. It is opened there again, because the node may have ended it by now. */
  #strand(channel: FrontChannel): void {
    const { leaving } = channel
    channel.leaving = undefined
    if (leaving !== undefined && channel.grant !== undefined) return this.#claim(channel, leaving)
    channel.stage = 'stranded'
    channel.node = undefined
    this.#options.observer.failed(channel, NO_NODE)
  }

  #change(channel: FrontChannel, node: string, epoch: number, then: (outcome: PlacementOutcome) => void): void {
    const attempt = ++channel.attempt
    const id = this.#options.nextId()
    const { placed, key } = channel
    this.#changes.set(id, outcome => {
      if (channel.attempt === attempt && channel.stage !== 'ended') then(outcome)
    })
    this.#options.ports.change(id, {
      key,
      record: { schema: CLUSTER_SCHEMA, node, epoch },
      revision: placed?.revision,
    })
  }
}

function settle<Answer>(
  waiting: Map<FrontRequestId, (answer: Answer) => void>,
  id: FrontRequestId,
  answer: Answer,
): boolean {
  const then = waiting.get(id)
  waiting.delete(id)
  then?.(answer)
  return then !== undefined
}
