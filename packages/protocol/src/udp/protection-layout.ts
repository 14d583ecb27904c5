// The packet layout of each transport encryption mode: the clear part, the position of nonce and tag. Everything about a mode
// but its cipher is in this table.
//
//   tag last:   clear ‖ ciphertext ‖ tag ‖ trailer          tag first:   clear ‖ tag ‖ ciphertext ‖ trailer
import { RTCP_HEADER } from '../rtp/rtcp.ts'
import { RTP_CSRC_COUNT, RTP_EXTENSION_BIT, RTP_HEADER } from '../rtp/rtp.ts'
import { VoiceMode } from '../voice/voice.ts'

/** `xsalsa20-poly1305` is libsodium's secretbox in its "easy" form: tag, then ciphertext; no other bytes are authenticated. */
export type ProtectionCipher = 'aes-256-gcm' | 'xchacha20-poly1305' | 'xsalsa20-poly1305'

/** The layout of one mode. */
export interface ProtectionLayout {
  readonly cipher: ProtectionCipher
  /** Whether CSRCs and the first four bytes of the extension are clear, besides the fixed RTP header. */
  readonly isRtpsize: boolean
  /** Whether the clear part is authenticated. */
  readonly isClearAuthenticated: boolean
  /** Whether the tag precedes the ciphertext. */
  readonly isTagFirst: boolean
  /** Bytes of the cipher's nonce, zero-padded. */
  readonly nonceLength: 12 | 24
  /** Start of the nonce: the trailer of the packet, or its first 12 (RTCP: 8) bytes. */
  readonly nonceSource: 'trailer' | 'header'
  /** Bytes behind the ciphertext that hold the nonce. */
  readonly trailerLength: 0 | 4 | 24
}

/** Bytes of the key and of the tag, in every mode. */
export const PROTECTION_KEY_LENGTH = 32
export const PROTECTION_TAG_LENGTH = 16

/**
 * Parts that modes share: AEADs authenticate the clear part and put the tag last, secretbox does neither; `counted` is
 * a 4-byte nonce behind the ciphertext.
 */
const gcm = { cipher: 'aes-256-gcm', isClearAuthenticated: true, isTagFirst: false, nonceLength: 12 } as const
const xchacha = { ...gcm, cipher: 'xchacha20-poly1305', nonceLength: 24 } as const
const secretbox = {
  cipher: 'xsalsa20-poly1305',
  isClearAuthenticated: false,
  isTagFirst: true,
  nonceLength: 24,
} as const
const counted = { nonceSource: 'trailer', trailerLength: 4 } as const

/** The layouts by mode. */
export const PROTECTION_LAYOUTS: Readonly<Record<VoiceMode, ProtectionLayout>> = {
  [VoiceMode.AeadAes256GcmRtpsize]: { ...gcm, ...counted, isRtpsize: true },
  [VoiceMode.AeadXchacha20Poly1305Rtpsize]: { ...xchacha, ...counted, isRtpsize: true },
  [VoiceMode.Xsalsa20Poly1305LiteRtpsize]: { ...secretbox, ...counted, isRtpsize: true },
  [VoiceMode.AeadAes256Gcm]: { ...gcm, ...counted, isRtpsize: false },
  [VoiceMode.Xsalsa20Poly1305Lite]: { ...secretbox, ...counted, isRtpsize: false },
  [VoiceMode.Xsalsa20Poly1305Suffix]: { ...secretbox, nonceSource: 'trailer', trailerLength: 24, isRtpsize: false },
  [VoiceMode.Xsalsa20Poly1305]: { ...secretbox, nonceSource: 'header', trailerLength: 0, isRtpsize: false },
}

/**
 * Bytes of the clear part of the RTP packet at `offset`, which is the same in sealed and plain form. The caller ensures
 * RTP_HEADER bytes and compares the result with the length of the packet.
 */
export function clearRtpLength(layout: ProtectionLayout, bytes: Uint8Array, offset: number): number {
  if (!layout.isRtpsize) return RTP_HEADER
  const first = bytes[offset]!
  return RTP_HEADER + (first & RTP_CSRC_COUNT) * 4 + ((first & RTP_EXTENSION_BIT) !== 0 ? 4 : 0)
}

/** Bytes of the clear part of an RTCP compound, in every mode. */
export const CLEAR_RTCP_LENGTH = RTCP_HEADER

/** Bytes by which sealing lengthens a packet. */
export const protectionOverhead = (layout: ProtectionLayout): number => PROTECTION_TAG_LENGTH + layout.trailerLength

/**
 * Fills `nonce` (`layout.nonceLength` bytes, zero or filled by this function before) from the sealed packet of `length` bytes
 * at `offset`. `headerLength` is the part of the header that may be the nonce: RTP_HEADER or RTCP_HEADER.
 */
export function fillProtectionNonce(
  layout: ProtectionLayout,
  nonce: Uint8Array,
  bytes: Uint8Array,
  offset: number,
  length: number,
  headerLength: number,
): void {
  const isHeader = layout.nonceSource === 'header'
  const start = isHeader ? offset : offset + length - layout.trailerLength
  const size = isHeader ? headerLength : layout.trailerLength
  for (let index = 0; index < size; index++) nonce[index] = bytes[start + index]!
  if (isHeader) nonce.fill(0, size)
}
