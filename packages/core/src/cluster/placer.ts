// Finds a node for each channel and opens it there: compare-and-set at the coordinator first, then the node. Where the coordinator does
// not answer, the channel is placed provisionally, and registered when it returns.
import { CLUSTER_SCHEMA, LvspFailure } from '@parley/protocol'
import type { BackendId } from '../channel/channel-ref.ts'
import type { Deadlines } from '../deadlines.ts'
import { LIMITS } from '../limits.ts'
import type { Refusal } from '../lvsp/node-control.ts'
import type { FrontChannel, MoveCause } from './front-channel.ts'
import type { FrontPorts, FrontRequestId, NodeAnswer, Placed, PlacementOutcome } from './front-ports.ts'
import type { Member, Membership } from './nodes/membership.ts'
import { selectNode } from './nodes/select-node.ts'
import { Epochs } from './placement/epochs.ts'
import { RegistryCheck } from './placement/registry-check.ts'
import { Revisions } from './placement/revisions.ts'
import { UnopenedClaims } from './placement/unopened-claims.ts'
import { Unreleased } from './placement/unreleased.ts'
import { isOtherGrant } from './same-grant.ts'

export interface PlacerObserver {
  /** A node serves the channel; `isMoved`: another one, or an earlier process of it, did before. */
  opened(channel: FrontChannel, isMoved: boolean): void
  /** Every node refused the channel, or there is none. */
  failed(channel: FrontChannel, refusal: Refusal): void
}

export interface PlacerOptions {
  readonly ports: FrontPorts
  readonly membership: Membership
  readonly deadlines: Deadlines
  readonly observer: PlacerObserver
  /** A number from 0 up to, not including, 1. */
  readonly random: () => number
  /** Numbers requests, for all parts of a front. */
  readonly nextId: () => FrontRequestId
  /** Nodes of another major version receive no channels. */
  readonly version: string
  /** No node accepts a channel that was open: it waits for one. */
  readonly stranded: (channel: FrontChannel) => void
  /** The coordinator has lost placements without having been away. Answered by `check`. */
  readonly rolledBack: () => void
  /** Whether this front writes the placements of the tenant. */
  readonly registers: (tenant: BackendId) => boolean
  /** Whether the node has listed its channels of the tenant, on a connection that is live. */
  readonly hasListed: (tenant: BackendId, node: string) => boolean
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
  readonly #unreleased = new Unreleased()
  #isAvailable = false
  /** Channels that were opened first, and without the coordinator; nodes that refused one, or did not answer. */
  readonly placements = { placed: 0, provisional: 0, refused: 0 }
  /** Channels that were moved, by cause. */
  readonly moves: Record<MoveCause, number> = { failover: 0, restart: 0, drain: 0, operator: 0, merge: 0 }
  readonly #epochs: Epochs
  readonly #check: RegistryCheck
  readonly #unopened: UnopenedClaims
  readonly #revisions: Revisions

  constructor(options: PlacerOptions) {
    this.#options = options
    this.#epochs = new Epochs(options.wallClock)
    this.#revisions = new Revisions(options.rolledBack)
    this.#check = new RegistryCheck({ ...options, found: (channel, placed) => this.#found(channel, placed) })
    this.#unopened = new UnopenedClaims({ ...options, replace: (channel, placed) => this.#replace(channel, placed) })
  }

  /**
   * The coordinator is there or away: what could not be written is written when it returns, and what it lost. `channels` are those that
   * this front registers.
   */
  availabilityChanged(isAvailable: boolean, channels: Iterable<FrontChannel>): void {
    this.#isAvailable = isAvailable
    if (!isAvailable) return this.#check.stop()
    this.#revisions.restart()
    this.#unreleased.release(this.#options.ports)
    this.#check.add(channels)
  }

