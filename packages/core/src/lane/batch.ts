// Batches that no engine reads: for packets that the lane makes itself, or keeps.
import { ADDRESS_WORDS, type Batch, SLOT } from './packet-io.ts'

/** A batch with so many slots, none of them used. */
export function createBatch(slots: number): Batch {
  const bytes = new Uint8Array(slots * SLOT)
  return {
    bytes,
    view: new DataView(bytes.buffer),
    count: 0,
    lengths: new Int32Array(slots),
    addresses: new Int32Array(slots * ADDRESS_WORDS),
    waited: new Int32Array(slots),
    lost: 0,
  }
}
