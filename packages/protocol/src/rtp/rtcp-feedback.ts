// RTCP feedback: NACK and PLI (RFC 4585), FIR (RFC 5104), transport-wide feedback (draft-holmer-rmcat-transport-wide-cc).
//
//   0  V=2 P format     1  205 or 206     2  u16 words − 1     4  u32 sender ssrc     8  u32 media ssrc     12  feedback control information
//   NACK: u16 sequence, u16 bits of those that follow     FIR: u32 ssrc, u8 number, 0 0 0     PLI: empty
import { PROTOCOL_LIMITS } from '../limits.ts'
import { RTCP_SENDER_SSRC, RtcpType } from './rtcp.ts'

/** Feedback message types of packet type 205 (RFC 4585 §6.2) … */
const FORMAT = { Nack: 1, TransportSequences: 15 } as const
/** … and of 206 (RFC 4585 §6.3, RFC 5104 §4.3). */
const PAYLOAD_FORMAT = { PictureLoss: 1, FullIntra: 4 } as const
const MEDIA_SSRC = 8
const FEEDBACK_HEADER = 12
const NACK_ENTRY = 4
const FIR_ENTRY = 8

/** Bytes of a picture loss indication. */
export const PICTURE_LOSS_LENGTH = FEEDBACK_HEADER

/** Kinds of feedback; numbers, because the packet path compares them. */
export const FeedbackKind = { Other: 0, Nack: 1, Keyframe: 2 } as const
export type FeedbackKind = (typeof FeedbackKind)[keyof typeof FeedbackKind]

/** The kind of the packet of `length` bytes at `offset`. Per packet: no allocation, no throw. */
export function feedbackKind(view: DataView, offset: number, length: number): FeedbackKind {
  if (length < FEEDBACK_HEADER) return FeedbackKind.Other
  const type = view.getUint8(offset + 1)
  const format = view.getUint8(offset) & 0x1f
  if (type === RtcpType.TransportFeedback) return format === FORMAT.Nack ? FeedbackKind.Nack : FeedbackKind.Other
  if (type !== RtcpType.PayloadFeedback) return FeedbackKind.Other
  const isKeyframe = format === PAYLOAD_FORMAT.PictureLoss || isWholeFir(format, length)
  return isKeyframe ? FeedbackKind.Keyframe : FeedbackKind.Other
}

const isWholeFir = (format: number, length: number) =>
  format === PAYLOAD_FORMAT.FullIntra && length >= FEEDBACK_HEADER + FIR_ENTRY

/** The media SSRC of a NACK or keyframe request; of a FIR that of its first entry. */
export function feedbackSsrc(view: DataView, offset: number): number {
  const isFir =
    view.getUint8(offset + 1) === RtcpType.PayloadFeedback &&
    (view.getUint8(offset) & 0x1f) === PAYLOAD_FORMAT.FullIntra
  return view.getUint32(offset + (isFir ? FEEDBACK_HEADER : MEDIA_SSRC))
}

/** Number of entries of a NACK of `length` bytes; each requests up to 17 packets. */
export const nackEntries = (length: number): number => Math.floor((length - FEEDBACK_HEADER) / NACK_ENTRY)

/** The first sequence number of an entry; `nackBits` flags the 16 after it. */
export const nackSequence = (view: DataView, offset: number, entry: number): number =>
  view.getUint16(offset + FEEDBACK_HEADER + entry * NACK_ENTRY)
export const nackBits = (view: DataView, offset: number, entry: number): number =>
  view.getUint16(offset + FEEDBACK_HEADER + entry * NACK_ENTRY + 2)

/** Writes a picture loss indication (PLI) of PICTURE_LOSS_LENGTH bytes, which requests a keyframe. */
export function writePictureLoss(view: DataView, offset: number, senderSsrc: number, mediaSsrc: number): number {
  writeHeader(view, offset, PAYLOAD_FORMAT.PictureLoss, RtcpType.PayloadFeedback, PICTURE_LOSS_LENGTH)
  view.setUint32(offset + RTCP_SENDER_SSRC, senderSsrc)
  view.setUint32(offset + MEDIA_SSRC, mediaSsrc)
  return PICTURE_LOSS_LENGTH
}

/** Writes a NACK for the first `count` sequence numbers, in ascending order. Returns its length, at most 12 + 4 × count. */
export function writeNack(
  view: DataView,
  offset: number,
  ssrcs: { sender: number; media: number },
  sequences: Int32Array,
  count: number,
): number {
  let at = offset + FEEDBACK_HEADER
  for (let index = 0; index < count; at += NACK_ENTRY) {
    const first = sequences[index++]!
    let bits = 0
    for (; index < count; index++) {
      const behind = (sequences[index]! - first) & 0xffff
      if (behind < 1 || behind > 16) break
      bits |= 1 << (behind - 1)
    }
    view.setUint16(at, first)
    view.setUint16(at + 2, bits)
  }
  writeHeader(view, offset, FORMAT.Nack, RtcpType.TransportFeedback, at - offset)
  view.setUint32(offset + RTCP_SENDER_SSRC, ssrcs.sender)
  view.setUint32(offset + MEDIA_SSRC, ssrcs.media)
  return at - offset
}

