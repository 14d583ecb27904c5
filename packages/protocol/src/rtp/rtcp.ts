// RTCP packets (RFC 3550 §6.4, §6.5): compounds, sender and receiver reports, source descriptions.
//
//   0  V=2 P count     1  packet type     2  u16 words − 1     4  u32 sender ssrc
//   sender report:  8  u32 u32 NTP     16  u32 RTP timestamp     20  u32 packets     24  u32 octets     28  count × block
//   receiver report:  8  count × block
//   block:  0  u32 ssrc  4  u8 fraction lost, i24 lost  8  u32 highest  12  u32 jitter  16  u32 last SR  20  u32 delay
//   source description:  4  count × (u32 ssrc, u8 item, u8 length, text, zeros up to a multiple of four, at least one)

/**
 * Packet types (RFC 3550 §12.1; 205 and 206: RFC 4585 §6.1). Their range, 192 to 223, tells RTCP from RTP on one port.
 */
export const RtcpType = {
  SenderReport: 200,
  ReceiverReport: 201,
  SourceDescription: 202,
  TransportFeedback: 205,
  PayloadFeedback: 206,
} as const
export type RtcpType = (typeof RtcpType)[keyof typeof RtcpType]

/** Bytes of the common header with the sender SSRC: the clear part of a sealed compound. */
export const RTCP_HEADER = 8
/** Offset of the sender's SSRC. */
export const RTCP_SENDER_SSRC = 4
/** Bytes of a sender report before its blocks, and of one block. */
export const SENDER_REPORT_LENGTH = 28
export const REPORT_BLOCK_LENGTH = 24
const NTP_TIME = 8
const TIMESTAMP = 16
const PACKETS = 20
const OCTETS = 24
/** Units of an NTP fraction in a second. */
const FRACTION = 2 ** 32
/** Bits of the first byte: the number of blocks or chunks, the format of feedback. */
export const RTCP_COUNT = 0x1f
/** Blocks of one report, or chunks of one source description, at most: the count has five bits. */
export const MAX_REPORT_BLOCKS = 31

/**
 * Length of the first packet of the compound of `length` bytes at `offset`; −1 if it is not version 2, shorter than its header
 * or longer than the compound.
 */
export function rtcpPacketLength(view: DataView, offset: number, length: number): number {
  if (length < 4 || view.getUint8(offset) >> 6 !== 2) return -1
  const size = (view.getUint16(offset + 2) + 1) * 4
  return size <= length ? size : -1
}

/** Packet type of the packet at `offset`. */
export const rtcpPacketType = (view: DataView, offset: number): number => view.getUint8(offset + 1)

/** Number of report blocks that the packet announces. */
export const rtcpCount = (view: DataView, offset: number): number => view.getUint8(offset) & RTCP_COUNT

/**
 * Where the report blocks of the packet of `length` bytes at `offset` start; −1 if it is not a report, or has less room than it
 * announces. Per packet: no allocation.
 */
export function reportBlocksOffset(view: DataView, offset: number, length: number): number {
  const type = rtcpPacketType(view, offset)
  if (type !== RtcpType.SenderReport && type !== RtcpType.ReceiverReport) return -1
  const head = type === RtcpType.SenderReport ? SENDER_REPORT_LENGTH : RTCP_HEADER
  return head + rtcpCount(view, offset) * REPORT_BLOCK_LENGTH <= length ? offset + head : -1
}

/** Fields of the report block at `offset`: its source, the fraction lost in 1/256, the extended highest sequence. */
export const blockSsrc = (view: DataView, offset: number): number => view.getUint32(offset)
export const blockFractionLost = (view: DataView, offset: number): number => view.getUint8(offset + 4)
export const blockHighestSequence = (view: DataView, offset: number): number => view.getUint32(offset + 8)

/** LSR and DLSR of the block: the middle 32 bits of a sender report's NTP timestamp, 0 for none; and the time since then in 1/65536 s. */
export const blockLastReport = (view: DataView, offset: number): number => view.getUint32(offset + 16)
export const blockDelay = (view: DataView, offset: number): number => view.getUint32(offset + 20)

/** Milliseconds from 1900, the epoch of NTP, to 1970. */
export const NTP_EPOCH = 2_208_988_800_000

/** The middle 32 bits of an NTP timestamp, of milliseconds since 1900. */
export const ntpMiddle = (time: number): number => Math.floor((time % 65_536_000) * 65.536) >>> 0

