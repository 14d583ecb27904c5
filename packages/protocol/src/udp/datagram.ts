// What kind of datagram arrived on the media port, told from its length and first bytes alone.

/** Kinds of datagram, as numbers because the packet path compares them. */
export const DatagramKind = {
  Unknown: 0,
  Discovery: 1,
  Ping: 2,
  Stun: 3,
  Dtls: 4,
  Rtcp: 5,
  Rtp: 6,
  Keepalive: 7,
} as const
export type DatagramKind = (typeof DatagramKind)[keyof typeof DatagramKind]

/** First word of the official client's ping, and of its answer; the second word is a sequence that is sent back. */
export const PING_REQUEST = 0x1337cafe
export const PING_RESPONSE = 0x1337f00d
/** Bytes of a ping and of its answer. */
export const PING_LENGTH = 8
/** The longest thing that counts as a keepalive. */
export const KEEPALIVE_LENGTH = 16
/** Bytes of a discovery request and of its answer. */
export const DISCOVERY_LENGTH = 74

const STUN_COOKIE = 0x2112a442
const STUN_HEADER = 20
/** A DTLS record has 13 bytes of header. Shorter datagrams that start alike are counters of keepalives (RFC 6347 §4.1). */
const SHORTEST_DTLS = 14
const SHORTEST_RTCP = 12
/** A bare header and an authentication tag. */
const SHORTEST_RTP = 12 + 16

/** Whether the second byte of a packet says RTCP rather than RTP: types 192 to 223 (RFC 5761 §4). */
export const isRtcpType = (second: number): boolean => second >= 192 && second <= 223

/**
 * Classifies the `length` bytes at `offset`. Per packet: no allocation, no throw. The second byte tells RTCP (192–223) from
 * RTP (RFC 5761 §4); the first byte tells the rest apart (RFC 7983).
 */
export function classifyDatagram(view: DataView, offset: number, length: number): DatagramKind {
  if (length < 2) return DatagramKind.Keepalive
  const first = view.getUint8(offset)
  if (first >= 128 && first <= 191) return classifyMedia(view.getUint8(offset + 1), length)
  if (length === DISCOVERY_LENGTH && view.getUint32(offset) === 0x0001_0046) return DatagramKind.Discovery
  if (length === PING_LENGTH && view.getUint32(offset) === PING_REQUEST) return DatagramKind.Ping
  if (first <= 3 && length >= STUN_HEADER && view.getUint32(offset + 4) === STUN_COOKIE) return DatagramKind.Stun
  if (first >= 20 && first <= 63 && length >= SHORTEST_DTLS) return DatagramKind.Dtls
  return classifyRest(length)
}

function classifyMedia(second: number, length: number): DatagramKind {
  if (isRtcpType(second) && length >= SHORTEST_RTCP) return DatagramKind.Rtcp
  if (length >= SHORTEST_RTP) return DatagramKind.Rtp
  return classifyRest(length)
}

const classifyRest = (length: number): DatagramKind =>
  length <= KEEPALIVE_LENGTH ? DatagramKind.Keepalive : DatagramKind.Unknown
