// The peers of a lane and their addresses: what binds a peer to an address, so that media is sent there.
// The rules and their analysis are in docs/voice-gateway.md, "Addresses of clients".
import { ADDRESS_LOCAL, ADDRESS_WORDS } from '../../lane/batch.ts'
import type { LaneCommand, LaneId, PeerId, SocketAddress } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import type { PeerBitrate } from '../bitrate/peer-bitrate.ts'
import type { NonceWindow } from '../receive/nonce-window.ts'
import { AddressTable } from './address-table.ts'
import { copyAddress, isPublicIp, isSameAddress, isSameNetwork, writeAddress } from './socket-address.ts'

/**
 * What a bound address rests on, in ascending order: a discovery request, which anyone can forge; Select Protocol naming an address
 * that asked for discovery; a packet (or an ICE check) that verified.
 */
export const Evidence = { None: 0, Discovery: 1, Claim: 2, Packet: 3 } as const
export type Evidence = (typeof Evidence)[keyof typeof Evidence]

/** Counts what a viewer is sent of video, for the estimate of its bandwidth. */
export interface SendMeter {
  /** A packet of `bytes` leaves. Returns its transport-wide sequence. Per packet: no allocation. */
  sent(bytes: number, isPadding: boolean): number
  /** Whether a packet of the stream leaves now; otherwise it leaves later, or never. Per packet: no allocation. */
  leavesNow(ssrc: number, sequence: number, bytes: number): boolean
}

export interface Peer {
  readonly id: PeerId
  /** Audio, then pairs of video and RTX. */
  readonly ssrcs: Int32Array
  /** Whose share of the lane's bounds it has. */
  readonly backend: string
  /** Of a remote peer: the lane that it is on. */
  readonly lane: LaneId | undefined
  /** It has a key. */
  isProtected: boolean
  /** Only ICE binds its address. */
  isWebrtc: boolean
  /** `address` is valid. */
  isBound: boolean
  readonly address: Int32Array
  evidence: Evidence
  /** When a datagram last arrived from the bound address. */
  seenAt: number
  /** Nothing is sent to the bound address until a datagram arrives from there. */
  isSuspended: boolean
  /** Where the session's WebSocket comes from; zeros while unknown. */
  readonly sessionAddress: Int32Array
  /** What Select Protocol named; zeros before. */
  readonly claimedAddress: Int32Array
  /** Where the last packet that verified was sent from; zeros before the first. */
  readonly provedAddress: Int32Array
  /** When a packet last verified. */
  provedAt: number
  /** Addresses that asked for discovery, the latest first. */
  readonly candidates: Int32Array
  candidateCount: number
  /** Of its present key; undefined under SRTP, and in modes without a nonce of 4 bytes. */
  nonces: NonceWindow | undefined
  /** Bounds on what it sends; undefined without any. */
  bitrate: PeerBitrate | undefined
  /** Of a WebRTC client that sends transport-wide feedback. */
  meter: SendMeter | undefined
  /** When its next receiver report is due; `Infinity` while it sends nothing. */
  reportAt: number
  /** Share of the packets sent to it that it reports as lost, and milliseconds to it and back; −1 before a report. */
  reportedLoss: number
  reportedRoundTrip: number
  /** What the lane's clock shows when the peer's shows 0; undefined before its first sender report. */
  clockOffset: number | undefined
}

/** Per packet none of the methods allocates, unless it binds. */
export class Peers {
  readonly #peers = new Map<PeerId, Peer>()
  readonly #addresses = new AddressTable()
  /** Peers that have to prove from time to time that they receive at their address. */
  readonly #foreign = new Set<Peer>()
  /** Peers with a new address, or one to which media is sent again; the owner empties it. */
  readonly rebound: Peer[] = []
  /** When `tick` has something to do. */
  deadline = Infinity

