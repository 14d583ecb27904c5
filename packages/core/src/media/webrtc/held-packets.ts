// Packets of WebRTC clients that arrive before the gateway has declared their SSRC (ops 5 and 12 travel on another connection): kept
// sealed for a moment.
import { RTP_SSRC } from '@parley/protocol'
import { ADDRESS_WORDS, type Batch, createBatch, SLOT } from '../../lane/batch.ts'
import type { PeerId } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import type { Peer } from '../address/peers.ts'
import { isSameNetwork } from '../address/socket-address.ts'
import { Drop, type LaneStats } from '../lane-stats.ts'

interface Held {
  readonly backend: string
  readonly batch: Batch
  /** When the packets are dropped. */
  readonly until: number
}

/**
 * Bounded per client, per address, and in total, where each backend has an equal share once the total is reached: nothing here is
 * authenticated yet.
 */
export class HeldPackets {
  readonly #laneStats: LaneStats
  /** All wait equally long, so the first is due first. */
  readonly #held = new Map<PeerId, Held>()
  /** Clients with held packets by backend. */
  readonly #perBackend = new Map<string, number>()

  constructor(laneStats: LaneStats) {
    this.#laneStats = laneStats
  }

  get deadline(): number {
    for (const { until } of this.#held.values()) return until
    return Infinity
  }

  /** Keeps a copy of the packet in the slot, or drops it where the bound is reached. Allocates for the first of a client. */
  hold(peer: Peer, { bytes, lengths, addresses }: Batch, slot: number, now: number): void {
    const held = this.#held.get(peer.id) ?? this.#open(peer, addresses, slot * ADDRESS_WORDS, now)
    if (held === undefined || held.batch.count === LIMITS.heldPackets) return this.#laneStats.drop(Drop.foreignSsrc)
    const { batch } = held
    const place = batch.count++
    batch.bytes.set(bytes.subarray(slot * SLOT, slot * SLOT + lengths[slot]!), place * SLOT)
    batch.lengths[place] = lengths[slot]!
    for (let word = 0; word < ADDRESS_WORDS; word++)
      batch.addresses[place * ADDRESS_WORDS + word] = addresses[slot * ADDRESS_WORDS + word]!
  }

  /** Passes the packets whose SSRC (signed) is known to `take`, in the order of their arrival. The others stay. */
  release(peer: PeerId, isKnown: (ssrc: number) => boolean, take: (batch: Batch, slot: number) => void): void {
    const batch = this.#held.get(peer)?.batch
    if (batch === undefined) return
    let kept = 0
    for (let slot = 0; slot < batch.count; slot++) {
      if (isKnown(batch.view.getInt32(slot * SLOT + RTP_SSRC))) take(batch, slot)
      else move(batch, slot, kept++)
    }
    batch.count = kept
    if (kept === 0) this.#remove(peer)
  }

  /** Drops the packets of a client. */
  forget(peer: PeerId): void {
    const held = this.#held.get(peer)
    if (held === undefined) return
    this.#laneStats.drop(Drop.foreignSsrc, held.batch.count)
    this.#remove(peer)
  }

  /** Drops packets that were held for `LIMITS.holdTimeout`. */
  tick(now: number): void {
    for (const [peer, { until }] of this.#held) {
      if (until > now) break
      this.forget(peer)
    }
  }

  /** A batch for the first packet of a client, from the address at `offset`; undefined at a bound on clients. */
  #open({ id, backend }: Peer, addresses: Int32Array, offset: number, now: number): Held | undefined {
    if (this.#heldFrom(addresses, offset) >= LIMITS.holdingWebrtcPeersPerAddress) return undefined
    if (this.#held.size >= LIMITS.holdingWebrtcPeers && !this.#makeRoom(this.#perBackend.get(backend) ?? 0))
      return undefined
    const held = { backend, batch: createBatch(LIMITS.heldPackets), until: now + LIMITS.holdTimeout }
    this.#held.set(id, held)
    this.#perBackend.set(backend, (this.#perBackend.get(backend) ?? 0) + 1)
    return held
  }

  /** Clients of the address's network with held packets. */
  #heldFrom(addresses: Int32Array, offset: number): number {
    let count = 0
    for (const { batch } of this.#held.values()) if (isSameNetwork(batch.addresses, 0, addresses, offset)) count++
    return count
  }

  /** Drops the oldest packets of the backend whose clients hold most, if they are more than `own`. */
  #makeRoom(own: number): boolean {
    let busiest: string | undefined
    let most = own
    for (const [backend, count] of this.#perBackend) {
      if (count <= most) continue
      busiest = backend
      most = count
    }
    for (const [peer, { backend }] of this.#held) {
      if (backend !== busiest) continue
      this.forget(peer)
      return true
    }
    return false
  }

  #remove(peer: PeerId): void {
    const backend = this.#held.get(peer)?.backend
    if (backend === undefined) return
    this.#held.delete(peer)
    const left = this.#perBackend.get(backend)! - 1
    if (left > 0) this.#perBackend.set(backend, left)
    else this.#perBackend.delete(backend)
  }
}

/** Moves a packet to an earlier slot, over one that was released. */
function move({ bytes, lengths, addresses }: Batch, from: number, to: number): void {
  if (from === to) return
  bytes.copyWithin(to * SLOT, from * SLOT, from * SLOT + lengths[from]!)
  lengths[to] = lengths[from]!
  addresses.copyWithin(to * ADDRESS_WORDS, from * ADDRESS_WORDS, (from + 1) * ADDRESS_WORDS)
}
