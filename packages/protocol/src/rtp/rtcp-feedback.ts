// RTCP feedback (RFC 4585, RFC 5104, and the transport-wide congestion control draft): what receivers ask of senders.
//
//   0  V=2 P format     1  205 or 206     2  u16 words − 1     4  u32 sender ssrc     8  u32 media ssrc     12  what is asked
//   NACK: u16 sequence, u16 bits of those that follow     FIR: u32 ssrc, u8 number, 0 0 0     PLI: nothing
import { RTCP_SENDER_SSRC, RtcpType } from './rtcp.ts'

const FORMAT = { Nack: 1, TransportSequences: 15 } as const
const PAYLOAD_FORMAT = { PictureLoss: 1, FullIntra: 4 } as const
const MEDIA_SSRC = 8
const FEEDBACK_HEADER = 12
const NACK_ENTRY = 4
const FIR_ENTRY = 8

export const PICTURE_LOSS_LENGTH = FEEDBACK_HEADER

/** What a feedback packet asks, as numbers because the packet path compares them. */
export const FeedbackKind = { Other: 0, Nack: 1, Keyframe: 2 } as const
export type FeedbackKind = (typeof FeedbackKind)[keyof typeof FeedbackKind]

/** What the whole packet of `length` bytes at `offset` asks. Per packet: no allocation, no throw. */
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

/** The SSRC that a NACK or a keyframe request is about. FIR has it in its first entry. */
export function feedbackSsrc(view: DataView, offset: number): number {
  const isFir =
    view.getUint8(offset + 1) === RtcpType.PayloadFeedback &&
    (view.getUint8(offset) & 0x1f) === PAYLOAD_FORMAT.FullIntra
  return view.getUint32(offset + (isFir ? FEEDBACK_HEADER : MEDIA_SSRC))
}

/** How many entries a NACK of `length` bytes has, each of which asks for up to 17 packets. */
export const nackEntries = (length: number): number => Math.floor((length - FEEDBACK_HEADER) / NACK_ENTRY)

/** The first sequence of an entry, and in the bits of `nackBits` those up to 16 after it. */
export const nackSequence = (view: DataView, offset: number, entry: number): number =>
  view.getUint16(offset + FEEDBACK_HEADER + entry * NACK_ENTRY)
export const nackBits = (view: DataView, offset: number, entry: number): number =>
  view.getUint16(offset + FEEDBACK_HEADER + entry * NACK_ENTRY + 2)

/** Writes a picture loss indication of PICTURE_LOSS_LENGTH bytes: a request for a keyframe. */
export function writePictureLoss(view: DataView, offset: number, senderSsrc: number, mediaSsrc: number): number {
  writeHeader(view, offset, PAYLOAD_FORMAT.PictureLoss, RtcpType.PayloadFeedback, PICTURE_LOSS_LENGTH)
  view.setUint32(offset + RTCP_SENDER_SSRC, senderSsrc)
  view.setUint32(offset + MEDIA_SSRC, mediaSsrc)
  return PICTURE_LOSS_LENGTH
}

/** Writes a NACK for `count` of the sequences, which ascend. Returns its length, at most 12 + 4 × count. */
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

/** Packets that one transport feedback tells of at most here, and its longest bytes: status bits, deltas, padding. */
export const TRANSPORT_FEEDBACK_PACKETS = 256
export const LONGEST_TRANSPORT_FEEDBACK =
  20 + 2 * Math.ceil(TRANSPORT_FEEDBACK_PACKETS / 7) + 2 * TRANSPORT_FEEDBACK_PACKETS + 4

/** Of the draft: the reference time counts 64 ms, a delta 250 µs. */
const REFERENCE = 64
const TICKS_PER_MS = 4
const STATUS = { Missing: 0, Small: 1, Large: 2 } as const
const STATUS_PER_CHUNK = 7
const VECTOR_OF_TWO_BITS = 0xc000

export interface TransportArrivals {
  /** The first transport-wide sequence that is told of. */
  base: number
  /** By sequence from `base` on: milliseconds of arrival, NaN for what did not come. The first one came. */
  times: Float64Array
  /** How many of `times` count: 1 … TRANSPORT_FEEDBACK_PACKETS. */
  count: number
}

/**
 * Writes transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1). `number` counts the feedback
 * packets, in 8 bits. Returns its length, a multiple of four.
 */
export function writeTransportFeedback(
  view: DataView,
  ssrcs: { sender: number; media: number },
  arrivals: TransportArrivals,
  number: number,
): number {
  const { base, times, count } = arrivals
  const reference = Math.floor(times[0]! / REFERENCE)
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

function setStatus(view: DataView, index: number, status: number): void {
  const at = 20 + 2 * Math.floor(index / STATUS_PER_CHUNK)
  const shift = 2 * (STATUS_PER_CHUNK - 1 - (index % STATUS_PER_CHUNK))
  view.setUint16(at, view.getUint16(at) | (status << shift))
}

/** Fills up to a multiple of four, tells how much in the last byte, and writes the header. */
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
