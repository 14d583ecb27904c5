// The peers of a lane and where they are: who may be sent to which address, and what proves it.

import type { PeerId, SocketAddress } from '../../lane/commands.ts'
import { ADDRESS_LOCAL, ADDRESS_WORDS } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import { AddressTable } from './address-table.ts'
import { copyAddress, isSameAddress, isSameIp, writeAddress } from './socket-address.ts'

/** One peer. Its address is proved once `isBound`. */
export interface Peer {
  readonly id: PeerId
  readonly ssrcs: Int32Array
  isProtected: boolean
  /** Its address is proved by ICE alone. */
  isWebrtc: boolean
  isBound: boolean
  readonly address: Int32Array
  /** Where the last packet that verified came from; zeros before the first. */
  readonly heardFrom: Int32Array
  /** Addresses that asked for discovery, the latest first. */
  readonly candidates: Int32Array
  candidateCount: number
  /** When a packet last verified from the bound address. */
  heardAt: number
  /** When its next receiver report is due; `Infinity` while it sends nothing. */
  reportAt: number
  /** What the lane's clock shows when its own shows 0; undefined before its first sender report. */
  clockOffset: number | undefined
}

/**
 * The rules of binding. Discovery makes an address a candidate; Select Protocol binds the candidate it names, or the latest;
 * a packet that verifies binds where it came from. Pings and keepalives bind nothing, and no address is believed because a
 * client said it.
 */
export class Peers {
  readonly #peers = new Map<PeerId, Peer>()
  readonly #addresses = new AddressTable()
  /** Peers bound anew since the owner last looked; the owner empties it. */
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

  add(id: PeerId, ssrcs: Int32Array): boolean {
    if (this.#peers.has(id)) return false
    this.#peers.set(id, {
      id,
      ssrcs,
      isProtected: false,
      isWebrtc: false,
      isBound: false,
      address: new Int32Array(ADDRESS_WORDS),
      heardFrom: new Int32Array(ADDRESS_WORDS),
      candidates: new Int32Array(LIMITS.addressCandidates * ADDRESS_WORDS),
      candidateCount: 0,
      heardAt: -Infinity,
      reportAt: Infinity,
      clockOffset: undefined,
    })
    return true
  }

  remove(peer: Peer): void {
    if (peer.isBound) this.#addresses.delete(peer.address, 0, peer.id)
    this.#peers.delete(peer.id)
    this.#forget(peer)
  }

  #forget(peer: Peer): void {
    const index = this.rebound.indexOf(peer)
    if (index >= 0) this.rebound.splice(index, 1)
  }

  /** A genuine ICE check named the address: media goes there. */
  nominate(peer: Peer, words: Int32Array, offset: number): void {
    this.#bind(peer, words, offset)
  }

  /** Its address is worth nothing any more. */
  unbind(peer: Peer): void {
    if (!peer.isBound) return
    this.#addresses.delete(peer.address, 0, peer.id)
    peer.isBound = false
    this.#forget(peer)
  }

  /** Select Protocol: the claimed address if it is a candidate, else the one it has, else the latest candidate. */
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
   * A discovery request for the peer came from the address. A bound peer that only has another port now (its own new socket,
   * or its NAT) is followed at once; anything else waits for proof.
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
   * A packet of the peer verified from the address, and moves it there. RTCP has no sequence that would give a replay away, so
   * it moves only a peer from whose bound address nothing was heard for a while. Per packet: no allocation.
   */
  verified(peer: Peer, words: Int32Array, offset: number, isRtcp: boolean, now: number): void {
    const isHome = isAt(peer, words, offset)
    if (!isHome && isRtcp && now - peer.heardAt < LIMITS.rtcpRebindQuiet) return
    if (!isHome || !isSamePath(peer, words, offset)) this.#bind(peer, words, offset)
    if (!isSameAddress(peer.heardFrom, 0, words, offset)) copyAddress(words, offset, peer.heardFrom, 0)
    peer.heardAt = now
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
 * Whether the peer's own packets are to be expected from this address: it is bound, or was proved last. Discovery by a
 * neighbour behind the same IP may have moved the one, but not the other. Per packet: no allocation.
 */
export const isExpectedAt = (peer: Peer, words: Int32Array, offset: number): boolean =>
  isAt(peer, words, offset) || isSameAddress(peer.heardFrom, 0, words, offset)

function candidateIndex(peer: Peer, words: Int32Array, offset: number): number {
  for (let index = 0; index < peer.candidateCount; index++)
    if (isSameAddress(peer.candidates, index * ADDRESS_WORDS, words, offset)) return index
  return -1
}