  get size(): number {
    return this.#peers.size
  }
  get addresses(): number {
    return this.#addresses.size
  }
  ids(): PeerId[] {
    return [...this.#peers.keys()]
  }
  all(): Iterable<Peer> {
    return this.#peers.values()
  }
  get(id: PeerId): Peer | undefined {
    return this.#peers.get(id)
  }
  /** The peer bound to the address at `offset` of `words`. */
  at(words: Int32Array, offset: number): Peer | undefined {
    const id = this.#addresses.get(words, offset)
    return id === 0 ? undefined : this.#peers.get(id)
  }

  /** Returns undefined if the id is in use. */
  add({ peer: id, ssrcs, backend = '', lane }: LaneCommand & { kind: 'addPeer' }): Peer | undefined {
    if (this.#peers.has(id)) return undefined
    const peer: Peer = {
      id,
      ssrcs,
      backend,
      lane,
      isProtected: false,
      isWebrtc: false,
      isBound: false,
      address: new Int32Array(ADDRESS_WORDS),
      evidence: Evidence.None,
      seenAt: -Infinity,
      isSuspended: false,
      sessionAddress: new Int32Array(ADDRESS_WORDS),
      claimedAddress: new Int32Array(ADDRESS_WORDS),
      provedAddress: new Int32Array(ADDRESS_WORDS),
      provedAt: -Infinity,
      candidates: new Int32Array(LIMITS.addressCandidates * ADDRESS_WORDS),
      candidateCount: 0,
      nonces: undefined,
      reportAt: Infinity,
      clockOffset: undefined,
      reportedLoss: -1,
      reportedRoundTrip: -1,
      meter: undefined,
      bitrate: undefined,
    }
    this.#peers.set(id, peer)
    return peer
  }

  remove(peer: Peer): void {
    this.unbind(peer)
    this.#peers.delete(peer.id)
  }

  /** The session's WebSocket comes from this IP, now. Text that is no public address says nothing about the client's address. */
  setSessionIp(peer: Peer, ip: string, now: number): void {
    const isKnown = writeAddress(peer.sessionAddress, 0, ip, 0) && isPublicIp(peer.sessionAddress, 0)
    if (!isKnown) peer.sessionAddress.fill(0)
    this.#watch(peer, now)
  }

  /** A genuine ICE check nominated the address. */
  nominate(peer: Peer, words: Int32Array, offset: number, now: number): void {
    this.#bind(peer, words, offset, Evidence.Packet, now)
  }

  unbind(peer: Peer): void {
    this.#trust(peer)
    peer.isSuspended = false
    peer.evidence = Evidence.None
    if (!peer.isBound) return
    this.#addresses.delete(peer.address, 0, peer.id)
    peer.isBound = false
    const index = this.rebound.indexOf(peer)
    if (index >= 0) this.rebound.splice(index, 1)
  }

  /**
   * Select Protocol: binds the claimed address if it asked for discovery. Otherwise a proved address stays, and a peer without one is
   * bound to the latest candidate, of the network of its WebSocket if there is one.
   */
  protect(peer: Peer, claimed: SocketAddress | undefined, now: number): void {
    peer.isProtected = true
    if (peer.isWebrtc) return
    const isClaim = claimed !== undefined && writeAddress(peer.claimedAddress, 0, claimed.ip, claimed.port)
    if (!isClaim) peer.claimedAddress.fill(0)
    const index = isClaim ? candidateIndex(peer, peer.claimedAddress, 0) : -1
    if (index >= 0) return this.#bind(peer, peer.candidates, index * ADDRESS_WORDS, Evidence.Claim, now)
    if (peer.evidence > Evidence.Discovery || peer.candidateCount === 0) return
    this.#bind(peer, peer.candidates, bestCandidate(peer) * ADDRESS_WORDS, Evidence.Discovery, now)
  }

  /**
   * A discovery request for the peer arrived from the address. It never moves a peer from an address that rests on more. After Select
   * Protocol it binds the claimed address, or, for a peer without a proved one, an address in the network of its WebSocket.
   */
  discovered(peer: Peer, words: Int32Array, offset: number, now: number): void {
    if (peer.isWebrtc) return
    noteCandidate(peer, words, offset)
    if (isAt(peer, words, offset)) this.seen(peer, now)
    if (!peer.isProtected || peer.evidence >= Evidence.Claim) return
    if (isSameAddress(peer.claimedAddress, 0, words, offset)) this.#bind(peer, words, offset, Evidence.Claim, now)
    else if (isFromSession(peer, words, offset)) this.#bind(peer, words, offset, Evidence.Discovery, now)
  }

  /**
   * A packet of the peer, over Discord's UDP, verified from the address, and binds it. `isNew` says that it cannot be a replay. RTCP
   * of which that is not known moves only a peer whose bound address has been quiet for `LIMITS.rtcpRebindQuiet`.
   */
  verified(peer: Peer, words: Int32Array, offset: number, isNew: boolean, now: number): void {
    const isBoundHere = isAt(peer, words, offset)
    if (!isBoundHere && !isNew && now - peer.provedAt < LIMITS.rtcpRebindQuiet) return
    if (!isBoundHere || peer.evidence < Evidence.Packet || !isSamePath(peer, words, offset))
      this.#bind(peer, words, offset, Evidence.Packet, now)
    if (!isSameAddress(peer.provedAddress, 0, words, offset)) copyAddress(words, offset, peer.provedAddress, 0)
    peer.provedAt = now
    this.seen(peer, now)
  }

  /** A datagram arrived from the bound address. */
  seen(peer: Peer, now: number): void {
    peer.seenAt = now
    if (!peer.isSuspended) return
    peer.isSuspended = false
    this.#announce(peer)
  }

  /** Suspends peers that owe a datagram from their address, and passes them to `suspend`. */
  tick(now: number, suspend: (peer: Peer) => void): void {
    if (now < this.deadline) return
    for (const peer of this.#foreign) {
      if (peer.isSuspended || now - peer.seenAt < LIMITS.addressProof) continue
      peer.isSuspended = true
      suspend(peer)
    }
    this.deadline = now + LIMITS.addressSweep
  }

  #bind(peer: Peer, words: Int32Array, offset: number, evidence: Evidence, now: number): void {
    const holder = this.at(words, offset)
    const isTaken = holder !== undefined && holder !== peer && now - holder.seenAt < LIMITS.addressProof
    if (isTaken && evidence < Evidence.Packet) return
    peer.evidence = evidence
    peer.seenAt = now
    if (isAt(peer, words, offset) && isSamePath(peer, words, offset)) return
    if (peer.isBound) this.#addresses.delete(peer.address, 0, peer.id)
    copyAddress(words, offset, peer.address, 0)
    peer.isBound = true
    peer.isSuspended = false
    // A peer that sends from there keeps its datagrams attributed to itself.
    if (!isTaken) this.#addresses.set(peer.address, 0, peer.id)
    this.#watch(peer, now)
    this.#announce(peer)
  }

  /** An address outside the network of the session's WebSocket may be that of a third party. */
  #watch(peer: Peer, now: number): void {
    if (!peer.isBound || peer.isWebrtc || isFromSession(peer, peer.address, 0)) {
      this.#trust(peer)
      if (peer.isSuspended) this.seen(peer, peer.seenAt)
      return
    }
    this.#foreign.add(peer)
    if (this.deadline === Infinity) this.deadline = now + LIMITS.addressSweep
  }

