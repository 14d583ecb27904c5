// Packets of WebRTC clients that arrive before the gateway has declared their SSRC (ops 5 and 12 travel on another connection): kept
// sealed for a moment.
import { RTP_SSRC } from '@parley/protocol'
import { ADDRESS_WORDS, type Batch, createBatch, SLOT } from '../../lane/batch.ts'
import type { PeerId } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import { Drop, type LaneStats } from '../lane-stats.ts'

interface Held {
  readonly batch: Batch
  /** When the packets are dropped. */
  readonly until: number
}

/** Bounded per client and in total: nothing here is authenticated yet. */
export class HeldPackets {
  readonly #laneStats: LaneStats
  /** All wait equally long, so the first is due first. */
  readonly #held = new Map<PeerId, Held>()

  constructor(laneStats: LaneStats) {
    this.#laneStats = laneStats
  }

  get deadline(): number {
    for (const { until } of this.#held.values()) return until
    return Infinity
  }

  /** Keeps a copy of the packet in the slot, or drops it where the bound is reached. Allocates for the first of a client. */
  hold(peer: PeerId, { bytes, lengths, addresses }: Batch, slot: number, now: number): void {
    const held = this.#held.get(peer) ?? this.#open(peer, now)
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
    if (kept === 0) this.#held.delete(peer)
  }

  /** Drops the packets of a client. */
  forget(peer: PeerId): void {
    const held = this.#held.get(peer)
    if (held === undefined) return
    this.#laneStats.drop(Drop.foreignSsrc, held.batch.count)
    this.#held.delete(peer)
  }

  /** Drops packets that were held for `LIMITS.holdTimeout`. */
  tick(now: number): void {
    for (const [peer, { until }] of this.#held) {
      if (until > now) break
      this.forget(peer)
    }
  }

  /** A batch for the first packet of a client; undefined at the bound on clients. */
  #open(peer: PeerId, now: number): Held | undefined {
    if (this.#held.size === LIMITS.holdingWebrtcPeers) return undefined
    const held = { batch: createBatch(LIMITS.heldPackets), until: now + LIMITS.holdTimeout }
    this.#held.set(peer, held)
    return held
  }
}

/** Moves a packet to an earlier slot, over one that was released. */
function move({ bytes, lengths, addresses }: Batch, from: number, to: number): void {
  if (from === to) return
  bytes.copyWithin(to * SLOT, from * SLOT, from * SLOT + lengths[from]!)
  lengths[to] = lengths[from]!
  addresses.copyWithin(to * ADDRESS_WORDS, from * ADDRESS_WORDS, (from + 1) * ADDRESS_WORDS)
}
