// The peers of a lane and their addresses: what binds a peer to an address, so that media is sent there.
import { ADDRESS_LOCAL, ADDRESS_WORDS } from '../../lane/batch.ts'
import type { PeerId, SocketAddress } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import type { NonceWindow } from '../receive/nonce-window.ts'
import { AddressTable } from './address-table.ts'
import { copyAddress, isSameAddress, isSameIp, writeAddress } from './socket-address.ts'

export interface Peer {
  readonly id: PeerId
  /** Audio, then pairs of video and RTX. */
  readonly ssrcs: Int32Array
  /** It has a key. */
  isProtected: boolean
  /** Only ICE binds its address. */
  isWebrtc: boolean
  /** `address` is valid. */
  isBound: boolean
  readonly address: Int32Array
  /** Where the last packet that verified was sent from; zeros before the first. */
  readonly provedAddress: Int32Array
  /** Addresses that asked for discovery, the latest first. */
  readonly candidates: Int32Array
  candidateCount: number
  /** When a packet last verified. */
  provedAt: number
  /** Of its present key; undefined under SRTP, and in modes without a nonce of 4 bytes. */
  nonces: NonceWindow | undefined
  /** When its next receiver report is due; `Infinity` while it sends nothing. */
  reportAt: number
  /** What the lane's clock shows when the peer's shows 0; undefined before its first sender report. */
  clockOffset: number | undefined
}

/**
 * The rules of binding. Discovery makes an address a candidate; Select Protocol binds the candidate it names, or the latest; a
 * packet that verifies binds its source address. Pings and keepalives bind nothing, and an address that a client only claims is
 * never used.
 */
export class Peers {
  readonly #peers = new Map<PeerId, Peer>()
  readonly #addresses = new AddressTable()
  /** Peers with a new address; the owner empties it. */
  readonly rebound: Peer[] = []

  get size(): number {
    return this.#peers.size
  }
  get addresses(): number {
    return this.#addresses.size
  }
  ids(): PeerId[] {
    return [...this.#peers.keys()]
  }
  get(id: PeerId): Peer | undefined {
    return this.#peers.get(id)
  }
  /** The peer bound to the address at `offset` of `words`. Per packet: no allocation. */
  at(words: Int32Array, offset: number): Peer | undefined {
    const id = this.#addresses.get(words, offset)
    return id === 0 ? undefined : this.#peers.get(id)
  }

  /** Returns undefined if the id is in use. */
  add(id: PeerId, ssrcs: Int32Array): Peer | undefined {
    if (this.#peers.has(id)) return undefined
    const peer: Peer = {
      id,
      ssrcs,
      isProtected: false,
      isWebrtc: false,
      isBound: false,
      address: new Int32Array(ADDRESS_WORDS),
      provedAddress: new Int32Array(ADDRESS_WORDS),
      candidates: new Int32Array(LIMITS.addressCandidates * ADDRESS_WORDS),
      candidateCount: 0,
      provedAt: -Infinity,
      nonces: undefined,
      reportAt: Infinity,
      clockOffset: undefined,
    }
    this.#peers.set(id, peer)
    return peer
  }

  remove(peer: Peer): void {
    this.unbind(peer)
    this.#peers.delete(peer.id)
  }

  /** A genuine ICE check nominated the address. */
  nominate(peer: Peer, words: Int32Array, offset: number): void {
    this.#bind(peer, words, offset)
  }

  unbind(peer: Peer): void {
    if (!peer.isBound) return
    this.#addresses.delete(peer.address, 0, peer.id)
    peer.isBound = false
    const index = this.rebound.indexOf(peer)
    if (index >= 0) this.rebound.splice(index, 1)
  }

  /** Select Protocol: binds the claimed address if it is a candidate, else keeps the present one, else binds the latest candidate. */
  protect(peer: Peer, claimed: SocketAddress | undefined): void {
    peer.isProtected = true
    if (peer.isWebrtc) return
    const words = new Int32Array(ADDRESS_WORDS)
    const isClaim = claimed !== undefined && writeAddress(words, 0, claimed.ip, claimed.port)
    const index = isClaim ? candidateIndex(peer, words, 0) : -1
    if (index >= 0) this.#bind(peer, peer.candidates, index * ADDRESS_WORDS)
    else if (!peer.isBound && peer.candidateCount > 0) this.#bind(peer, peer.candidates, 0)
  }

  /**
   * A discovery request for the peer arrived from the address. A bound peer follows a change of port (a new socket, or its NAT) at
   * once; a change of IP needs proof.
   */
  discovered(peer: Peer, words: Int32Array, offset: number): void {
    if (peer.isWebrtc) return
    const known = candidateIndex(peer, words, offset)
    const last = known >= 0 ? known : Math.min(peer.candidateCount, LIMITS.addressCandidates - 1)
    peer.candidates.copyWithin(ADDRESS_WORDS, 0, last * ADDRESS_WORDS)
    copyAddress(words, offset, peer.candidates, 0)
    if (known < 0) peer.candidateCount = last + 1
    if (peer.isBound && isSameIp(peer.address, 0, words, offset)) this.#bind(peer, words, offset)
  }

  /**
   * A packet of the peer, over Discord's UDP, verified from the address, and binds it. RTCP has no replay protection, so it moves
   * only a peer whose bound address has been quiet for `LIMITS.rtcpRebindQuiet`. Per packet: no allocation.
   */
  verified(peer: Peer, words: Int32Array, offset: number, isRtcp: boolean, now: number): void {
    const isBoundHere = isAt(peer, words, offset)
    if (!isBoundHere && isRtcp && now - peer.provedAt < LIMITS.rtcpRebindQuiet) return
    if (!isBoundHere || !isSamePath(peer, words, offset)) this.#bind(peer, words, offset)
    if (!isSameAddress(peer.provedAddress, 0, words, offset)) copyAddress(words, offset, peer.provedAddress, 0)
    peer.provedAt = now
  }

  #bind(peer: Peer, words: Int32Array, offset: number): void {
    if (isAt(peer, words, offset) && isSamePath(peer, words, offset)) return
    if (peer.isBound) this.#addresses.delete(peer.address, 0, peer.id)
    copyAddress(words, offset, peer.address, 0)
    peer.isBound = true
    this.#addresses.set(peer.address, 0, peer.id)
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
 * Whether the peer is likely to send from this address: it is bound there, or proved it last. Discovery by another host behind the
 * same IP may have moved the first, but not the second. Per packet: no allocation.
 */
export const isExpectedAt = (peer: Peer, words: Int32Array, offset: number): boolean =>
  isAt(peer, words, offset) || isSameAddress(peer.provedAddress, 0, words, offset)

function candidateIndex(peer: Peer, words: Int32Array, offset: number): number {
  for (let index = 0; index < peer.candidateCount; index++)
    if (isSameAddress(peer.candidates, index * ADDRESS_WORDS, words, offset)) return index
  return -1
}
