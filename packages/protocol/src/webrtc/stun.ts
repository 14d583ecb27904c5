// STUN for an ICE-lite agent (RFC 8489, RFC 8445): decodes binding requests, encodes responses.
//
//   0  u16 type     2  u16 length of the attributes     4  u32 cookie     8  12 bytes transaction id
//  20  attributes: u16 type, u16 length, value, zeros up to a multiple of 4
// The node is ICE-lite: it answers checks and sends none. `isStunGenuine` is separate from decoding because the key
// follows from the username: the receiver's part names the peer, whose password is the key (short-term credentials, RFC
// 8489 §9.1).
import { PROTOCOL_LIMITS } from '../limits.ts'
import { crc32 } from './crc32.ts'

const BINDING_REQUEST = 0x0001
const BINDING_RESPONSE = 0x0101
const COOKIE = 0x2112_a442
const HEADER = 20
const LENGTH = 2
const TRANSACTION = 8

const Attribute = {
  Username: 0x0006,
  MessageIntegrity: 0x0008,
  XorMappedAddress: 0x0020,
  UseCandidate: 0x0025,
  Fingerprint: 0x8028,
} as const

/** HMAC-SHA1 (RFC 8489 §14.5), and its attribute with type and length. */
const MAC_LENGTH = 20
const MAC_ATTRIBUTE = 4 + MAC_LENGTH
const FINGERPRINT_ATTRIBUTE = 8
/** The CRC is XORed with ASCII "STUN", so that it differs from a CRC of the application (RFC 8489 §14.7). */
const FINGERPRINT_MASK = 0x5354_554e
/** HMAC-SHA1 of the first `length` bytes under `key`: 20 bytes. */
export type StunMac = (key: Uint8Array, bytes: Uint8Array, length: number) => Uint8Array

/** A well-formed binding request. `isStunGenuine` authenticates it. */
export interface StunRequest {
  /** The two ICE ufrags: `<receiver>:<sender>`. */
  readonly username: string
  /** Whether USE-CANDIDATE is present (RFC 8445 §7.1.2). */
  readonly useCandidate: boolean
  /** Offset of MESSAGE-INTEGRITY from the start of the message. */
  readonly integrityAt: number
}

/** Decodes a datagram; undefined if it is not a binding request with USERNAME, MESSAGE-INTEGRITY and a valid FINGERPRINT. */
export function readStunRequest(bytes: Uint8Array): StunRequest | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!isFramed(view, bytes)) return undefined
  let username: string | undefined
  let useCandidate = false
  let integrityAt = -1
  const end = bytes.length - FINGERPRINT_ATTRIBUTE
  for (let at = HEADER; at < end; ) {
    const type = view.getUint16(at)
    const length = view.getUint16(at + 2)
    const next = at + 4 + length + (-length & 3)
    if (next > end) return undefined
    // An attribute behind MESSAGE-INTEGRITY is not authenticated.
    if (integrityAt >= 0) return undefined
    if (type === Attribute.Username) username = asciiOf(bytes, at + 4, length)
    else if (type === Attribute.UseCandidate) useCandidate = true
    else if (type === Attribute.MessageIntegrity && length === MAC_LENGTH) integrityAt = at
    at = next
  }
  return username === undefined || integrityAt < 0 ? undefined : { username, useCandidate, integrityAt }
}

/** Checks length, type and cookie, and that FINGERPRINT is last and valid. */
function isFramed(view: DataView, bytes: Uint8Array): boolean {
  if (bytes.length < HEADER + FINGERPRINT_ATTRIBUTE || bytes.length !== HEADER + view.getUint16(LENGTH)) return false
  if (bytes.length % 4 !== 0 || view.getUint16(0) !== BINDING_REQUEST || view.getUint32(4) !== COOKIE) return false
  const at = bytes.length - FINGERPRINT_ATTRIBUTE
  if (view.getUint16(at) !== Attribute.Fingerprint || view.getUint16(at + 2) !== 4) return false
  return view.getUint32(at + 4) === fingerprintOf(bytes, at)
}

