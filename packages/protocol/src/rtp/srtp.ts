// SRTP protection profiles (RFC 3711, RFC 7714): sizes, keying material, and the IVs of key derivation and packets.
import { RTCP_HEADER } from './rtcp.ts'
import { RTP_SEQUENCE, RTP_SSRC } from './rtp.ts'

/** Profile names of OpenSSL, in the node's order of preference: libsodium, which seals fastest, has AES-GCM with 256-bit keys only. */
export const SrtpProfile = {
  AeadAes256Gcm: 'SRTP_AEAD_AES_256_GCM',
  AeadAes128Gcm: 'SRTP_AEAD_AES_128_GCM',
  Aes128CmSha1: 'SRTP_AES128_CM_SHA1_80',
} as const
export type SrtpProfile = (typeof SrtpProfile)[keyof typeof SrtpProfile]

/** Sizes of a profile, in bytes. */
export interface SrtpLayout {
  /** Number in `use_srtp` (RFC 5764 §4.1.2, RFC 7714 §14.2). */
  readonly id: number
  readonly isGcm: boolean
  readonly keyLength: 16 | 32
  readonly saltLength: 12 | 14
  /** Authentication tag of SRTP and SRTCP packets. */
  readonly tagLength: 10 | 16
}

/** The layouts by profile. */
export const SRTP_LAYOUTS: Readonly<Record<SrtpProfile, SrtpLayout>> = {
  [SrtpProfile.AeadAes128Gcm]: { id: 7, isGcm: true, keyLength: 16, saltLength: 12, tagLength: 16 },
  [SrtpProfile.AeadAes256Gcm]: { id: 8, isGcm: true, keyLength: 32, saltLength: 12, tagLength: 16 },
  [SrtpProfile.Aes128CmSha1]: { id: 1, isGcm: false, keyLength: 16, saltLength: 14, tagLength: 10 },
}

/** Whether the node supports a profile of this name. */
export const isSrtpProfile = (name: string): name is SrtpProfile => Object.hasOwn(SRTP_LAYOUTS, name)

/** The profile with this number in `use_srtp`; undefined if it is not supported. */
export const srtpProfileOf = (id: number): SrtpProfile | undefined =>
  Object.values(SrtpProfile).find(profile => SRTP_LAYOUTS[profile].id === id)

/** DTLS exporter label of SRTP keying material (RFC 5764 §4.2). */
export const SRTP_EXPORTER_LABEL = 'EXTRACTOR-dtls_srtp'

/** Bytes of keying material to export: client key, server key, client salt, server salt. */
export const srtpMaterialLength = ({ keyLength, saltLength }: SrtpLayout): number => 2 * (keyLength + saltLength)

/** Master key and salt of one direction. */
export interface SrtpMasterKey {
  readonly key: Uint8Array
  /** 12 bytes (GCM) or 14 (AES-CM), see `SrtpLayout`. */
  readonly salt: Uint8Array
}

/** Splits exported keying material (RFC 5764 §4.2). A DTLS server opens with `client` and seals with `server`. */
export function cutSrtpMaterial(
  { keyLength, saltLength }: SrtpLayout,
  material: Uint8Array,
): { client: SrtpMasterKey; server: SrtpMasterKey } {
  const salts = 2 * keyLength
  return {
    client: { key: material.slice(0, keyLength), salt: material.slice(salts, salts + saltLength) },
    server: { key: material.slice(keyLength, salts), salt: material.slice(salts + saltLength, salts + 2 * saltLength) },
  }
}

/** Labels of the session keys (RFC 3711 §4.3.1). */
export const SrtpLabel = {
  RtpKey: 0,
  RtpAuthentication: 1,
  RtpSalt: 2,
  RtcpKey: 3,
  RtcpAuthentication: 4,
  RtcpSalt: 5,
} as const
export type SrtpLabel = (typeof SrtpLabel)[keyof typeof SrtpLabel]

/** First counter block of the AES-CTR keystream that is the derived key (RFC 3711 §4.3.3, key derivation rate 0). */
export function srtpDerivationBlock(salt: Uint8Array, label: SrtpLabel): Uint8Array {
  const block = new Uint8Array(16)
  block.set(salt)
  block[7]! ^= label
  return block
}

/** Bytes of the word that follows an SRTCP packet: E bit and index. */
export const SRTCP_INDEX_LENGTH = 4
/** E bit of that word: the packet is encrypted. */
export const SRTCP_ENCRYPTED = 0x8000_0000

/**
 * Fills the 12-byte IV of a GCM packet: `0000 ‖ ssrc ‖ roc ‖ sequence`, XOR the salt (RFC 7714 §8.1). The packet is at `offset`;
 * `roc` is its rollover counter.
 */
export function fillGcmRtpIv(iv: Uint8Array, salt: Uint8Array, bytes: Uint8Array, offset: number, roc: number): void {
  // Byte by byte: `set` takes longer for so few bytes.
  for (let at = 0; at < 2; at++) iv[at] = salt[at]!
  for (let at = 2; at < 6; at++) iv[at] = salt[at]! ^ bytes[offset + RTP_SSRC + at - 2]!
  for (let at = 6; at < 10; at++) iv[at] = salt[at]! ^ (roc >>> (8 * (9 - at)))
  for (let at = 10; at < 12; at++) iv[at] = salt[at]! ^ bytes[offset + RTP_SEQUENCE + at - 10]!
}

/** IV of a GCM SRTCP packet: `0000 ‖ ssrc ‖ 0000 ‖ index`, XOR the salt (RFC 7714 §9.1). */
export function fillGcmRtcpIv(
  iv: Uint8Array,
  salt: Uint8Array,
  bytes: Uint8Array,
  offset: number,
  index: number,
): void {
  iv.set(salt)
  xorBytes(iv, 2, bytes, offset + RTCP_HEADER - 4, 4)
  xorWord(iv, 8, index)
}

/** First counter block of an AES-CM packet: salt and two zeros, XOR SSRC at 4, index at 8 (RFC 3711 §4.1.1). */
export function fillCmRtpBlock(
  block: Uint8Array,
  salt: Uint8Array,
  bytes: Uint8Array,
  offset: number,
  roc: number,
): void {
  startCmBlock(block, salt)
  xorBytes(block, 4, bytes, offset + RTP_SSRC, 4)
  xorWord(block, 8, roc)
  xorBytes(block, 12, bytes, offset + RTP_SEQUENCE, 2)
}

/** First counter block of an AES-CM SRTCP packet, with the 31-bit index at 10. */
export function fillCmRtcpBlock(
  block: Uint8Array,
  salt: Uint8Array,
  bytes: Uint8Array,
  offset: number,
  index: number,
): void {
  startCmBlock(block, salt)
  xorBytes(block, 4, bytes, offset + RTCP_HEADER - 4, 4)
  xorWord(block, 10, index)
}

/** Salt in the first 14 bytes; the last two are the block counter, which starts at 0. */
function startCmBlock(block: Uint8Array, salt: Uint8Array): void {
  block.set(salt)
  block[14] = 0
  block[15] = 0
}

function xorBytes(target: Uint8Array, at: number, bytes: Uint8Array, from: number, length: number): void {
  for (let index = 0; index < length; index++) target[at + index]! ^= bytes[from + index]!
}

/** XORs a 32-bit number, big-endian. */
function xorWord(target: Uint8Array, at: number, word: number): void {
  target[at]! ^= word >>> 24
  target[at + 1]! ^= (word >>> 16) & 0xff
  target[at + 2]! ^= (word >>> 8) & 0xff
  target[at + 3]! ^= word & 0xff
}
