// The kind of a datagram on the media port, from its length and first bytes.
// One port carries everything: RTP, RTCP, STUN and DTLS by their first byte (RFC 7983), and Discord's discovery, ping
// and keepalive, which are recognised by length and first word.

/** Kinds of datagrams; numbers, because the packet path compares them. */
export const DatagramKind = {
  /** Matches nothing below; dropped and counted. */
  Unknown: 0,
  /** IP discovery, 74 bytes or a few more (discovery.ts). */
  Discovery: 1,
  /** The official client's ping, 8 bytes. */
  Ping: 2,
  /** First byte 0–3 and the magic cookie (RFC 8489 §5). */
  Stun: 3,
  /** First byte 20–63: a DTLS record. */
  Dtls: 4,
  /** First byte 128–191 and packet type 192–223. */
  Rtcp: 5,
  /** First byte 128–191, any other second byte. */
  Rtp: 6,
  /** At most 16 bytes that are none of the others: counters of old discord.js and others. */
  Keepalive: 7,
} as const
export type DatagramKind = (typeof DatagramKind)[keyof typeof DatagramKind]

/** First word of the official client's ping and of its answer. The second word is a sequence number, which is echoed. */
export const PING_REQUEST = 0x1337cafe
export const PING_RESPONSE = 0x1337f00d
/** Bytes of a ping and of its answer. */
export const PING_LENGTH = 8
/** Bytes of the longest keepalive. */
export const KEEPALIVE_LENGTH = 16
/** Bytes of a discovery request and of its answer. */
export const DISCOVERY_LENGTH = 74
/** Bytes of the longest request: hikari-wave counts its first four bytes twice. The answer is never longer than the request. */
export const LONGEST_DISCOVERY = 78

const STUN_COOKIE = 0x2112a442
const STUN_HEADER = 20
/** Header of a DTLS record and one byte (RFC 6347 §4.1). Shorter datagrams that start alike are keepalive counters. */
const MIN_DTLS = 14
const MIN_RTCP = 12
/** Fixed header and authentication tag. */
const MIN_RTP = 12 + 16

/** Whether the second byte of a packet is an RTCP packet type: 192 to 223 (RFC 5761 §4). */
export const isRtcpType = (second: number): boolean => second >= 192 && second <= 223

/**
 * Classifies the `length` bytes at `offset` by the first byte (RFC 7983), RTP and RTCP by the second (RFC 5761 §4). Per packet:
 * no allocation, no throw.
 */
export function classifyDatagram(view: DataView, offset: number, length: number): DatagramKind {
  if (length < 2) return DatagramKind.Keepalive
  const first = view.getUint8(offset)
  if (first >= 128 && first <= 191) return classifyMedia(view.getUint8(offset + 1), length)
  if (isDiscoveryLength(length) && view.getUint32(offset) === 0x0001_0046) return DatagramKind.Discovery
  if (length === PING_LENGTH && view.getUint32(offset) === PING_REQUEST) return DatagramKind.Ping
  if (first <= 3 && length >= STUN_HEADER && view.getUint32(offset + 4) === STUN_COOKIE) return DatagramKind.Stun
  if (first >= 20 && first <= 63 && length >= MIN_DTLS) return DatagramKind.Dtls
  return classifyRest(length)
}

const isDiscoveryLength = (length: number) => length >= DISCOVERY_LENGTH && length <= LONGEST_DISCOVERY

function classifyMedia(second: number, length: number): DatagramKind {
  if (isRtcpType(second) && length >= MIN_RTCP) return DatagramKind.Rtcp
  if (length >= MIN_RTP) return DatagramKind.Rtp
  return classifyRest(length)
}

const classifyRest = (length: number): DatagramKind =>
  length <= KEEPALIVE_LENGTH ? DatagramKind.Keepalive : DatagramKind.Unknown