  /** Channels whose placements this front has to know: the coordinator may have lost them, or not have been there. */
  check(channels: Iterable<FrontChannel>): void {
    if (this.#isAvailable) this.#check.add(channels)
  }

  /** A new channel. Its epochs continue those of an ended one whose placement is still registered. */
  added(channel: FrontChannel): void {
    this.#unreleased.continue(channel)
  }

  /** An epoch of the tenant that another front used: later ones are higher. */
  observe(tenant: BackendId, epoch: number): void {
    this.#epochs.observe(tenant, epoch)
  }

  /** The channel ended. */
  release(channel: FrontChannel): void {
    const { key, epoch, placed, isRegistered } = channel
    if (placed === undefined && !isRegistered) return
    if (this.#isAvailable) this.#options.ports.release(key, epoch, placed?.revision)
    else this.#unreleased.add(channel)
  }

  /** Finds a node for a new channel, or one for a channel that lost its node. */
  place(channel: FrontChannel): void {
    channel.moveCause = 'failover'
    channel.origin = undefined
    channel.refused.clear()
    this.#choose(channel)
  }

  /** Whether another node accepts channels. */
  canMove(channel: FrontChannel): boolean {
    return this.#select(channel, new Set(channel.node === undefined ? [] : [channel.node])) !== undefined
  }

  /** Moves an open channel to another node, or to this one. It stays where it is until that node has it. */
  move(channel: FrontChannel, to?: string, cause: MoveCause = 'operator'): void {
    channel.moveCause = cause
    channel.leaving = channel.node
    channel.origin = channel.node
    channel.refused.clear()
    if (channel.leaving !== undefined) channel.refused.add(channel.leaving)
    if (to === undefined) return this.#choose(channel)
    channel.stage = 'placing'
    this.#options.membership.placed(to, EXPECTED_SESSIONS)
    this.#claim(channel, to)
  }

  /**
   * The node refuses users of the open channel: it moves to one that has not refused any, and in the end to the one where it was before.
   * It stays until that node has it. Returns false if there is none.
   */
  moveOn(channel: FrontChannel): boolean {
    const { node, refused, origin } = channel
    if (node === undefined) return false
    refused.add(node)
    if (origin !== undefined && this.#select(channel, refused) === undefined) {
      refused.delete(origin)
      channel.origin = undefined
    }
    if (this.#select(channel, refused) === undefined) return false
    channel.leaving = node
    this.#choose(channel)
    return true
  }

  /** Opens the channel on its own node again: the node was restarted. */
  reopen(channel: FrontChannel): void {
    channel.moveCause = 'restart'
    channel.origin = undefined
    channel.refused.clear()
    // With a later epoch: another front may have placed it elsewhere, and claims of this one that it gave up may be registered yet.
    if (channel.node !== undefined) this.#claim(channel, channel.node)
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
      if (outcome.kind === 'taken') this.#compared(channel, node, outcome.placed)
    })
  }

  #compared(channel: FrontChannel, node: string, placed: Placed | undefined): void {
    channel.placed = placed
    const record = placed?.record
    if (record === undefined || record.epoch < channel.epoch) return this.register(channel)
    if (record.node === node) return this.#registered(channel, placed)
    if (record.epoch === channel.epoch && node < record.node) return this.register(channel)
    channel.leaving = node
    channel.moveCause = 'merge'
    this.#follow(channel, placed!, node)
  }

  coordinated(id: FrontRequestId, outcome: PlacementOutcome): boolean {
    return this.#check.answered(id, outcome) || settle(this.#changes, id, outcome)
  }

  answered(id: FrontRequestId, answer: NodeAnswer): boolean {
    return settle(this.#openings, id, answer)
  }

  /**
   * The placement as the coordinator has it. A later one of a channel that this front did not place itself is of a copy that it has not
   * learned of yet, and the node ends the older one; or its front ended before it opened the channel there.
   */
  #found(channel: FrontChannel, placed: Placed | undefined): void {
    const { node, epoch, isRegistered } = channel
    channel.isChecked = true
    if (channel.hasClaimed(placed) && placed!.record.epoch > epoch) return this.#reclaim(channel)
    if (node === undefined) return
    if (isRegistered && placed !== undefined && placed.record.epoch > epoch) return this.#unopened.add(channel, placed)
    channel.isRegistered = false
    this.#compared(channel, node, placed)
  }

