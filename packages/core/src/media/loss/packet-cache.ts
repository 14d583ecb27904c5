// The last packets of one video stream, for retransmission: plain, in node numbering.
import { sequenceDistance } from '@parley/protocol'
import { copySlot, SLOT_WORDS } from '../../lane/batch.ts'
import { LIMITS } from '../../limits.ts'

/** A power of two: a sequence's place is its lowest bits. */
const PACKETS = LIMITS.cachedPackets
const NONE = -1

/** A ring by sequence, 1 MiB per stream. All receivers share it: their numbers are added when a packet is sent again. */
export class PacketCache {
  /** The packets, SLOT_WORDS each. */
  readonly #words = new Int32Array(PACKETS * SLOT_WORDS)
  readonly #lengths = new Int32Array(PACKETS)
  /** Bytes of each packet's header. */
  readonly #headers = new Int32Array(PACKETS)
  /** The sequence at each place; NONE if it is empty. */
  readonly #sequences = new Int32Array(PACKETS).fill(NONE)
  #newest = NONE

  /**
   * Keeps the packet of `length` bytes in a slot of `words`. One far behind the newest empties the cache: its sender started over.
   * Returns false if the packet is kept already. Per packet: no allocation.
   */
  store(sequence: number, words: Int32Array, slot: number, length: number, header: number): boolean {
    if (this.behind(sequence) >= LIMITS.replayWindow) this.#clear()
    return this.#put(sequence, words, slot, length, header)
  }

  /** The same for a retransmission. It is not kept if a newer packet took its place. */
  storeLate(sequence: number, words: Int32Array, slot: number, length: number, header: number): boolean {
    return this.behind(sequence) < PACKETS && this.#put(sequence, words, slot, length, header)
  }

  /** How far the sequence is behind the newest one; negative if it is ahead. */
  behind(sequence: number): number {
    return this.#newest === NONE ? -1 : sequenceDistance(this.#newest, sequence)
  }

  /** Copies the packet to the first slot of `target`. Returns its length; 0 if it is not kept. */
  load(sequence: number, target: Int32Array): number {
    const place = sequence & (PACKETS - 1)
    if (this.#sequences[place] !== sequence) return 0
    const length = this.#lengths[place]!
    copySlot(this.#words, place, target, 0, length)
    return length
  }

  /** Bytes of the header of a packet that `load` found. */
  headerOf(sequence: number): number {
    return this.#headers[sequence & (PACKETS - 1)]!
  }

  /** Sequences of before would be found under numbers of now. */
  #clear(): void {
    this.#sequences.fill(NONE)
    this.#newest = NONE
  }

  #put(sequence: number, words: Int32Array, slot: number, length: number, header: number): boolean {
    const place = sequence & (PACKETS - 1)
    if (this.#sequences[place] === sequence) return false
    copySlot(words, slot, this.#words, place, length)
    this.#lengths[place] = length
    this.#headers[place] = header
    this.#sequences[place] = sequence
    if (this.#newest === NONE || sequenceDistance(sequence, this.#newest) > 0) this.#newest = sequence
    return true
  }
}
