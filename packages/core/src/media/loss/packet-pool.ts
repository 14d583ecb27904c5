// The memory of a lane's packet caches: chunks of a few packets, of which there is a bounded number. A cache takes one when it has packets for
// it, so that a stream that sends little takes little. At the bound each backend has an equal share: a cache takes the chunk that was begun
// longest ago of those of the backend that has most.
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
  /** Neighbours in the order in which chunks of the backend were begun. */
  older: PacketChunk | undefined
  newer: PacketChunk | undefined
}

/** The chunks that the caches of one backend have. */
export class PoolShare {
  readonly backend: string
  /** Its caches. */
  caches = 0
  /** Chunks. */
  size = 0
  #oldest: PacketChunk | undefined
  #newest: PacketChunk | undefined

  constructor(backend: string) {
    this.backend = backend
  }

  get oldest(): PacketChunk | undefined {
    return this.#oldest
  }

  /** Its cache begins to fill the chunk again: it is the newest. */
  renew(chunk: PacketChunk): void {
    if (chunk === this.#newest) return
    this.remove(chunk)
    this.append(chunk)
  }

  append(chunk: PacketChunk): void {
    chunk.older = this.#newest
    if (this.#newest === undefined) this.#oldest = chunk
    else this.#newest.newer = chunk
    this.#newest = chunk
    this.size++
  }

  remove(chunk: PacketChunk): void {
    const { older, newer } = chunk
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    chunk.older = undefined
    chunk.newer = undefined
    this.size--
  }
}

/** One per lane. Per packet: no call; a cache calls it once per chunk. */
export class PacketPool {
  readonly #most: number
  /** Of backends that have caches. */
  readonly #shares: PoolShare[] = []
  #size = 0

  /** `packets`: the most that are kept. */
  constructor(packets: number = LIMITS.cachedPacketsPerLane) {
    this.#most = Math.max(1, Math.floor(packets / CHUNK))
  }

  /** Chunks that caches have. */
  get size(): number {
    return this.#size
  }
  /** Backends that have caches. */
  get backends(): number {
    return this.#shares.length
  }

  /** For a new cache of the backend; `close` ends it. */
  open(backend: string): PoolShare {
    const known = this.#shares.find(each => each.backend === backend)
    const share = known ?? new PoolShare(backend)
    if (known === undefined) this.#shares.push(share)
    share.caches++
    return share
  }

  /** A cache has ended, and released its chunks. */
  close(share: PoolShare): void {
    if (--share.caches === 0) this.#shares.splice(this.#shares.indexOf(share), 1)
  }

  /** An empty chunk for a cache of the share, that of another cache where there are as many as there may be. No allocation then. */
  take(share: PoolShare, owner: ChunkOwner, place: number): PacketChunk {
    const chunk = (this.#size < this.#most ? undefined : this.#reclaim(share)) ?? new PacketChunk()
    chunk.owner = owner
    chunk.place = place
    this.#size++
    share.append(chunk)
    return chunk
  }

  release(share: PoolShare, chunk: PacketChunk): void {
    chunk.owner = undefined
    this.#size--
    share.remove(chunk)
  }

  /** The oldest chunk of the backend that has most; of the own one, if no other has more. */
  #reclaim(own: PoolShare): PacketChunk | undefined {
    let busiest = own
    for (let index = 0; index < this.#shares.length; index++)
      if (this.#shares[index]!.size > busiest.size) busiest = this.#shares[index]!
    const { oldest } = busiest
    if (oldest === undefined) return undefined
    oldest.owner?.lost(oldest.place)
    this.release(busiest, oldest)
    oldest.sequences.fill(NO_SEQUENCE)
    return oldest
  }
}
