// Reads Ogg Opus files (RFC 7845).
import { LIMITS } from '../limits.ts'
import { MAX_LACING_VALUE, OggError, type OggPage, PageFlag, readPage } from './ogg-page.ts'

/** The header fields and audio packets of an Ogg Opus file. */
export interface OggOpus {
  /** 1 or 2. */
  channels: number
  /** Samples at 48 kHz to discard at the start. */
  preSkip: number
  /** Sample rate of the original input in Hz; 0 if unknown. Opus always decodes at 48 kHz. */
  inputRate: number
  /** Output gain to apply, in 1/256 dB. */
  gain: number
  /** Name of the encoder. */
  vendor: string
  /** Tags, `NAME=value` each. */
  comments: readonly string[]
  /** Opus packets in order. */
  packets: readonly Uint8Array[]
  /** Samples at 48 kHz to play, without pre-skip and end trimming; undefined if the last page has no position. */
  samples: number | undefined
}

/** Magic signatures of the two header packets, and the length of the first (RFC 7845 §5). */
export const HEAD_MAGIC = 'OpusHead'
export const TAGS_MAGIC = 'OpusTags'
export const HEAD_LENGTH = 19

/** Reads a complete file with a mono or stereo stream; multiplexed and chained streams are skipped. Throws OggError. */
export function readOggOpus(bytes: Uint8Array): OggOpus {
  const pages = opusPages(bytes)
  const [head, tags, ...packets] = assemble(pages)
  if (head === undefined || tags === undefined) throw new OggError('expected two header packets, found the end')
  const last = pages.findLast(page => page.granule >= 0n)
  const { preSkip, ...rest } = readHead(head)
  const end = last === undefined || (last.flags & PageFlag.Last) === 0 ? undefined : Number(last.granule) - preSkip
  return { ...rest, preSkip, ...readTags(tags), packets, samples: end === undefined || end < 0 ? undefined : end }
}

/** The pages of the first Opus stream, up to its last one. */
function opusPages(bytes: Uint8Array): OggPage[] {
  const pages: OggPage[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const { page, end } = readPage(bytes, offset)
    offset = end
    const first = pages[0]
    if (first === undefined ? isOpusStart(page) : page.serial === first.serial) pages.push(page)
    if (first !== undefined && page.serial === first.serial && (page.flags & PageFlag.Last) !== 0) break
  }
  if (pages.length === 0) throw new OggError('expected an Opus stream, found none')
  return pages
}

const isOpusStart = (page: OggPage) => (page.flags & PageFlag.First) !== 0 && hasMagic(page.body, HEAD_MAGIC)

/** Assembles the packets from the segments of consecutive pages (RFC 3533 §6). */
function assemble(pages: readonly OggPage[]): Uint8Array[] {
  const packets: Uint8Array[] = []
  let parts: Uint8Array[] = []
  let size = 0
  for (const [index, page] of pages.entries()) {
    if (page.sequence !== (pages[0]!.sequence + index) >>> 0)
      throw new OggError(`page ${index} of the stream is missing`)
    if (((page.flags & PageFlag.Continued) !== 0) !== parts.length > 0)
      throw new OggError(`page ${index} does not continue the previous packet`)
    let start = 0
    let end = 0
    for (const value of page.lacing) {
      end += value
      size += value
      if (size > (packets.length < 2 ? LIMITS.oggHeader : LIMITS.oggPacket)) throw new OggError('a packet is too long')
      if (value === MAX_LACING_VALUE) continue
      // An empty audio packet is malformed and skipped (RFC 7845 §3).
      if (size > 0 || packets.length < 2) packets.push(joined([...parts, page.body.subarray(start, end)]))
      parts = []
      size = 0
      start = end
    }
    if (page.lacing.at(-1) === MAX_LACING_VALUE) parts.push(page.body.subarray(start, end))
  }
  return packets
}

/** The concatenation of all parts. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

const hasMagic = (bytes: Uint8Array, magic: string) =>
  bytes.length >= magic.length && Array.from(magic).every((letter, index) => bytes[index] === letter.charCodeAt(0))

/** RFC 7845 §5.1. */
function readHead(bytes: Uint8Array): Pick<OggOpus, 'channels' | 'preSkip' | 'inputRate' | 'gain'> {
  if (!hasMagic(bytes, HEAD_MAGIC) || bytes.length < HEAD_LENGTH) throw new OggError('expected an OpusHead packet')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const channels = bytes[9]!
  if (bytes[8]! >> 4 !== 0) throw new OggError(`expected version 0.x of OpusHead, found ${bytes[8]}`)
  if (bytes[18] !== 0 || channels < 1 || channels > 2)
    throw new OggError(`expected one mono or stereo stream, found ${channels} channels of family ${bytes[18]}`)
  return {
    channels,
    preSkip: view.getUint16(10, true),
    inputRate: view.getUint32(12, true),
    gain: view.getInt16(16, true),
  }
}

/** RFC 7845 §5.2. */
function readTags(bytes: Uint8Array): Pick<OggOpus, 'vendor' | 'comments'> {
  if (!hasMagic(bytes, TAGS_MAGIC)) throw new OggError('expected an OpusTags packet')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let offset = TAGS_MAGIC.length
  const number = () => {
    if (offset + 4 > bytes.length) throw new OggError('the OpusTags packet is truncated')
    offset += 4
    return view.getUint32(offset - 4, true)
  }
  const text = () => {
    const end = number() + offset
    if (end > bytes.length) throw new OggError('the OpusTags packet is truncated')
    const start = offset
    offset = end
    return new TextDecoder().decode(bytes.subarray(start, end))
  }
  const vendor = text()
  const count = number()
  if (count > (bytes.length - offset) / 4) throw new OggError('the OpusTags packet is truncated')
  return { vendor, comments: Array.from({ length: count }, text) }
}
