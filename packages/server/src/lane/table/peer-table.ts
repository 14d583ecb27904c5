// What sealing a copy reads and changes of a peer, in one cache line of one array: with thousands of peers, each object on the way to a
// key would be a cache miss per copy. It holds peers whose AEAD is one call of libsodium and whose address is bound; all others, and
// all that is rare, are in the engine's map.
//
//   0 peer   1 traits   2 counter of nonces   3–4 pointer to the key   5–15 destination
import type { PeerId } from '@parley/core'

const ROW = 16
const COUNTER = 2
const KEY_LOW = 3
const KEY_HIGH = 4
const DESTINATION = 5
/** Words that a destination may have. */
export const ROOM_FOR_DESTINATION = ROW - DESTINATION
const HALF = 2 ** 32
const FIRST_SIZE = 64

/** Bits of `traits`. Without IN_USE the row is to be ignored. */
export const IN_USE = 1
export const IS_XCHACHA = 2
export const IS_RTPSIZE = 4

/** Rows stay where they are while the peer is in the table; the array is replaced when it grows. Per copy: no allocation. */
export class PeerTable {
  words = new Int32Array(FIRST_SIZE * ROW)
  /** Row number plus 1 by hash of the peer; 0 for none. Twice as many places as rows, searched linearly. */
  #index = new Int32Array(FIRST_SIZE * 2)
  readonly #free: number[] = []
  #rows = 0

  /** The place of the peer's row in `words`; −1 if it has none. */
  find(peer: PeerId): number {
    const slot = this.#slotOf(peer)
    return slot < 0 ? -1 : (this.#index[slot]! - 1) * ROW
  }

  /** A row of zeros for a peer that has none. Returns its place. */
  add(peer: PeerId): number {
    const row = this.#free.pop() ?? this.#rows++
    if (this.#rows * ROW > this.words.length) this.#grow()
    this.words[row * ROW] = peer
    this.#insert(row)
    return row * ROW
  }

  /** Erases the peer's row, and closes the gap in the index. */
  remove(peer: PeerId): void {
    const index = this.#index
    const mask = index.length - 1
    let gap = this.#slotOf(peer)
    if (gap < 0) return
    const row = index[gap]! - 1
    for (let slot = (gap + 1) & mask; index[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.words[(index[slot]! - 1) * ROW]! & mask
      // The entry may move to the gap unless its home lies behind it.
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue
      index[gap] = index[slot]!
      gap = slot
    }
    index[gap] = 0
    this.words.fill(0, row * ROW, (row + 1) * ROW)
    this.#free.push(row)
  }

  traits(place: number): number {
    return this.words[place + 1]!
  }
  setTraits(place: number, traits: number): void {
    this.words[place + 1] = traits
  }

  /** The next of the node's nonces. */
  counter(place: number): number {
    return this.words[place + COUNTER]!
  }
  setCounter(place: number, counter: number): void {
    this.words[place + COUNTER] = counter
  }

  /** Pointer to the key, exact below 2^53. `Native.map` prefers those below 2^31: for one of them V8 creates no boxed number. */
  key(place: number): number {
    const low = this.words[place + KEY_LOW]!
    const high = this.words[place + KEY_HIGH]!
    return high === 0 && low > 0 ? low : high * HALF + (low >>> 0)
  }
  setKey(place: number, pointer: number): void {
    this.words[place + KEY_LOW] = (pointer % HALF) | 0
    this.words[place + KEY_HIGH] = Math.floor(pointer / HALF)
  }

  /** Where the words of the destination begin. */
  destination(place: number): number {
    return place + DESTINATION
  }

  /** The slot of the index that has the peer; −1 if there is none. */
  #slotOf(peer: PeerId): number {
    const index = this.#index
    const mask = index.length - 1
    for (let slot = peer & mask; index[slot] !== 0; slot = (slot + 1) & mask)
      if (this.words[(index[slot]! - 1) * ROW] === peer) return slot
    return -1
  }

  #insert(row: number): void {
    const index = this.#index
    const mask = index.length - 1
    let slot = this.words[row * ROW]! & mask
    while (index[slot] !== 0) slot = (slot + 1) & mask
    index[slot] = row + 1
  }

  /** Doubles the room. No row is free at this moment, and the last one has no peer yet. */
  #grow(): void {
    const words = new Int32Array(this.words.length * 2)
    words.set(this.words)
    this.words = words
    this.#index = new Int32Array(this.#index.length * 2)
    for (let row = 0; row < this.#rows - 1; row++) this.#insert(row)
  }
}
