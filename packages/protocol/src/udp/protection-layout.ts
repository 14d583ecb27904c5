// How each transport encryption mode lays out a packet: what stays clear, where nonce and tag are. Only the ciphers themselves
// differ by runtime; everything else about a mode is this table.
//
//   tag last:   clear ‖ ciphertext ‖ tag ‖ trailer          tag first:   clear ‖ tag ‖ ciphertext ‖ trailer
import { RTCP_HEADER } from '../rtp/rtcp.ts'
import { RTP_CSRC_COUNT, RTP_EXTENSION_BIT, RTP_HEADER } from '../rtp/rtp.ts'
import { VoiceMode } from '../voice/voice.ts'

/** `xsalsa20-poly1305` is libsodium's secretbox in its "easy" form: tag, then ciphertext, and nothing else authenticated. */
export type ProtectionCipher = 'aes-256-gcm' | 'xchacha20-poly1305' | 'xsalsa20-poly1305'

export interface ProtectionLayout {
  readonly cipher: ProtectionCipher
  /** Whether CSRCs and the extension's first four bytes are clear too, besides the fixed RTP header. */
  readonly isRtpsize: boolean
  /** Whether the clear part is authenticated. */
  readonly isClearAuthenticated: boolean
  readonly isTagFirst: boolean
  /** Bytes of the cipher's nonce. What the packet does not give of it is zero. */
  readonly nonceLength: 12 | 24
  /** What the nonce starts with: the packet's trailer, or its first 12 (RTCP: 8) bytes. */
  readonly nonceSource: 'trailer' | 'header'
  readonly trailerLength: 0 | 4 | 24
}

/** Bytes of every mode's key, and of its tag. */
export const PROTECTION_KEY_LENGTH = 32
export const PROTECTION_TAG_LENGTH = 16

const gcm = { cipher: 'aes-256-gcm', isClearAuthenticated: true, isTagFirst: false, nonceLength: 12 } as const
const xchacha = { ...gcm, cipher: 'xchacha20-poly1305', nonceLength: 24 } as const
const secretbox = {
  cipher: 'xsalsa20-poly1305',
  isClearAuthenticated: false,
  isTagFirst: true,
  nonceLength: 24,
} as const
const counted = { nonceSource: 'trailer', trailerLength: 4 } as const

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
 * Bytes of the RTP packet at `offset` that stay clear; they are the same in a sealed and in a plain packet. The caller checks
 * them against the packet's length, of which at least RTP_HEADER bytes must be there.
 */
export function clearRtpLength(layout: ProtectionLayout, bytes: Uint8Array, offset: number): number {
  if (!layout.isRtpsize) return RTP_HEADER
  const first = bytes[offset]!
  return RTP_HEADER + (first & RTP_CSRC_COUNT) * 4 + ((first & RTP_EXTENSION_BIT) !== 0 ? 4 : 0)
}

/** Bytes of an RTCP compound that stay clear, in every mode. */
export const CLEAR_RTCP_LENGTH = RTCP_HEADER

/** How many bytes longer a sealed packet is than the plain one. */
export const protectionOverhead = (layout: ProtectionLayout): number => PROTECTION_TAG_LENGTH + layout.trailerLength

/**
 * Fills `nonce` (`layout.nonceLength` bytes, all zero or filled by this function before) from the sealed packet of `length`
 * bytes at `offset`. `headerLength` is what the header gives where it is the source: RTP_HEADER or RTCP_HEADER.
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
