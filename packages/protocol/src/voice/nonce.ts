// The nonces of packets from the node to a client. One key serves both directions, so they must stay clear of the clients' own.
//
// Clients count up from about zero, some big-endian, some little-endian. The node's counter of 30 bits is spread so that the
// first and the last byte have their top bits set: either reading of it is at least 2^31.

/** How many nonces one key has. After the last one the session needs a new key. */
export const SERVER_NONCES = 2 ** 30
/** Bytes that a nonce takes in a packet. */
export const SERVER_NONCE_LENGTH = 4

/** A start in the lower quarter of the nonces, from 32 random bits. */
export const serverNonceStart = (random: number): number => random >>> 4

/** Writes nonce number `counter` (0 … SERVER_NONCES − 1) to four bytes at `offset`. */
export function writeServerNonce(bytes: Uint8Array, offset: number, counter: number): void {
  bytes[offset] = 0x80 | ((counter >> 23) & 0x7f)
  bytes[offset + 1] = (counter >> 15) & 0xff
  bytes[offset + 2] = (counter >> 7) & 0xff
  bytes[offset + 3] = 0x80 | (counter & 0x7f)
}
