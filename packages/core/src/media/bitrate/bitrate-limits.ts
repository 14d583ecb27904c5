// Bounds on what peers send: each by itself, and the peers of a channel together.
import type { GroupId, LaneCommand, LaneEvent, LaneId, PeerId } from '../../lane/commands.ts'
import { BitBudget } from './bit-budget.ts'
import { PeerBitrate } from './peer-bitrate.ts'

/** The peers that share a budget. */
interface Group {
  readonly budget: BitBudget
  readonly peers: Set<PeerId>
}

/** What the limits need of a peer. */
interface LimitedPeer {
  readonly id: PeerId
  /** Of a remote peer: the lane that it is on. */
  readonly lane: LaneId | undefined
  bitrate: PeerBitrate | undefined
}

/** One per lane. A channel on several lanes has a budget on each, which bounds what that lane forwards, wherever it was sent. */
export class BitrateLimits {
  readonly #groups = new Map<GroupId, Group>()
  readonly #peers = new Map<LimitedPeer, GroupId>()

  /** Peers that have a bound. */
  get size(): number {
    return this.#peers.size
  }

  limit(
    peer: LimitedPeer,
    { group, member, channel }: Omit<LaneCommand & { kind: 'limitBitrate' }, 'kind' | 'peer'>,
    now: number,
  ): void {
    if (member === 0 && channel === 0) return this.forget(peer)
    if (this.#peers.get(peer) !== group) this.forget(peer)
    this.#peers.set(peer, group)
    peer.bitrate ??= new PeerBitrate()
    peer.bitrate.member = changed(peer.bitrate.member, member, now)
    if (channel === 0) this.#leave(peer, group)
    else peer.bitrate.channel = this.#join(peer, group, channel, now)
  }

  /** The peer is removed, or has no bounds any longer. */
  forget(peer: LimitedPeer): void {
    const group = this.#peers.get(peer)
    if (group === undefined) return
    this.#leave(peer, group)
    this.#peers.delete(peer)
    peer.bitrate = undefined
  }

  /** The peers of which packets were not forwarded since the last call. */
  takeEvents(): LaneEvent[] {
    const events: LaneEvent[] = []
    for (const { id, lane, bitrate } of this.#peers.keys()) {
      if (bitrate === undefined || bitrate.overMember + bitrate.overChannel === 0) continue
      const { overMember, overChannel } = bitrate
      bitrate.overMember = 0
      bitrate.overChannel = 0
      // A remote peer is reported by its own lane.
      if (lane === undefined) events.push({ kind: 'overBitrate', peer: id, member: overMember, channel: overChannel })
    }
    return events
  }

  #join(peer: LimitedPeer, id: GroupId, bitsPerSecond: number, now: number): BitBudget {
    const group = this.#groups.get(id) ?? { budget: new BitBudget(bitsPerSecond, now), peers: new Set() }
    this.#groups.set(id, group)
    group.peers.add(peer.id)
    group.budget.setRate(bitsPerSecond)
    return group.budget
  }

  #leave(peer: LimitedPeer, id: GroupId): void {
    if (peer.bitrate !== undefined) peer.bitrate.channel = undefined
    const group = this.#groups.get(id)
    group?.peers.delete(peer.id)
    if (group?.peers.size === 0) this.#groups.delete(id)
  }
}

/** The budget of a member at another rate; undefined for 0. */
function changed(budget: BitBudget | undefined, bitsPerSecond: number, now: number): BitBudget | undefined {
  if (bitsPerSecond === 0) return undefined
  if (budget === undefined) return new BitBudget(bitsPerSecond, now)
  budget.setRate(bitsPerSecond)
  return budget
}
