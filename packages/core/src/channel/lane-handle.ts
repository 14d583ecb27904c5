// Control's end of the lanes: numbers peers and target lists, allocates SSRCs, and places channels on the least loaded lane.
import type { Crypto } from '../crypto.ts'
import type { Effects, LaneId } from '../effect.ts'
import type { LaneCommand, LaneCounters, PeerId, TargetsId } from '../lane/commands.ts'
import { SsrcAllocator } from './ssrc-allocator.ts'

/** Who is behind a peer: what the lane says of the peer is told to it. */
export interface PeerOwner {
  /** The first packet of one of its SSRCs came. */
  packetsArrived(ssrc: number): void
  /** A DTLS datagram came from an address that it has proved. */
  datagramArrived(bytes: Uint8Array, now: number): void
  /** Its key is used up. */
  keyExhausted(now: number): void
}

export interface OpenLane {
  id: LaneId
  /** The UDP port that Ready names. */
  port: number
}

export class LaneHandle {
  readonly id: LaneId
  /** A lane that takes the place of a lost one may have another. */
  port: number
  /** Lost, and not replaced yet: what is sent waits with the host for the one that comes. */
  isLost = false
  readonly ssrcs: SsrcAllocator
  readonly owners = new Map<PeerId, PeerOwner>()
  /** Channels placed here; the measure of load. */
  channels = 0
  /** The last report of the lane. */
  counters: LaneCounters | undefined
  readonly #effects: Effects
  #lastPeer = 0
  #lastTargets = 0

  constructor(lane: OpenLane, crypto: Crypto, effects: Effects) {
    this.id = lane.id
    this.port = lane.port
    this.ssrcs = new SsrcAllocator(crypto)
    this.#effects = effects
  }

  send(command: LaneCommand): void {
    this.#effects.lane(this.id, command)
  }

  addPeer(owner: PeerOwner, ssrcs: Int32Array): PeerId {
    const peer = ++this.#lastPeer
    this.owners.set(peer, owner)
    this.send({ kind: 'addPeer', peer, ssrcs })
    return peer
  }

  removePeer(peer: PeerId): void {
    this.owners.delete(peer)
    this.send({ kind: 'removePeer', peer })
  }

  openTargets(): TargetsId {
    const targets = ++this.#lastTargets
    this.send({ kind: 'openTargets', targets })
    return targets
  }
}

export class Lanes {
  readonly all: readonly LaneHandle[]

  constructor(lanes: readonly OpenLane[], crypto: Crypto, effects: Effects) {
    this.all = lanes.map(lane => new LaneHandle(lane, crypto, effects))
  }

  /** The lane for a new channel: the one with the fewest, rather one that is not lost. Give it back with `release`. */
  place(): LaneHandle {
    const present = this.all.filter(lane => !lane.isLost)
    const lanes = present.length > 0 ? present : this.all
    const least = lanes.reduce((least, lane) => (lane.channels < least.channels ? lane : least))
    least.channels++
    return least
  }

  release(lane: LaneHandle): void {
    lane.channels--
  }

  get(id: LaneId): LaneHandle | undefined {
    return this.all.find(lane => lane.id === id)
  }
}
