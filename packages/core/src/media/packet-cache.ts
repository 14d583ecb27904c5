// The last packets of one video source, to be sent again to who asks for them. In the node's own form, plain.
import { sequenceDistance } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { SLOT } from './packet-io.ts'

/** Some two seconds of a busy camera; a power of two, so that sequences find their place. */
const PACKETS = LIMITS.cachedPackets
const NONE = -1

export class PacketCache {
  readonly #bytes = new Uint8Array(PACKETS * SLOT)
  readonly #lengths = new Int32Array(PACKETS)
  readonly #headers = new Int32Array(PACKETS)
  readonly #sequences = new Int32Array(PACKETS).fill(NONE)
  #newest = NONE

  /** Keeps a packet of `length` bytes at `offset`. Returns false if it is here already. Per packet: no allocation. */
  store(sequence: number, bytes: Uint8Array, offset: number, length: number, header: number): boolean {
    const place = sequence & (PACKETS - 1)
    if (this.#sequences[place] === sequence) return false
    // What comes so late that another took its place would only push that one out.
    if (this.#newest !== NONE && sequenceDistance(sequence, this.#newest) <= -PACKETS) return false
    this.#bytes.set(bytes.subarray(offset, offset + length), place * SLOT)
    this.#lengths[place] = length
    this.#headers[place] = header
    this.#sequences[place] = sequence
    if (this.#newest === NONE || sequenceDistance(sequence, this.#newest) > 0) this.#newest = sequence
    return true
  }

  /** Copies the packet to `target` at `offset`. Returns its length; 0 if it is gone. */
  load(sequence: number, target: Uint8Array, offset: number): number {
    const place = sequence & (PACKETS - 1)
    if (this.#sequences[place] !== sequence) return 0
    const length = this.#lengths[place]!
    target.set(this.#bytes.subarray(place * SLOT, place * SLOT + length), offset)
    return length
  }

  /** Bytes of the header of a packet that `load` found. */
  headerOf(sequence: number): number {
    return this.#headers[sequence & (PACKETS - 1)]!
  }
}