/** The middle 32 bits of a sender report's NTP timestamp: LSR of receiver reports (RFC 3550 §6.4.1). */
export const senderReportMiddle = (view: DataView, offset: number): number =>
  ((view.getUint16(offset + 10) << 16) | view.getUint16(offset + 12)) >>> 0

/** NTP timestamp of a sender report in milliseconds since 1900, by the sender's clock. */
export const senderReportTime = (view: DataView, offset: number): number =>
  (view.getUint32(offset + NTP_TIME) + view.getUint32(offset + NTP_TIME + 4) / FRACTION) * 1_000

/** RTP timestamp of a sender report; signed. */
export const senderReportTimestamp = (view: DataView, offset: number): number => view.getInt32(offset + TIMESTAMP)

/** Sender information about one source (RFC 3550 §6.4.1). */
export interface SenderInfo {
  ssrc: number
  /** Milliseconds since 1900. */
  time: number
  /** RTP timestamp of the source at that time. */
  timestamp: number
  /** Packets and payload octets sent so far, modulo 2^32. */
  packets: number
  octets: number
}

/** Writes a sender report of SENDER_REPORT_LENGTH bytes, without blocks. */
export function writeSenderReport(view: DataView, offset: number, info: SenderInfo): void {
  writeHeader(view, offset, 0, RtcpType.SenderReport, SENDER_REPORT_LENGTH)
  view.setUint32(offset + RTCP_SENDER_SSRC, info.ssrc)
  view.setUint32(offset + NTP_TIME, Math.floor(info.time / 1_000))
  view.setUint32(offset + NTP_TIME + 4, ((info.time % 1_000) / 1_000) * FRACTION)
  view.setUint32(offset + TIMESTAMP, info.timestamp)
  view.setUint32(offset + PACKETS, info.packets)
  view.setUint32(offset + OCTETS, info.octets)
}

/** Bytes of a source description before its chunks, and of one chunk. */
export const DESCRIPTION_HEADER = 4
export const DESCRIPTION_CHUNK_LENGTH = 16
/** SDES item type CNAME (RFC 3550 §6.5.1). Its text always has eight digits, so that chunks have a fixed length. */
const CANONICAL_NAME = 1
const NAME_LENGTH = 8
const HEX = '0123456789abcdef'

/** Writes a chunk with the canonical name (CNAME) of a source: `owner` in eight hex digits, shared by all its sources. */
export function writeDescriptionChunk(view: DataView, offset: number, ssrc: number, owner: number): void {
  view.setUint32(offset, ssrc)
  view.setUint8(offset + 4, CANONICAL_NAME)
  view.setUint8(offset + 5, NAME_LENGTH)
  for (let digit = 0; digit < NAME_LENGTH; digit++)
    view.setUint8(offset + 6 + digit, HEX.charCodeAt((owner >>> (28 - 4 * digit)) & 15))
  view.setUint16(offset + 6 + NAME_LENGTH, 0)
}

/** Writes the header of a source description with `count` chunks. Returns the length of the packet. */
export function writeDescriptionHeader(view: DataView, offset: number, count: number): number {
  const length = DESCRIPTION_HEADER + count * DESCRIPTION_CHUNK_LENGTH
  writeHeader(view, offset, count, RtcpType.SourceDescription, length)
  return length
}

/** A report block about one source (RFC 3550 §6.4.1). */
export interface ReportBlock {
  ssrc: number
  /** Fraction of the packets lost since the previous report, in 1/256. */
  fractionLost: number
  /** Cumulative number of packets lost, −2^23 … 2^23 − 1; negative with duplicates. */
  packetsLost: number
  /** Extended highest sequence number received: cycles in the upper 16 bits. */
  highestSequence: number
  /** Interarrival jitter in timestamp units. */
  jitter: number
  /** LSR: the middle 32 bits of the last sender report's NTP timestamp; 0 without one. */
  lastSenderReport: number
  /** DLSR: time since that sender report arrived, in 1/65536 s. */
  delay: number
}

/** Writes a block of REPORT_BLOCK_LENGTH bytes at `offset`. */
export function writeReportBlock(view: DataView, offset: number, block: ReportBlock): void {
  view.setUint32(offset, block.ssrc)
  view.setUint32(offset + 4, ((block.fractionLost & 0xff) << 24) | (block.packetsLost & 0xff_ffff))
  view.setUint32(offset + 8, block.highestSequence)
  view.setUint32(offset + 12, block.jitter)
  view.setUint32(offset + 16, block.lastSenderReport)
  view.setUint32(offset + 20, block.delay)
}

