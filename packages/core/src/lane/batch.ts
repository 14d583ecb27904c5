// A batch of datagrams in a slab of fixed slots: what packet engines read into and the router works on.

/** Bytes of one slot. A longer datagram is cut; `lengths` then holds its full length, so that it can be dropped. */
export const SLOT = 2048
/** 32-bit words of one slot. */
export const SLOT_WORDS = SLOT / 4
/** The most datagrams of one batch. */
export const BATCH = 64
/**
 * 32-bit words of one remote address in `Batch.addresses`: four of IPv6 (IPv4 as ::ffff:a.b.c.d), one of port, one that names the
 * local address. Only the first IDENTITY_WORDS distinguish addresses.
 */
export const ADDRESS_WORDS = 6
export const IDENTITY_WORDS = 5
/** The word of the port. */
export const ADDRESS_PORT = 4
/**
 * The word of the local address that a datagram came to, as the engine numbers its own: what is sent to the remote address leaves
 * from there. 0 lets the system choose.
 */
export const ADDRESS_LOCAL = 5

/** Datagrams of one wake-up. Valid only during the call it is passed to. */
export interface Batch {
  /** Slot i starts at i × SLOT. */
  readonly bytes: Uint8Array
  /** Over the same bytes. */
  readonly view: DataView
  /** Over the same bytes, in the byte order of the machine: for copies, which would allocate with a view of a part. */
  readonly words: Int32Array
  count: number
  /** Bytes of each slot's datagram. `PacketIo.open` shortens it to header and payload. */
  readonly lengths: Int32Array
  /** ADDRESS_WORDS per slot: the address of the sender, and the local address that the datagram came to. */
  readonly addresses: Int32Array
  /** Milliseconds that each datagram waited in the socket before it was read; 0 where the engine cannot tell. */
  readonly waited: Int32Array
  /** Datagrams for which the socket had no room, since the last batch that counted them. */
  lost: number
}

/** An empty batch of `slots` slots, in `bytes` if given: at a multiple of four, SLOT bytes per slot. */
export function createBatch(slots: number = BATCH, bytes: Uint8Array = new Uint8Array(slots * SLOT)): Batch {
  return {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    words: new Int32Array(bytes.buffer, bytes.byteOffset, slots * SLOT_WORDS),
    count: 0,
    lengths: new Int32Array(slots),
    addresses: new Int32Array(slots * ADDRESS_WORDS),
    waited: new Int32Array(slots),
    lost: 0,
  }
}

/** Copies the first `length` bytes of slot `from` to slot `to` of another slab, in whole words. Per packet: no allocation. */
export function copySlot(source: Int32Array, from: number, target: Int32Array, to: number, length: number): void {
  const words = (length + 3) >> 2
  const start = from * SLOT_WORDS
  const place = to * SLOT_WORDS
  for (let word = 0; word < words; word++) target[place + word] = source[start + word]!
}
