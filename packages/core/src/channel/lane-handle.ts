// Control's end of the lanes: numbers peers and target lists, and places channels and members on lanes.
import type { Crypto } from '../crypto.ts'
import type { Effects } from '../effect.ts'
import type {
  GroupId,
  LaneCommand,
  LaneCounters,
  LaneEvent,
  LaneId,
  PeerId,
  PeerQuality,
  TargetsId,
} from '../lane/commands.ts'
import type { LayerReport } from '../lane/layer-report.ts'
import { LIMITS } from '../limits.ts'
import type { BackendId } from './channel-ref.ts'
import { SsrcAllocator } from './ssrc-allocator.ts'

/** Receives the lane's events about one peer. */
export interface PeerOwner {
  /** The first packet of one of its SSRCs arrived. */
  packetsArrived(ssrc: number): void
  /** A DTLS datagram arrived from an address that the peer has proved. */
  datagramArrived(bytes: Uint8Array, now: number): void
  /** Layers of what the peer views changed. */
  layersChanged(layers: readonly LayerReport[], ended: readonly number[]): void
  /** So many of its packets were above its bit rate, and that of its channel. */
  bitrateExceeded(over: { readonly member: number; readonly channel: number }, now: number): void
  /** Every nonce of its key is used. */
  keyExhausted(now: number): void
  /** How its packets arrive. */
  measured(quality: PeerQuality): void
}

/** The numbers of one peer on its lane: its row, and its block of LIMITS.ssrcsPerSession SSRCs. */
export interface PeerNumbers {
  readonly peer: PeerId
  readonly ssrcs: readonly number[]
}

/** A lane of the host, as the node is given it. */
export interface OpenLane {
  id: LaneId
  /** The UDP port that Ready names. */
  port: number
}

/** One lane as control sees it. Numbers that it hands out are unique on the lane while they are in use, SSRCs on the node. */
export class LaneHandle {
  readonly id: LaneId
  /** Changes where a replaced lane has another port. */
  port: number
  /** Lost and not replaced yet: the host keeps what is sent for the replacement. */
  isLost = false
  /** Who receives events about a peer. */
  readonly owners = new Map<PeerId, PeerOwner>()
  /** Channels whose home lane it is. */
  channels = 0
  /** The last report of the lane. */
  counters: LaneCounters | undefined
  readonly #ssrcs: SsrcAllocator
  /** Peers that were removed, until the lane reports their last quality. */
  readonly #ending = new Map<PeerId, (quality: PeerQuality | undefined) => void>()
  readonly #effects: Effects
  #lastPeer = 0
  #lastTargets = 0
  #lastGroup = 0

  /** `ssrcs` is shared by all lanes: a channel may be on several. */
  constructor(lane: OpenLane, ssrcs: SsrcAllocator, effects: Effects) {
    this.id = lane.id
    this.port = lane.port
    this.#ssrcs = ssrcs
    this.#effects = effects
  }

  /** Peers whose clients send to it and receive from it. */
  get peers(): number {
    return this.owners.size
  }

  /** For the placement of channels: how many it has, with the parts of channels on several lanes as channels of usual size. */
  get load(): number {
    return Math.max(this.channels, this.peers / LIMITS.membersExpected)
  }

  /** Queues a command. Commands of one lane are executed in order. */
  send(command: LaneCommand): void {
    this.#effects.lane(this.id, command)
  }

