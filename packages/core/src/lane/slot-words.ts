// The slots of batches as 32-bit words: a packet copied by them makes no object, as a view of a part of its bytes would be.
import { type Batch, SLOT } from './packet-io.ts'

/** Words of one slot. */
export const SLOT_WORDS = SLOT / 4

/** Knows the last batch that it was asked for; others cost a view. */
export class SlotWords {
  #bytes: Uint8Array | undefined
  #words: Int32Array = new Int32Array(0)

  of({ bytes }: Batch): Int32Array {
    if (bytes === this.#bytes) return this.#words
    this.#bytes = bytes
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
    return this.#words
  }
}

/** Copies the first `length` bytes of a slot, and what fills up the last word. */
export function copySlot(from: Int32Array, slot: number, to: Int32Array, place: number, length: number): void {
  const words = (length + 3) >> 2
  const start = slot * SLOT_WORDS
  const target = place * SLOT_WORDS
  for (let word = 0; word < words; word++) to[target + word] = from[start + word]!
}
