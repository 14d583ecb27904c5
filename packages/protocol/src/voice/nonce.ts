// The nonces of packets from the node to a client. One key serves both directions, so they must not overlap with the client's.
//
// Clients count up from about zero, some big-endian, some little-endian. The 30-bit counter of the node is encoded with the top
// bits of the first and the last byte set, so that it is at least 2^31 in either byte order.

/** Nonces per key. After the last one the session needs a new key. */
export const SERVER_NONCES = 2 ** 30
/** Bytes of a nonce in a packet. */
export const SERVER_NONCE_LENGTH = 4

/** A random first counter in the lower quarter of the range, from 32 random bits. */
export const serverNonceStart = (random: number): number => random >>> 4

/** Writes the nonce of `counter` (0 … SERVER_NONCES − 1) to four bytes at `offset`. */
export function writeServerNonce(bytes: Uint8Array, offset: number, counter: number): void {
  bytes[offset] = 0x80 | ((counter >> 23) & 0x7f)
  bytes[offset + 1] = (counter >> 15) & 0xff
  bytes[offset + 2] = (counter >> 7) & 0xff
  bytes[offset + 3] = 0x80 | (counter & 0x7f)
}