/** Whether the MESSAGE-INTEGRITY at an offset verifies under `key`, of a request or a response. The comparison takes constant time. */
export function isStunGenuine(
  bytes: Uint8Array,
  { integrityAt }: Pick<StunRequest, 'integrityAt'>,
  key: Uint8Array,
  mac: StunMac,
): boolean {
  const signed = bytes.slice(0, integrityAt)
  // The length field counts up to MESSAGE-INTEGRITY (RFC 8489 §14.5).
  new DataView(signed.buffer).setUint16(LENGTH, integrityAt + MAC_ATTRIBUTE - HEADER)
  const expected = mac(key, signed, integrityAt)
  let difference = 0
  for (let index = 0; index < MAC_LENGTH; index++) difference |= expected[index]! ^ bytes[integrityAt + 4 + index]!
  return difference === 0
}

/** Encodes the response with the source address of the request: 4 bytes of IPv4 or 16 of IPv6. */
export function encodeStunResponse(
  request: Uint8Array,
  address: Uint8Array,
  port: number,
  key: Uint8Array,
  mac: StunMac,
): Uint8Array {
  const mapped = 8 + address.length
  const integrityAt = HEADER + mapped
  const bytes = new Uint8Array(integrityAt + MAC_ATTRIBUTE + FINGERPRINT_ATTRIBUTE)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, BINDING_RESPONSE)
  view.setUint32(4, COOKIE)
  bytes.set(request.subarray(TRANSACTION, HEADER), TRANSACTION)
  writeMapped(bytes, view, address, port)
  sign(bytes, view, integrityAt, key, mac)
  return bytes
}

/** XOR-MAPPED-ADDRESS (RFC 8489 §14.2): the address is XORed with cookie and transaction id. */
function writeMapped(bytes: Uint8Array, view: DataView, address: Uint8Array, port: number): void {
  view.setUint16(HEADER, Attribute.XorMappedAddress)
  view.setUint16(HEADER + 2, 4 + address.length)
  bytes[HEADER + 5] = address.length === 4 ? 1 : 2
  view.setUint16(HEADER + 6, port ^ (COOKIE >>> 16))
  for (const [index, byte] of address.entries()) bytes[HEADER + 8 + index] = byte ^ bytes[4 + index]!
}

/** Writes MESSAGE-INTEGRITY at `at` and FINGERPRINT behind it, each computed over its own message length. */
function sign(bytes: Uint8Array, view: DataView, at: number, key: Uint8Array, mac: StunMac): void {
  view.setUint16(LENGTH, at + MAC_ATTRIBUTE - HEADER)
  view.setUint16(at, Attribute.MessageIntegrity)
  view.setUint16(at + 2, MAC_LENGTH)
  bytes.set(mac(key, bytes, at), at + 4)
  const fingerprintAt = at + MAC_ATTRIBUTE
  view.setUint16(LENGTH, fingerprintAt + FINGERPRINT_ATTRIBUTE - HEADER)
  view.setUint16(fingerprintAt, Attribute.Fingerprint)
  view.setUint16(fingerprintAt + 2, 4)
  view.setUint32(fingerprintAt + 4, fingerprintOf(bytes, fingerprintAt))
}

/** Encodes a connectivity check, for clients and tests. */
export function encodeStunRequest(
  check: { transaction: Uint8Array; username: string; useCandidate: boolean },
  key: Uint8Array,
  mac: StunMac,
): Uint8Array {
  const { transaction, username, useCandidate } = check
  const padded = username.length + (-username.length & 3)
  const integrityAt = HEADER + 4 + padded + (useCandidate ? 4 : 0)
  const bytes = new Uint8Array(integrityAt + MAC_ATTRIBUTE + FINGERPRINT_ATTRIBUTE)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, BINDING_REQUEST)
  view.setUint32(4, COOKIE)
  bytes.set(transaction, TRANSACTION)
  view.setUint16(HEADER, Attribute.Username)
  view.setUint16(HEADER + 2, username.length)
  for (let index = 0; index < username.length; index++) bytes[HEADER + 4 + index] = username.charCodeAt(index)
  if (useCandidate) view.setUint16(integrityAt - 4, Attribute.UseCandidate)
  sign(bytes, view, integrityAt, key, mac)
  return bytes
}

const fingerprintOf = (bytes: Uint8Array, length: number) => (crc32(bytes, 0, length) ^ FINGERPRINT_MASK) >>> 0

function asciiOf(bytes: Uint8Array, at: number, length: number): string | undefined {
  return length > PROTOCOL_LIMITS.stunUsername ? undefined : String.fromCharCode(...bytes.subarray(at, at + length))
}
