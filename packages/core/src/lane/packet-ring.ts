// Hot: a ring of opened packets from one lane to another, in memory that both ends see: one producer, one consumer, no locks.
//
//   words   0 packets written (producer)   16 packets read (consumer)   32 … per entry: length, time of writing
//   slots   ENTRIES × SLOT bytes
//
// The counts wrap at 2³². They are on cache lines of their own, so that the two ends do not slow each other down.
import { type Batch, copySlot, SLOT, SLOT_WORDS } from './batch.ts'

/** A power of two. A quarter of a second of a busy camera; a lane that is further behind drops by age anyway. */
const ENTRIES = 512
const MASK = ENTRIES - 1
const WRITTEN = 0
const READ = 16
const HEADERS = 32
const HEADER = 2
const SLOTS = HEADERS + ENTRIES * HEADER

/** Where a lane puts packets for another lane. */
export interface RingOutput {
  /** Copies the packet in `slot`. Returns false if there is no room. Per packet: no allocation. */
  push(batch: Batch, slot: number, now: number): boolean
}

/** Where the packets of another lane arrive. */
export interface RingInput {
  readonly isEmpty: boolean
  /** Moves at most `limit` packets into `batch`, with the time that each waited. Per packet: no allocation. */
  read(batch: Batch, limit: number, now: number): void
}

export interface PacketRingOptions {
  /** Milliseconds to add to the caller's clock, so that both ends have one; 0 by default. */
  clockOffset?: number | undefined
  /** Called after each packet that was pushed. */
  pushed?: (() => void) | undefined
}

/**
 * One end of a ring; both are of this class. Over a `SharedArrayBuffer` the ends may be on two threads: `Atomics` publish a packet
 * after its bytes, and a place after it was read. The consumer checks what it reads, as it does with datagrams.
 */
export class PacketRing implements RingOutput, RingInput {
  /** Bytes of memory for one ring. */
  static readonly size = (SLOTS + ENTRIES * SLOT_WORDS) * 4
  readonly #words: Int32Array
  readonly #slots: Int32Array
  readonly #clockOffset: number
  readonly #pushed: () => void

  /** `memory` has `PacketRing.size` bytes, zeros for a new ring. */
  constructor(memory: ArrayBufferLike, { clockOffset = 0, pushed = () => {} }: PacketRingOptions = {}) {
    this.#words = new Int32Array(memory, 0, SLOTS)
    this.#slots = new Int32Array(memory, SLOTS * 4, ENTRIES * SLOT_WORDS)
    this.#clockOffset = clockOffset
    this.#pushed = pushed
  }

  get isEmpty(): boolean {
    return Atomics.load(this.#words, WRITTEN) === Atomics.load(this.#words, READ)
  }

  push(batch: Batch, slot: number, now: number): boolean {
    const words = this.#words
    const length = batch.lengths[slot]!
    const written = Atomics.load(words, WRITTEN)
    if (length > SLOT || ((written - Atomics.load(words, READ)) | 0) >= ENTRIES) return false
    const entry = written & MASK
    copySlot(batch.words, slot, this.#slots, entry, length)
    words[HEADERS + entry * HEADER] = length
    words[HEADERS + entry * HEADER + 1] = this.#time(now)
    Atomics.store(words, WRITTEN, (written + 1) | 0)
    this.#pushed()
    return true
  }

  /** Counts that cannot be true, and lengths that no packet has, are those of a producer that fails: nothing of it is read. */
  read(batch: Batch, limit: number, now: number): void {
    const words = this.#words
    const written = Atomics.load(words, WRITTEN)
    const read = Atomics.load(words, READ)
    const waiting = (written - read) | 0
    batch.count = 0
    if (waiting < 0 || waiting > ENTRIES) return void Atomics.store(words, READ, written)
    const count = Math.min(waiting, limit, batch.lengths.length)
    for (let index = 0; index < count; index++) {
      const entry = (read + index) & MASK
      const length = words[HEADERS + entry * HEADER]!
      if (length < 0 || length > SLOT) continue
      copySlot(this.#slots, entry, batch.words, batch.count, length)
      batch.lengths[batch.count] = length
      batch.waited[batch.count] = Math.max(0, (this.#time(now) - words[HEADERS + entry * HEADER + 1]!) | 0)
      batch.count++
    }
    Atomics.store(words, READ, (read + count) | 0)
  }

  /** Modulo 2³². */
  #time(now: number): number {
    return (now + this.#clockOffset) | 0
  }
}
