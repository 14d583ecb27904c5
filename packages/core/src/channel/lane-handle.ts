// Control's end of the lanes: numbers peers and target lists, allocates SSRCs, and places channels on the least loaded lane.
import type { Crypto } from '../crypto.ts'
import type { Effects, LaneId } from '../effect.ts'
import type { LaneCommand, LaneCounters, PeerId, TargetsId } from '../lane/commands.ts'
import { LIMITS } from '../limits.ts'
import { SsrcAllocator } from './ssrc-allocator.ts'

/** Receives the lane's events about one peer. */
export interface PeerOwner {
  /** The first packet of one of its SSRCs arrived. */
  packetsArrived(ssrc: number): void
  /** A DTLS datagram arrived from an address that the peer has proved. */
  datagramArrived(bytes: Uint8Array, now: number): void
  /** Every nonce of its key is used. */
  keyExhausted(now: number): void
}

/** The numbers of one peer on its lane: its row, and its block of LIMITS.ssrcsPerSession SSRCs. */
export interface PeerNumbers {
  readonly peer: PeerId
  readonly ssrcs: readonly number[]
}

export interface OpenLane {
  id: LaneId
  /** The UDP port that Ready names. */
  port: number
}

export class LaneHandle {
  readonly id: LaneId
  /** Changes where a replaced lane has another port. */
  port: number
  /** Lost and not replaced yet: the host keeps what is sent for the replacement. */
  isLost = false
  readonly owners = new Map<PeerId, PeerOwner>()
  /** Channels placed here; the measure of load. */
  channels = 0
  /** The last report of the lane. */
  counters: LaneCounters | undefined
  readonly #ssrcs: SsrcAllocator
  readonly #effects: Effects
  #lastPeer = 0
  #lastTargets = 0

  constructor(lane: OpenLane, crypto: Crypto, effects: Effects) {
    this.id = lane.id
    this.port = lane.port
    this.#ssrcs = new SsrcAllocator(crypto)
    this.#effects = effects
  }

  send(command: LaneCommand): void {
    this.#effects.lane(this.id, command)
  }

  /** Numbers for a new peer; `removePeer` releases them. */
  reservePeer(): PeerNumbers {
    const first = this.#ssrcs.allocate()
    const ssrcs = Array.from({ length: LIMITS.ssrcsPerSession }, (_, index) => first + index)
    return { peer: ++this.#lastPeer, ssrcs }
  }

  addPeer({ peer, ssrcs }: PeerNumbers, owner: PeerOwner): void {
    this.owners.set(peer, owner)
    this.send({ kind: 'addPeer', peer, ssrcs: Int32Array.from(ssrcs) })
  }

  removePeer({ peer, ssrcs }: PeerNumbers): void {
    this.owners.delete(peer)
    this.send({ kind: 'removePeer', peer })
    this.#ssrcs.release(ssrcs[0]!)
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

  /** The lane for a new channel: the one with the fewest channels, if possible not a lost one. `release` undoes it. */
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
