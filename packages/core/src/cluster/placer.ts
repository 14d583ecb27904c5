// Finds a node for each channel and opens it there: compare-and-set at the coordinator first, then the node. Where the coordinator does
// not answer, the channel is placed provisionally, and registered when it returns.
import { CLUSTER_SCHEMA, LvspFailure } from '@parley/protocol'
import type { Refusal } from '../lvsp/node-control.ts'
import type { FrontChannel } from './front-channel.ts'
import type { FrontPorts, FrontRequestId, NodeAnswer, Placed, PlacementOutcome } from './front-ports.ts'
import type { Membership } from './membership.ts'
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
}

/** Users that a new channel is expected to add to its node, until the node reports its load. */
const EXPECTED_SESSIONS = 5

const NO_NODE: Refusal = { failure: LvspFailure.Unavailable, message: 'no node accepts the channel' }

export class Placer {
  readonly #options: PlacerOptions
  readonly #changes = new Map<FrontRequestId, (outcome: PlacementOutcome) => void>()
  readonly #openings = new Map<FrontRequestId, (answer: NodeAnswer) => void>()

  constructor(options: PlacerOptions) {
    this.#options = options
  }

  /** Finds a node for a new channel, or one for a channel that lost its node. */
  place(channel: FrontChannel): void {
    channel.refused.clear()
    this.#choose(channel)
  }

  /** Moves an open channel to another node. It stays where it is until that node has it. */
  move(channel: FrontChannel): void {
    channel.leaving = channel.node
    channel.refused.clear()
    if (channel.leaving !== undefined) channel.refused.add(channel.leaving)
    this.#choose(channel)
  }

  /** Opens the channel on its own node again: the node was restarted. */
  reopen(channel: FrontChannel): void {
    if (channel.node !== undefined) this.#open(channel, channel.node)
  }

  /** Registers a channel that was placed while the coordinator was away. If another front placed it too, the higher epoch wins. */
  register(channel: FrontChannel): void {
    const { node } = channel
    if (node === undefined || channel.placed !== undefined) return
    this.#change(channel, node, outcome => {
      if (outcome.kind === 'placed') channel.placed = outcome.placed
      if (outcome.kind !== 'taken' || outcome.placed === undefined) return
      channel.placed = outcome.placed
      if (outcome.placed.record.node === node) return
      channel.leaving = node
      this.#follow(channel, outcome.placed, node)
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
    this.#change(channel, id, outcome => this.#chosen(channel, id, outcome))
  }

  #chosen(channel: FrontChannel, node: string, outcome: PlacementOutcome): void {
    switch (outcome.kind) {
      case 'placed':
        channel.placed = outcome.placed
        return this.#open(channel, node)
      case 'unavailable':
        channel.placed = undefined
        return this.#open(channel, node)
      case 'taken':
        channel.placed = outcome.placed
        // Another front removed the record in between: create it.
        if (outcome.placed === undefined) return this.#choose(channel)
        return this.#follow(channel, outcome.placed, node)
    }
  }

  /** Another process placed the channel: it stays there if that node lives, and else moves to the node chosen here. */
  #follow(channel: FrontChannel, placed: Placed, chosen: string): void {
    const owner = placed.record.node
    const member = this.#options.membership.get(owner)
    const isUsable = member !== undefined && member.state !== 'dead' && !channel.refused.has(owner)
    if (isUsable) return this.#open(channel, owner)
    this.#change(channel, chosen, outcome => this.#chosen(channel, chosen, outcome))
  }

  #open(channel: FrontChannel, node: string): void {
    channel.stage = 'opening'
    channel.node = node
    channel.holders.add(node)
    channel.openings++
    const attempt = ++channel.attempt
    const id = this.#options.nextId()
    this.#openings.set(id, answer => {
      if (channel.attempt === attempt && channel.stage === 'opening') this.#opened(channel, node, answer)
    })
    const { tenant, ref, properties } = channel
    this.#options.ports.request(id, node, tenant, { kind: 'channel', channel: ref, properties })
  }

  #opened(channel: FrontChannel, node: string, answer: NodeAnswer): void {
    if (answer.ok) {
      const { ref } = channel
      const isMoved = channel.grant !== undefined
      channel.leaving = undefined
      channel.stage = 'open'
      channel.grant = { ...ref, token: answer.value.token, endpoint: answer.value.endpoint }
      this.#endElsewhere(channel, node)
      return this.#options.observer.opened(channel, isMoved)
    }
    if (!answer.reason.isOfNode) return this.#options.observer.failed(channel, answer.reason)
    channel.refused.add(node)
    this.#choose(channel)
  }

  /** The command waits for nodes that are away. */
  #endElsewhere({ holders, tenant, ref }: FrontChannel, node: string): void {
    for (const holder of holders) {
      if (holder === node) continue
      holders.delete(holder)
      this.#options.ports.command(holder, tenant, { kind: 'destroyChannel', channel: ref })
    }
  }

  /** A moving channel stays on its node if no other accepts it. */
  #strand(channel: FrontChannel): void {
    const { leaving } = channel
    channel.leaving = undefined
    if (leaving !== undefined && channel.grant !== undefined) {
      channel.stage = 'open'
      channel.node = leaving
      if (channel.placed?.record.node !== leaving)
        this.#change(channel, leaving, outcome => {
          if (outcome.kind === 'placed') channel.placed = outcome.placed
        })
      return
    }
    channel.stage = 'stranded'
    channel.node = undefined
    this.#options.observer.failed(channel, NO_NODE)
  }

  #change(channel: FrontChannel, node: string, then: (outcome: PlacementOutcome) => void): void {
    const attempt = ++channel.attempt
    const id = this.#options.nextId()
    const { placed, key } = channel
    const epoch = placed === undefined ? 1 : placed.record.epoch + 1
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