  /** The peer owes no proof. */
  #trust(peer: Peer): void {
    this.#foreign.delete(peer)
    if (this.#foreign.size === 0) this.deadline = Infinity
  }

  #announce(peer: Peer): void {
    if (!this.rebound.includes(peer)) this.rebound.push(peer)
  }
}

/** Whether the peer is bound to this address. Per packet: no allocation. */
export const isAt = (peer: Peer, words: Int32Array, offset: number): boolean =>
  peer.isBound && isSameAddress(peer.address, 0, words, offset)

/** Whether what is sent to the peer leaves from the local address that it sends to. Per packet: no allocation. */
const isSamePath = (peer: Peer, words: Int32Array, offset: number): boolean =>
  peer.address[ADDRESS_LOCAL] === words[offset + ADDRESS_LOCAL]

/**
 * Whether the peer is likely to send from this address: it is bound there, or proved it last. Select Protocol may have moved the first,
 * but not the second. Per packet: no allocation.
 */
export const isExpectedAt = (peer: Peer, words: Int32Array, offset: number): boolean =>
  isAt(peer, words, offset) || isSameAddress(peer.provedAddress, 0, words, offset)

/** Whether the address is in the network of the session's WebSocket, or that is unknown. */
const isFromSession = (peer: Peer, words: Int32Array, offset: number): boolean =>
  peer.sessionAddress.every(word => word === 0) || isSameNetwork(peer.sessionAddress, 0, words, offset)

function candidateIndex(peer: Peer, words: Int32Array, offset: number): number {
  for (let index = 0; index < peer.candidateCount; index++)
    if (isSameAddress(peer.candidates, index * ADDRESS_WORDS, words, offset)) return index
  return -1
}

/** The latest candidate in the network of the session's WebSocket; if there is none, the latest. */
function bestCandidate(peer: Peer): number {
  for (let index = 0; index < peer.candidateCount; index++)
    if (isFromSession(peer, peer.candidates, index * ADDRESS_WORDS)) return index
  return 0
}

/** Where there are too many, the oldest from another network than that of the session's WebSocket gives way. */
function noteCandidate(peer: Peer, words: Int32Array, offset: number): void {
  const known = candidateIndex(peer, words, offset)
  const isFull = peer.candidateCount === LIMITS.addressCandidates
  const place = known >= 0 ? known : isFull ? replaceableCandidate(peer) : peer.candidateCount
  peer.candidates.copyWithin(ADDRESS_WORDS, 0, place * ADDRESS_WORDS)
  copyAddress(words, offset, peer.candidates, 0)
  if (known < 0 && !isFull) peer.candidateCount++
}

function replaceableCandidate(peer: Peer): number {
  for (let index = peer.candidateCount - 1; index >= 0; index--)
    if (!isFromSession(peer, peer.candidates, index * ADDRESS_WORDS)) return index
  return peer.candidateCount - 1
}