  /** Numbers for a new peer; `removePeer` releases them. */
  reservePeer(): PeerNumbers {
    const first = this.#ssrcs.allocate()
    const ssrcs = Array.from({ length: LIMITS.ssrcsPerSession }, (_, index) => first + index)
    return { peer: ++this.#lastPeer, ssrcs }
  }

  /** Adds the peer of another lane, and returns its id on this one. `removeRemotePeer` removes it. */
  addRemotePeer({ ssrcs }: PeerNumbers, backend: BackendId, lane: LaneId): PeerId {
    const peer = ++this.#lastPeer
    this.send({ kind: 'addPeer', peer, ssrcs: Int32Array.from(ssrcs), backend, lane })
    return peer
  }

  removeRemotePeer(peer: PeerId): void {
    this.send({ kind: 'removePeer', peer })
  }

  addPeer({ peer, ssrcs }: PeerNumbers, backend: BackendId, owner: PeerOwner): void {
    this.owners.set(peer, owner)
    this.send({ kind: 'addPeer', peer, ssrcs: Int32Array.from(ssrcs), backend })
  }

  removePeer({ peer, ssrcs }: PeerNumbers): void {
    this.owners.delete(peer)
    this.send({ kind: 'removePeer', peer })
    this.#ssrcs.release(ssrcs[0]!)
  }

  /**
   * Calls back with the last quality of a peer that was removed, once the lane reports it; with undefined if the lane is lost, or
   * too many wait.
   */
  whenEnded({ peer }: PeerNumbers, report: (quality: PeerQuality | undefined) => void): void {
    if (this.isLost || this.#ending.size >= LIMITS.endingPeers) return report(undefined)
    this.#ending.set(peer, report)
  }

  peerEnded(quality: PeerQuality): void {
    const report = this.#ending.get(quality.peer)
    this.#ending.delete(quality.peer)
    report?.(quality)
  }

  /** The lane is lost, and reports nothing any longer. */
  forgetEnding(): void {
    for (const report of this.#ending.values()) report(undefined)
    this.#ending.clear()
  }

  /** For `limitBitrate`. */
  reserveGroup(): GroupId {
    return ++this.#lastGroup
  }

  /** Opens a target list with these peers, in one command; the caller closes it with `closeTargets`. */
  openTargets(peers: readonly PeerId[] = []): TargetsId {
    const targets = ++this.#lastTargets
    const filled = peers.length === 0 ? {} : { peers: Int32Array.from(peers) }
    this.send({ kind: 'openTargets', targets, ...filled })
    return targets
  }
}

/** A lane as `VoiceNode.inspect()` shows it. */
export interface LaneInspection {
  readonly id: LaneId
  readonly port: number
  /** Channels assigned to it. */
  readonly channels: number
  readonly peers: number
  /** Its last report; undefined before the first. */
  readonly counters: LaneCounters | undefined
}

/** The lanes of a node. Their number never changes: a lane that crashes is replaced under the same id. */
export class Lanes {
  readonly all: readonly LaneHandle[]
  readonly membersPerLane: number
  readonly #effects: Effects

  /** `membersPerLane`: members of one channel on a lane, before others are placed on another lane. */
  constructor(lanes: readonly OpenLane[], crypto: Crypto, effects: Effects, membersPerLane: number) {
    this.membersPerLane = membersPerLane
    const ssrcs = new SsrcAllocator(crypto)
    this.all = lanes.map(lane => new LaneHandle(lane, ssrcs, effects))
    this.#effects = effects
  }

  /** The lane for a new channel: the one with the lowest load, if possible not a lost one. `release` undoes it. */
  place(): LaneHandle {
    const present = this.all.filter(lane => !lane.isLost)
    const lanes = present.length > 0 ? present : this.all
    const least = lanes.reduce((least, lane) => (lane.load < least.load ? lane : least))
    least.channels++
    return least
  }

  /** A lane besides those of `used`, for more members of a channel: the one with the fewest peers. Undefined if there is none. */
  another(used: ReadonlyMap<LaneHandle, unknown>): LaneHandle | undefined {
    const others = this.all.filter(lane => !lane.isLost && !used.has(lane))
    return others.length === 0 ? undefined : others.reduce((least, lane) => (lane.peers < least.peers ? lane : least))
  }

  /** A channel that was placed there has ended. */
  release(lane: LaneHandle): void {
    lane.channels--
  }

  /** An event of a lane: notes the report, or passes the event to the owner of its peer. Without that it does nothing. */
  event(lane: LaneId, event: LaneEvent, now: number): void {
    const handle = this.#get(lane)
    if (handle === undefined) return
    switch (event.kind) {
      case 'counters':
        handle.counters = event.counters
        return
      case 'qualities':
        for (const quality of event.qualities) handle.owners.get(quality.peer)?.measured(quality)
        return
      case 'peerEnded':
        return handle.peerEnded(event.quality)
      case 'firstPacket':
        return handle.owners.get(event.peer)?.packetsArrived(event.ssrc)
      case 'layers':
        return handle.owners.get(event.peer)?.layersChanged(event.layers, event.ended)
      case 'keyframeNeeded':
        return this.#get(event.lane)?.send({ kind: 'askKeyframe', ssrc: event.ssrc, isLayer: true })
      case 'overBitrate':
        return handle.owners.get(event.peer)?.bitrateExceeded(event, now)
      case 'nonceExhausted':
        return handle.owners.get(event.peer)?.keyExhausted(now)
      case 'datagram':
        return handle.owners.get(event.peer)?.datagramArrived(event.bytes, now)
      case 'consentLost':
        return this.#effects.note('lane.consent_lost', { lane, peer: event.peer })
      case 'addressBound':
        return this.#effects.note('lane.address_bound', { lane, peer: event.peer })
    }
  }

  /** A lane crashed. Returns it, because the sessions on it have to end. */
  lost(id: LaneId, reason: string): LaneHandle | undefined {
    const lane = this.#get(id)
    if (lane === undefined) return undefined
    lane.isLost = true
    lane.counters = undefined
    lane.forgetEnding()
    this.#effects.note('lane.lost', { lane: id, reason })
    return lane
  }

  /** Another lane runs in place of a lost one. Returns it if its port differs, which sessions that were sent the old one do not know. */
  replaced(id: LaneId, port: number): LaneHandle | undefined {
    const lane = this.#get(id)
    if (lane === undefined) return undefined
    const isMoved = lane.port !== port
    lane.isLost = false
    lane.port = port
    this.#effects.note('lane.replaced', { lane: id, port })
    return isMoved ? lane : undefined
  }

  inspect(): LaneInspection[] {
    return this.all.map(({ id, port, channels, peers, counters }) => ({
      id,
      port,
      channels,
      peers,
      counters,
    }))
  }

  #get(id: LaneId): LaneHandle | undefined {
    return this.all.find(lane => lane.id === id)
  }
}
