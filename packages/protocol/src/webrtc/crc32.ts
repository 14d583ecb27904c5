// CRC-32 for STUN FINGERPRINT (RFC 8489 §14.7; polynomial of ISO 3309).

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1
  return value
})

/** CRC-32 of `length` bytes at `offset`, unsigned. Per packet: no allocation. */
export function crc32(bytes: Uint8Array, offset: number, length: number): number {
  let value = -1
  for (let index = offset; index < offset + length; index++)
    value = (value >>> 8) ^ TABLE[(value ^ bytes[index]!) & 0xff]!
  return ~value >>> 0
}
