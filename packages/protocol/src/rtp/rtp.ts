// RTP packets (RFC 3550 §5.1): field offsets, header length, padding.
//
//   0  V=2 P X CC     1  M PT     2  u16 sequence     4  u32 timestamp     8  u32 ssrc
//  12  CC × u32 csrc [X: u16 profile, u16 words, words × 4 bytes of elements] payload [P: padding, its last byte is its length]

/** Byte offsets of fields in the fixed header. */
export const RTP_SEQUENCE = 2
export const RTP_TIMESTAMP = 4
export const RTP_SSRC = 8
/** Bytes of the fixed header. */
export const RTP_HEADER = 12
/** Bits of the first byte. */
export const RTP_PADDING_BIT = 0x20
export const RTP_EXTENSION_BIT = 0x10
export const RTP_CSRC_COUNT = 0x0f
/** Bits of the second byte. */
export const RTP_MARKER_BIT = 0x80
export const RTP_PAYLOAD_TYPE = 0x7f
/** The profile of one-byte extension elements (RFC 8285 §4.2). */
export const ONE_BYTE_EXTENSIONS = 0xbede

/** Payload type of Opus in every Discord client. */
export const OPUS_PAYLOAD_TYPE = 120
/** An Opus packet of silence; five of them end a talkspurt. */
export const OPUS_SILENCE: readonly number[] = [0xf8, 0xff, 0xfe]
/** Timestamp units of a 20 ms Opus frame at 48 kHz. */
export const OPUS_FRAME_TIMESTAMPS = 960

/**
 * Header length of the plain packet of `length` bytes at `offset`: fixed header, CSRCs and extension. −1 if it exceeds the packet.
 * Per packet: no allocation, no throw.
 */
export function rtpHeaderLength(view: DataView, offset: number, length: number): number {
  if (length < RTP_HEADER) return -1
  const first = view.getUint8(offset)
  let header = RTP_HEADER + (first & RTP_CSRC_COUNT) * 4
  if ((first & RTP_EXTENSION_BIT) !== 0) {
    if (header + 4 > length) return -1
    header += 4 + view.getUint16(offset + header + 2) * 4
  }
  return header <= length ? header : -1
}

/**
 * Padding length of a packet with a header of `header` bytes: 0 without the P bit, −1 if it is zero or reaches into the header.
 * Per packet: no allocation, no throw.
 */
export function rtpPaddingLength(view: DataView, offset: number, length: number, header: number): number {
  if ((view.getUint8(offset) & RTP_PADDING_BIT) === 0) return 0
  if (length <= header) return -1
  const padding = view.getUint8(offset + length - 1)
  return padding === 0 || header + padding > length ? -1 : padding
}

/** A decoded packet, for clients, tests and tools; the packet path works on bytes. */
export interface RtpPacket {
  /** 0–127. */
  payloadType: number
  /** 0–65535. */
  sequence: number
  /** Media time in units of the codec's clock: 48 kHz for Opus, 90 kHz for video. */
  timestamp: number
  ssrc: number
  /** Without header extension and padding. */
  payload: Uint8Array
  marker?: boolean | undefined
  csrcs?: readonly number[] | undefined
  /** Header extension (RFC 3550 §5.3.1); the length of `elements` is a multiple of four. */
  extension?: { profile: number; elements: Uint8Array } | undefined
  /** Bytes of padding to add, 0–255; absent in a decoded packet. */
  padding?: number | undefined
}

/**
 * Encodes a plain packet. The values are not checked: at most 15 CSRCs, and `elements` in whole words.
 *
 * @example
 * ```ts
 * import { encodeRtp, OPUS_PAYLOAD_TYPE, OPUS_SILENCE } from '@parley/protocol'
 *
 * const payload = Uint8Array.from(OPUS_SILENCE)
 * const packet = encodeRtp({ payloadType: OPUS_PAYLOAD_TYPE, sequence: 1, timestamp: 960, ssrc: 7, payload })
 * ```
 */
export function encodeRtp(packet: RtpPacket): Uint8Array {
  const { csrcs = [], extension, padding = 0, payload } = packet
  const header = RTP_HEADER + csrcs.length * 4 + (extension === undefined ? 0 : 4 + extension.elements.length)
  const bytes = new Uint8Array(header + payload.length + padding)
  const view = new DataView(bytes.buffer)
  bytes[0] = 0x80 | (padding > 0 ? RTP_PADDING_BIT : 0) | (extension ? RTP_EXTENSION_BIT : 0) | csrcs.length
  bytes[1] = (packet.marker ? RTP_MARKER_BIT : 0) | packet.payloadType
  view.setUint16(RTP_SEQUENCE, packet.sequence)
  view.setUint32(RTP_TIMESTAMP, packet.timestamp)
  view.setUint32(RTP_SSRC, packet.ssrc)
  for (const [index, csrc] of csrcs.entries()) view.setUint32(RTP_HEADER + index * 4, csrc)
  if (extension !== undefined) writeExtension(view, RTP_HEADER + csrcs.length * 4, extension)
  bytes.set(payload, header)
  if (padding > 0) bytes[bytes.length - 1] = padding
  return bytes
}

function writeExtension(view: DataView, offset: number, extension: NonNullable<RtpPacket['extension']>): void {
  view.setUint16(offset, extension.profile)
  view.setUint16(offset + 2, extension.elements.length / 4)
  for (const [index, byte] of extension.elements.entries()) view.setUint8(offset + 4 + index, byte)
}

/** Decodes a plain packet without its padding; undefined if it is not version 2, or its header or padding exceeds it. */
export function decodeRtp(bytes: Uint8Array): RtpPacket | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = rtpHeaderLength(view, 0, bytes.length)
  if (header < 0 || bytes[0]! >> 6 !== 2) return undefined
  const padding = rtpPaddingLength(view, 0, bytes.length, header)
  if (padding < 0) return undefined
  return {
    payloadType: bytes[1]! & RTP_PAYLOAD_TYPE,
    sequence: view.getUint16(RTP_SEQUENCE),
    timestamp: view.getUint32(RTP_TIMESTAMP),
    ssrc: view.getUint32(RTP_SSRC),
    payload: bytes.slice(header, bytes.length - padding),
    marker: (bytes[1]! & RTP_MARKER_BIT) !== 0,
    csrcs: Array.from({ length: bytes[0]! & RTP_CSRC_COUNT }, (_, index) => view.getUint32(RTP_HEADER + index * 4)),
    extension: readExtension(bytes, view, header),
  }
}

function readExtension(bytes: Uint8Array, view: DataView, header: number): RtpPacket['extension'] {
  if ((bytes[0]! & RTP_EXTENSION_BIT) === 0) return undefined
  const start = RTP_HEADER + (bytes[0]! & RTP_CSRC_COUNT) * 4
  return { profile: view.getUint16(start), elements: bytes.slice(start + 4, header) }
}
