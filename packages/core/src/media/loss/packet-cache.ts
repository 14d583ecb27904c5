// The last packets of one video stream, for retransmission: plain, in node numbering.
import { sequenceDistance } from '@parley/protocol'
import { copySlot } from '../../lane/batch.ts'
import { LIMITS } from '../../limits.ts'
import { CHUNK, CHUNK_BITS, NO_SEQUENCE, type PacketChunk, type PacketPool, type PoolShare } from './packet-pool.ts'

/** A power of two: a sequence's place is its lowest bits. */
const PACKETS = LIMITS.cachedPackets
/** Of a sequence's place: which chunk, and which packet of it. */
const IN_CHUNK = CHUNK - 1
const CHUNKS = PACKETS / CHUNK

const chunkOf = (sequence: number): number => (sequence & (PACKETS - 1)) >> CHUNK_BITS

/**
 * A ring by sequence, 2 MiB per stream at most, in chunks that it takes when packets arrive for them and may lose to other streams.
 * All receivers share it: their numbers are added when a packet is sent again.
 */
export class PacketCache {
  readonly #pool: PacketPool
  readonly #share: PoolShare
  readonly #chunks = new Array<PacketChunk | undefined>(CHUNKS).fill(undefined)
  /** That of the newest packet. */
  #current: PacketChunk | undefined
  #newest = NO_SEQUENCE

  /** `backend`: that of the sender. `close` ends the cache. */
  constructor(pool: PacketPool, backend: string) {
    this.#pool = pool
    this.#share = pool.open(backend)
  }

  /**
   * Keeps the packet of `length` bytes in a slot of `words`. One far behind the newest empties the cache: its sender started over.
   * Returns false if the packet is kept already. Per packet: allocates only for the first ones.
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
    return this.#newest === NO_SEQUENCE ? -1 : sequenceDistance(this.#newest, sequence)
  }

  /** Copies the packet to the first slot of `target`. Returns its length; 0 if it is not kept. */
  load(sequence: number, target: Int32Array): number {
    const chunk = this.#chunks[chunkOf(sequence)]
    const index = sequence & IN_CHUNK
    if (chunk === undefined || chunk.sequences[index] !== sequence) return 0
    const length = chunk.lengths[index]!
    copySlot(chunk.words, index, target, 0, length)
    return length
  }

  /** Bytes of the header of a packet that `load` found. */
  headerOf(sequence: number): number {
    return this.#chunks[chunkOf(sequence)]?.headers[sequence & IN_CHUNK] ?? 0
  }

  /** For `PacketPool`. */
  lost(place: number): void {
    if (this.#current === this.#chunks[place]) this.#current = undefined
    this.#chunks[place] = undefined
  }

  /** Gives its memory to others. Nothing is stored afterwards. */
  close(): void {
    for (const chunk of this.#chunks) if (chunk !== undefined) this.#pool.release(this.#share, chunk)
    this.#chunks.fill(undefined)
    this.#current = undefined
    this.#pool.close(this.#share)
  }

  /** Otherwise a lookup would find old packets under the current numbers. */
  #clear(): void {
    for (const chunk of this.#chunks) chunk?.sequences.fill(NO_SEQUENCE)
    this.#newest = NO_SEQUENCE
  }

  #put(sequence: number, words: Int32Array, slot: number, length: number, header: number): boolean {
    const place = chunkOf(sequence)
    const index = sequence & IN_CHUNK
    const chunk = this.#chunks[place] ?? this.#take(place)
    if (chunk.sequences[index] === sequence) return false
    copySlot(words, slot, chunk.words, index, length)
    chunk.lengths[index] = length
    chunk.headers[index] = header
    chunk.sequences[index] = sequence
    if (this.#newest === NO_SEQUENCE || sequenceDistance(sequence, this.#newest) > 0) {
      this.#newest = sequence
      if (chunk !== this.#current) this.#begin(chunk)
    }
    return true
  }

  #take(place: number): PacketChunk {
    const chunk = this.#pool.take(this.#share, this, place)
    this.#chunks[place] = chunk
    return chunk
  }

  /** The newest packets are in this chunk from now on: it is not the next that another stream takes. */
  #begin(chunk: PacketChunk): void {
    this.#current = chunk
    this.#share.renew(chunk)
  }
}