/** Packets that one transport feedback covers at most. */
export const TRANSPORT_FEEDBACK_PACKETS = PROTOCOL_LIMITS.feedbackPackets
/** Bytes of the longest transport feedback: header, status chunks, deltas, padding. */
export const MAX_TRANSPORT_FEEDBACK_LENGTH =
  20 + 2 * Math.ceil(TRANSPORT_FEEDBACK_PACKETS / 7) + 2 * TRANSPORT_FEEDBACK_PACKETS + 4

/** Units of the draft: 64 ms for the reference time, 250 µs for a delta. */
const REFERENCE = 64
const TICKS_PER_MS = 4
/**
 * Packet status symbols, two bits each, seven to a chunk (§3.1.1 and §3.1.4 of the draft). Small deltas take a byte,
 * large ones two.
 */
const STATUS = { Missing: 0, Small: 1, Large: 2 } as const
const STATUS_PER_CHUNK = 7
const VECTOR_OF_TWO_BITS = 0xc000

/** Arrival times of consecutive packets. */
export interface TransportArrivals {
  /** Transport-wide sequence number of the first packet. */
  base: number
  /** Arrival times in milliseconds by sequence number from `base`, NaN for missing packets. One at least is not missing. */
  times: Float64Array
  /** Number of valid entries of `times`: 1 … TRANSPORT_FEEDBACK_PACKETS. */
  count: number
}

/**
 * Writes a transport-wide feedback packet (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1). `number` counts the feedback
 * packets modulo 256. Returns its length, a multiple of four.
 */
export function writeTransportFeedback(
  view: DataView,
  ssrcs: { sender: number; media: number },
  arrivals: TransportArrivals,
  number: number,
): number {
  const { base, times, count } = arrivals
  let first = 0
  while (Number.isNaN(times[first]!)) first++
  const reference = Math.floor(times[first]! / REFERENCE)
  view.setUint32(RTCP_SENDER_SSRC, ssrcs.sender)
  view.setUint32(MEDIA_SSRC, ssrcs.media)
  view.setUint16(12, base)
  view.setUint16(14, count)
  view.setUint32(16, ((reference & 0xff_ffff) << 8) | (number & 0xff))
  const chunks = Math.ceil(count / STATUS_PER_CHUNK)
  for (let chunk = 0; chunk < chunks; chunk++) view.setUint16(20 + 2 * chunk, VECTOR_OF_TWO_BITS)
  let at = 20 + 2 * chunks
  let last = reference * REFERENCE * TICKS_PER_MS
  for (let index = 0; index < count; index++) {
    if (Number.isNaN(times[index]!)) continue
    const delta = Math.max(-0x8000, Math.min(0x7fff, Math.round(times[index]! * TICKS_PER_MS) - last))
    last += delta
    const isSmall = delta >= 0 && delta <= 0xff
    setStatus(view, index, isSmall ? STATUS.Small : STATUS.Large)
    if (isSmall) view.setUint8(at++, delta)
    else {
      view.setInt16(at, delta)
      at += 2
    }
  }
  return pad(view, at)
}

/** Sets the symbol of packet `index`. The chunks were written as "missing" before. */
function setStatus(view: DataView, index: number, status: number): void {
  const at = 20 + 2 * Math.floor(index / STATUS_PER_CHUNK)
  const shift = 2 * (STATUS_PER_CHUNK - 1 - (index % STATUS_PER_CHUNK))
  view.setUint16(at, view.getUint16(at) | (status << shift))
}

/** Pads to a multiple of four, with the padding length in the last byte, and writes the header. */
function pad(view: DataView, end: number): number {
  const padding = -end & 3
  for (let index = 0; index < padding; index++) view.setUint8(end + index, index === padding - 1 ? padding : 0)
  writeHeader(view, 0, FORMAT.TransportSequences, RtcpType.TransportFeedback, end + padding)
  if (padding > 0) view.setUint8(0, view.getUint8(0) | 0x20)
  return end + padding
}

function writeHeader(view: DataView, offset: number, format: number, type: number, length: number): void {
  view.setUint8(offset, 0x80 | format)
  view.setUint8(offset + 1, type)
  view.setUint16(offset + 2, length / 4 - 1)
}
