// The memory of a lane's packet caches: chunks of a few packets, of which there is a bounded number. A cache takes one when it has packets for
// it, so that a stream that sends little takes little; at the bound it takes the one that any cache began longest ago.
import { SLOT_WORDS } from '../../lane/batch.ts'
import { LIMITS } from '../../limits.ts'

/** Packets of one chunk, 16 KiB: a power of two. */
export const CHUNK_BITS = 3
export const CHUNK = 1 << CHUNK_BITS
export const NO_SEQUENCE = -1

/** Who has a chunk, and loses it to another. */
interface ChunkOwner {
  /** The chunk at this place is another one's from now on. */
  lost(place: number): void
}

export class PacketChunk {
  /** The packets, SLOT_WORDS each. */
  readonly words = new Int32Array(CHUNK * SLOT_WORDS)
  readonly lengths = new Int32Array(CHUNK)
  /** Bytes of each packet's header. */
  readonly headers = new Int32Array(CHUNK)
  /** NO_SEQUENCE: no packet. */
  readonly sequences = new Int32Array(CHUNK).fill(NO_SEQUENCE)
  owner: ChunkOwner | undefined
  /** Where its owner has it. */
  place = 0
  /** Neighbours in the order in which chunks were begun. */
  older: PacketChunk | undefined
  newer: PacketChunk | undefined
}

/** One per lane. Per packet: no call; a cache calls it once per chunk. */
export class PacketPool {
  readonly #most: number
  #size = 0
  #oldest: PacketChunk | undefined
  #newest: PacketChunk | undefined

  /** `packets`: the most that are kept. */
  constructor(packets: number = LIMITS.cachedPacketsPerLane) {
    this.#most = Math.max(1, Math.floor(packets / CHUNK))
  }

  /** Chunks that caches have. */
  get size(): number {
    return this.#size
  }

  /** An empty chunk, that of another cache where there are as many as there may be. */
  take(owner: ChunkOwner, place: number): PacketChunk {
    const oldest = this.#size < this.#most ? undefined : this.#oldest
    if (oldest !== undefined) {
      oldest.owner?.lost(oldest.place)
      this.release(oldest)
      oldest.sequences.fill(NO_SEQUENCE)
    }
    const chunk = oldest ?? new PacketChunk()
    chunk.owner = owner
    chunk.place = place
    this.#size++
    this.#append(chunk)
    return chunk
  }

  /** Its cache begins to fill the chunk again: it is the newest. */
  renew(chunk: PacketChunk): void {
    if (chunk === this.#newest) return
    this.#unlink(chunk)
    this.#append(chunk)
  }

  /** The cache has ended. */
  release(chunk: PacketChunk): void {
    chunk.owner = undefined
    this.#size--
    this.#unlink(chunk)
  }

  #append(chunk: PacketChunk): void {
    chunk.older = this.#newest
    if (this.#newest === undefined) this.#oldest = chunk
    else this.#newest.newer = chunk
    this.#newest = chunk
  }

  #unlink(chunk: PacketChunk): void {
    const { older, newer } = chunk
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    chunk.older = undefined
    chunk.newer = undefined
  }
}
