// The node's video payload types. Each client's own numbers are mapped to these and back.
// Discord's clients expect the same number for a codec from every sender, but each client names its own in ops 1 and 14
// or in its SDP.

/** By codec name in lower case. The payload type of its retransmissions (RFC 4588) is the next number. */
export const VIDEO_PAYLOAD_TYPES: Readonly<Record<string, number>> = {
  h264: 101,
  h265: 103,
  vp8: 105,
  vp9: 107,
  av1: 109,
}
/** Range of the types above and of their retransmissions: primary types are odd, those of retransmissions even. */
const FIRST = 101
const LAST = 110

/** Whether packets of this type are retransmissions (RFC 4588). */
export const isRtxType = (type: number): boolean => type >= FIRST && type <= LAST && (type & 1) === 0
/** The retransmission type of a type, and the reverse. */
export const rtxTypeOf = (type: number): number => type + 1
export const primaryTypeOf = (rtxType: number): number => rtxType - 1