/** Writes the header of a receiver report with `count` blocks. Returns the length of the packet. */
export function writeReceiverReportHeader(view: DataView, offset: number, senderSsrc: number, count: number): number {
  const length = RTCP_HEADER + count * REPORT_BLOCK_LENGTH
  writeHeader(view, offset, count, RtcpType.ReceiverReport, length)
  view.setUint32(offset + RTCP_SENDER_SSRC, senderSsrc)
  return length
}

function writeHeader(view: DataView, offset: number, count: number, type: RtcpType, length: number): void {
  view.setUint8(offset, 0x80 | count)
  view.setUint8(offset + 1, type)
  view.setUint16(offset + 2, length / 4 - 1)
}

/** Encodes a receiver report; at most MAX_REPORT_BLOCKS blocks. */
export function encodeReceiverReport(senderSsrc: number, blocks: readonly ReportBlock[]): Uint8Array {
  const bytes = new Uint8Array(RTCP_HEADER + blocks.length * REPORT_BLOCK_LENGTH)
  const view = new DataView(bytes.buffer)
  writeReceiverReportHeader(view, 0, senderSsrc, blocks.length)
  for (const [index, block] of blocks.entries())
    writeReportBlock(view, RTCP_HEADER + index * REPORT_BLOCK_LENGTH, block)
  return bytes
}

/** A decoded sender report. */
export interface SenderReport {
  kind: 'senderReport'
  /** SSRC of the participant that sent the report. */
  senderSsrc: number
  /** NTP timestamp: seconds since 1900, and their fraction in 1/2^32. */
  ntpSeconds: number
  ntpFraction: number
  timestamp: number
  packets: number
  octets: number
  blocks: ReportBlock[]
}
/** A decoded receiver report. */
export interface ReceiverReport {
  kind: 'receiverReport'
  senderSsrc: number
  blocks: ReportBlock[]
}
/** A decoded packet of a compound. */
export type RtcpPacket = SenderReport | ReceiverReport | { kind: 'other'; type: number; body: Uint8Array }

/** Decodes a plain compound; undefined if one of its packets is malformed or exceeds it. */
export function decodeRtcp(bytes: Uint8Array): RtcpPacket[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const packets: RtcpPacket[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const length = rtcpPacketLength(view, offset, bytes.length - offset)
    const packet = length < 0 ? undefined : decodePacket(bytes, view, offset, length)
    if (packet === undefined) return undefined
    packets.push(packet)
    offset += length
  }
  return packets
}

function decodePacket(bytes: Uint8Array, view: DataView, offset: number, length: number): RtcpPacket | undefined {
  const type = rtcpPacketType(view, offset)
  const isSender = type === RtcpType.SenderReport
  if (!isSender && type !== RtcpType.ReceiverReport)
    return { kind: 'other', type, body: bytes.slice(offset + 4, offset + length) }
  const head = isSender ? SENDER_REPORT_LENGTH : RTCP_HEADER
  if (head + rtcpCount(view, offset) * REPORT_BLOCK_LENGTH > length) return undefined
  const blocks = readBlocks(view, offset + head, rtcpCount(view, offset))
  const senderSsrc = view.getUint32(offset + RTCP_SENDER_SSRC)
  return isSender
    ? { kind: 'senderReport', senderSsrc, ...readSenderInfo(view, offset), blocks }
    : { kind: 'receiverReport', senderSsrc, blocks }
}

const readSenderInfo = (view: DataView, offset: number) => ({
  ntpSeconds: view.getUint32(offset + NTP_TIME),
  ntpFraction: view.getUint32(offset + NTP_TIME + 4),
  timestamp: view.getUint32(offset + TIMESTAMP),
  packets: view.getUint32(offset + PACKETS),
  octets: view.getUint32(offset + OCTETS),
})

const readBlocks = (view: DataView, offset: number, count: number): ReportBlock[] =>
  Array.from({ length: count }, (_, index) => readBlock(view, offset + index * REPORT_BLOCK_LENGTH))

const readBlock = (view: DataView, offset: number): ReportBlock => ({
  ssrc: view.getUint32(offset),
  fractionLost: view.getUint8(offset + 4),
  packetsLost: (view.getInt32(offset + 4) << 8) >> 8,
  highestSequence: view.getUint32(offset + 8),
  jitter: view.getUint32(offset + 12),
  lastSenderReport: view.getUint32(offset + 16),
  delay: view.getUint32(offset + 20),
})
