// STUN as a client uses it to learn its public address (RFC 8489 §5, §14.2): a binding request without credentials, and the answer.
// The layout of the message is in stun.ts.

const BINDING_REQUEST = 0x0001
const BINDING_RESPONSE = 0x0101
const COOKIE = 0x2112_a442
const HEADER = 20
const TRANSACTION = 8
const XOR_MAPPED_ADDRESS = 0x0020
/** Bytes of an address, by its family. */
const LENGTHS: Readonly<Record<number, number>> = { 1: 4, 2: 16 }

export const STUN_TRANSACTION_LENGTH = 12

/** The address from which a request arrived at the server: 4 bytes of IPv4 or 16 of IPv6. */
export interface MappedAddress {
  readonly address: Uint8Array
  readonly port: number
}

/** The transaction has 12 random bytes. */
export function encodeStunBinding(transaction: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, BINDING_REQUEST)
  view.setUint32(4, COOKIE)
  bytes.set(transaction, TRANSACTION)
  return bytes
}

/** Undefined if the datagram is not a successful answer to that transaction, or has no XOR-MAPPED-ADDRESS. */
export function readStunMapped(bytes: Uint8Array, transaction: Uint8Array): MappedAddress | undefined {
  if (bytes.length < HEADER) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint16(0) !== BINDING_RESPONSE || view.getUint32(4) !== COOKIE) return undefined
  if (bytes.length !== HEADER + view.getUint16(2)) return undefined
  for (let index = 0; index < STUN_TRANSACTION_LENGTH; index++)
    if (bytes[TRANSACTION + index] !== transaction[index]) return undefined
  for (let at = HEADER; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at + 2)
    if (at + 4 + length > bytes.length) return undefined
    if (view.getUint16(at) === XOR_MAPPED_ADDRESS) return mappedAt(view, bytes, at + 4, length)
    at += 4 + length + (-length & 3)
  }
  return undefined
}

/**
 * ```
 *   0  u8 zero     1  u8 family     2  u16 port ^ cookie     4  address ^ (cookie, transaction)
 * ```
 */
function mappedAt(view: DataView, bytes: Uint8Array, at: number, length: number): MappedAddress | undefined {
  if (length < 4 || LENGTHS[bytes[at + 1]!] !== length - 4) return undefined
  const address = Uint8Array.from({ length: length - 4 }, (_, index) => bytes[at + 4 + index]! ^ bytes[4 + index]!)
  return { address, port: view.getUint16(at + 2) ^ (COOKIE >>> 16) }
}
