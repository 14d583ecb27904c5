// A batch of a single slot, for packets that the lane makes itself.
import { ADDRESS_WORDS, type Batch, SLOT } from './packet-io.ts'

export function oneSlot(): Batch {
  const bytes = new Uint8Array(SLOT)
  const view = new DataView(bytes.buffer)
  const waited = new Int32Array(1)
  return {
    bytes,
    view,
    count: 1,
    lengths: new Int32Array(1),
    addresses: new Int32Array(ADDRESS_WORDS),
    waited,
    lost: 0,
  }
}
