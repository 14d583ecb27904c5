// Reads Opus in Ogg (RFC 7845), as opusenc and browsers write it: a whole file in, its packets out.
import { LONGEST_SEGMENT, OggError, type OggPage, PageFlag, readPage } from './ogg-page.ts'

/** What the two header packets say, and the packets after them. */
export interface OggOpus {
  channels: number
  /** Samples at 48 kHz that a player drops at the start. */
  preSkip: number
  /** Of what was encoded, in Hz; 0 if not known. Opus itself always plays at 48 kHz. */
  inputRate: number
  /** To be applied by a player, in 1/256 dB. */
  gain: number
  vendor: string
  /** `NAME=value` each. */
  comments: readonly string[]
  packets: readonly Uint8Array[]
  /** Samples at 48 kHz to play: without pre-skip, and without what the last page cuts off; undefined if it does not say. */
  samples: number | undefined
}

/** The longest audio packet that readers have to take (RFC 7845 §6), and here the longest header too. */
export const LONGEST_PACKET = 61_440
/** Album art makes headers long; past this they are not read (RFC 7845 §6 would allow 120 MB). */
const LONGEST_HEADER = 4 * 1024 * 1024
export const HEAD_MAGIC = 'OpusHead'
export const TAGS_MAGIC = 'OpusTags'
export const HEAD_LENGTH = 19

/**
 * Reads a whole file of one mono or stereo stream; other streams beside it, and streams after it, are skipped.
 * Throws OggError if it is not that.
 */
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

/** Puts packets together from the segments of consecutive pages. */
function assemble(pages: readonly OggPage[]): Uint8Array[] {
  const packets: Uint8Array[] = []
  let parts: Uint8Array[] = []
  let size = 0
  for (const [index, page] of pages.entries()) {
    if (page.sequence !== (pages[0]!.sequence + index) >>> 0)
      throw new OggError(`page ${index} of the stream is missing`)
    if (((page.flags & PageFlag.Continued) !== 0) !== parts.length > 0)
      throw new OggError(`page ${index} does not go on where the one before ended`)
    let start = 0
    let end = 0
    for (const value of page.lacing) {
      end += value
      size += value
      if (size > (packets.length < 2 ? LONGEST_HEADER : LONGEST_PACKET)) throw new OggError(`a packet is too long`)
      if (value === LONGEST_SEGMENT) continue
      // An empty audio packet is malformed, and nothing is lost with it (RFC 7845 §3).
      if (size > 0 || packets.length < 2) packets.push(joined([...parts, page.body.subarray(start, end)]))
      parts = []
      size = 0
      start = end
    }
    if (page.lacing.at(-1) === LONGEST_SEGMENT) parts.push(page.body.subarray(start, end))
  }
  return packets
}

/** One run of bytes out of several. */
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
    if (offset + 4 > bytes.length) throw new OggError('the OpusTags packet is cut')
    offset += 4
    return view.getUint32(offset - 4, true)
  }
  const text = () => {
    const end = number() + offset
    if (end > bytes.length) throw new OggError('the OpusTags packet is cut')
    const start = offset
    offset = end
    return new TextDecoder().decode(bytes.subarray(start, end))
  }
  const vendor = text()
  const count = number()
  if (count > (bytes.length - offset) / 4) throw new OggError('the OpusTags packet is cut')
  return { vendor, comments: Array.from({ length: count }, text) }
}
