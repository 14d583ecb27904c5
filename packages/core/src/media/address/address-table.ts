// Sender address → peer: an open-addressing hash table over words, so that a look-up does not allocate.

import { ADDRESS_WORDS, IDENTITY_WORDS } from '../../lane/batch.ts'
import type { PeerId } from '../../lane/commands.ts'
import { copyAddress, isSameAddress } from './socket-address.ts'

/** Slots of an empty table; a power of two, as every later size. */
const SMALLEST = 16

/** Holds only proved addresses, a few per peer, so that outsiders can neither fill nor skew it. */
export class AddressTable {
  /** ADDRESS_WORDS per slot. */
  #keys = new Int32Array(SMALLEST * ADDRESS_WORDS)
  /** 0 marks a free slot. At most half of the slots are taken. */
  #peers = new Int32Array(SMALLEST)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The peer at the address at `offset` of `words`; 0 if none. Per packet: no allocation. */
  get(words: Int32Array, offset: number): PeerId {
    return this.#peers[this.#find(words, offset)]!
  }

  /** Replaces the peer that had the address before. */
  set(words: Int32Array, offset: number, peer: PeerId): void {
    const slot = this.#find(words, offset)
    const isNew = this.#peers[slot] === 0
    this.#peers[slot] = peer
    copyAddress(words, offset, this.#keys, slot * ADDRESS_WORDS)
    if (isNew && ++this.#size * 2 > this.#peers.length) this.#grow()
  }

  /** Removes the address, if it is this peer's. */
  delete(words: Int32Array, offset: number, peer: PeerId): void {
    const slot = this.#find(words, offset)
    if (this.#peers[slot] !== peer) return
    this.#size--
    this.#close(slot)
  }

  /** The slot of the address, or the free one where it belongs: linear probing. */
  #find(words: Int32Array, offset: number): number {
    const mask = this.#peers.length - 1
    let slot = hash(words, offset) & mask
    while (this.#peers[slot] !== 0 && !isSameAddress(this.#keys, slot * ADDRESS_WORDS, words, offset))
      slot = (slot + 1) & mask
    return slot
  }

  /** Moves later entries of the same run back over a freed slot, so that no probe ends early. */
  #close(hole: number): void {
    const mask = this.#peers.length - 1
    for (let slot = (hole + 1) & mask; this.#peers[slot] !== 0; slot = (slot + 1) & mask) {
      const home = hash(this.#keys, slot * ADDRESS_WORDS) & mask
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      this.#peers[hole] = this.#peers[slot]!
      copyAddress(this.#keys, slot * ADDRESS_WORDS, this.#keys, hole * ADDRESS_WORDS)
      hole = slot
    }
    this.#peers[hole] = 0
  }

  /** Doubles the slots and inserts every entry again. */
  #grow(): void {
    const keys = this.#keys
    const peers = this.#peers
    this.#keys = new Int32Array(keys.length * 2)
    this.#peers = new Int32Array(peers.length * 2)
    this.#size = 0
    for (let slot = 0; slot < peers.length; slot++)
      if (peers[slot] !== 0) this.set(keys, slot * ADDRESS_WORDS, peers[slot]!)
  }
}

/** 32 bits of an address's first `count` words, well mixed. */
export function hashAddress(words: Int32Array, offset: number, count: number): number {
  let mixed = 0x9e37_79b9 | 0
  for (let word = 0; word < count; word++) {
    mixed = Math.imul(mixed ^ words[offset + word]!, 0x85eb_ca6b)
    mixed ^= mixed >>> 13
  }
  mixed = Math.imul(mixed, 0xc2b2_ae35)
  return mixed ^ (mixed >>> 16)
}

const hash = (words: Int32Array, offset: number): number => hashAddress(words, offset, IDENTITY_WORDS)