  #choose(channel: FrontChannel): void {
    const member = this.#select(channel, channel.refused)
    if (member === undefined) return this.#strand(channel)
    const { id } = member.record
    channel.stage = 'placing'
    this.#options.membership.placed(id, EXPECTED_SESSIONS)
    this.#claim(channel, id)
  }

  #select({ properties: { region, kind } }: FrontChannel, without: ReadonlySet<string>): Member | undefined {
    const { membership, version, random } = this.#options
    return selectNode(membership.members, { region, version, isLarge: kind === 'stage', without }, random)
  }

  /** Places the channel on the node, and opens it there. */
  #claim(channel: FrontChannel, node: string): void {
    const epoch = this.#epochs.next(channel)
    const { claims } = channel
    for (const earlier of claims.keys())
      if (earlier <= channel.epoch || claims.size >= LIMITS.clusterClaims) claims.delete(earlier)
    claims.set(epoch, node)
    this.#change(channel, node, epoch, outcome => this.#chosen(channel, node, epoch, outcome))
  }

  /** The answer to a change that this front gave up since, for another placement. */
  #overtaken(channel: FrontChannel, epoch: number, outcome: PlacementOutcome): void {
    if (outcome.kind === 'taken') channel.claims.delete(epoch)
    if (channel.stage === 'open' && channel.hasLaterClaim) this.#reclaim(channel)
  }

  /**
   * The coordinator has, or may write yet, a claim that this front gave up, and that is later than the open channel: its node would end it
   * for that. The channel stays where it is, with a still later epoch.
   */
  #reclaim(channel: FrontChannel): void {
    const { node, tenant, ref, properties } = channel
    if (node === undefined || !this.#options.registers(tenant)) return
    const epoch = this.#epochs.next(channel)
    channel.epoch = epoch
    channel.isRegistered = false
    channel.holders.set(node, epoch)
    // If the node refuses, or does not answer, the channel stays where it is: the registration alone keeps it.
    const id = this.#options.nextId()
    this.#openings.set(id, answer => {
      if (answer.ok && channel.stage === 'open' && channel.epoch === epoch) this.#opened(channel, node, answer)
    })
    this.#options.ports.request(id, node, tenant, { kind: 'channel', channel: ref, properties, epoch })
    this.register(channel)
  }

  /** The channel stays on its node, with a later epoch than the placement on another one. */
  #replace(channel: FrontChannel, placed: Placed): void {
    channel.placed = placed
    this.#reclaim(channel)
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
        channel.claims.delete(epoch)
        // Removed by another front, an older one that the coordinator returned to, or one that this front gave up: it is replaced.
        if (record === undefined || record.epoch <= channel.epoch || channel.hasClaimed(outcome.placed))
          return this.#claim(channel, node)
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
    channel.isChecked = true
    channel.isRegistered = placed !== undefined
    channel.epoch = Math.max(channel.epoch, placed?.record.epoch ?? 0)
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
    // A channel that was open is never ended because a node refuses it: it stays where it is, goes on to another one, or waits.
    const isNew = channel.grant === undefined
    if (isNew && !answer.reason.isOfNode) return this.#options.observer.failed(channel, answer.reason)
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
    if (channel.stage === 'stranded') this.#options.stranded(channel)
  }

  #change(channel: FrontChannel, node: string, epoch: number, then: (outcome: PlacementOutcome) => void): void {
    const attempt = ++channel.attempt
    const id = this.#options.nextId()
    const { placed, key } = channel
    const known = this.#revisions.highest
    this.#changes.set(id, outcome => {
      this.#revisions.notice(outcome, known)
      if (channel.stage === 'ended') return
      if (channel.attempt === attempt) then(channel.isDisputed(outcome) ? { kind: 'unavailable' } : outcome)
      else this.#overtaken(channel, epoch, outcome)
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
