// Pages of an Ogg stream (RFC 3533 §6).
//
//   0  "OggS"  4  u8 version 0  5  u8 flags  6  i64le granule position  14  u32le serial  18  u32le sequence  22  u32le CRC
//  26  u8 segments   27  segments × u8 lacing values   then the body: the sum of the lacing values in bytes

/** The bytes are not a valid Ogg stream. */
export class OggError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'OggError'
  }
}

/** Header type flags of a page. */
export const PageFlag = { Continued: 1, First: 2, Last: 4 } as const

/** One page. */
export interface OggPage {
  /** Bits of PageFlag. */
  flags: number
  /** Granule position at the end of the last packet completed on the page; −1 if none is. */
  granule: bigint
  /** Serial number of the logical stream. */
  serial: number
  /** Page number within the stream. */
  sequence: number
  /** Length of each segment; a value below 255 ends a packet. */
  lacing: Uint8Array
  /** The segments. */
  body: Uint8Array
}

const HEADER = 27
const GRANULE = 6
const SERIAL = 14
const SEQUENCE = 18
const CHECKSUM = 22
const SEGMENTS = 26
const CAPTURE = 0x4f676753
/** Segments of a page, and bytes of a segment, at most. */
export const MAX_SEGMENTS = 255
export const MAX_LACING_VALUE = 255

/** Reads the page at `offset`. `end` is the offset behind it. Throws OggError if it is truncated or corrupt. */
export function readPage(bytes: Uint8Array, offset: number): { page: OggPage; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (offset + HEADER > bytes.length) throw new OggError(`expected a page at byte ${offset}, found the end`)
  if (view.getUint32(offset) !== CAPTURE) throw new OggError(`expected a page at byte ${offset}, found other bytes`)
  if (bytes[offset + 4] !== 0) throw new OggError(`expected version 0, found ${bytes[offset + 4]}`)
  const body = offset + HEADER + bytes[offset + SEGMENTS]!
  const lacing = bytes.subarray(offset + HEADER, body)
  const end = body + lacing.reduce((sum, value) => sum + value, 0)
  if (body > bytes.length || end > bytes.length) throw new OggError(`the page at byte ${offset} is truncated`)
  if (checksum(bytes.subarray(offset, end)) !== view.getUint32(offset + CHECKSUM, true))
    throw new OggError(`the checksum of the page at byte ${offset} does not match`)
  const page = {
    flags: bytes[offset + 5]!,
    granule: view.getBigInt64(offset + GRANULE, true),
    serial: view.getUint32(offset + SERIAL, true),
    sequence: view.getUint32(offset + SEQUENCE, true),
    lacing,
    body: bytes.subarray(body, end),
  }
  return { page, end }
}

/** Encodes a page. The lacing values must add up to the length of the body. */
export function writePage(page: OggPage): Uint8Array {
  const bytes = new Uint8Array(HEADER + page.lacing.length + page.body.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, CAPTURE)
  bytes[5] = page.flags
  view.setBigInt64(GRANULE, page.granule, true)
  view.setUint32(SERIAL, page.serial, true)
  view.setUint32(SEQUENCE, page.sequence, true)
  bytes[SEGMENTS] = page.lacing.length
  bytes.set(page.lacing, HEADER)
  bytes.set(page.body, HEADER + page.lacing.length)
  view.setUint32(CHECKSUM, checksum(bytes), true)
  return bytes
}

/** The lacing values of a packet: 255 as often as it fits, then the remainder, which may be 0. */
export function lace(length: number): Uint8Array {
  const lacing = new Uint8Array(Math.floor(length / MAX_LACING_VALUE) + 1).fill(MAX_LACING_VALUE)
  lacing[lacing.length - 1] = length % MAX_LACING_VALUE
  return lacing
}

/** CRC-32 with polynomial 04c11db7, most significant bit first, initial and final value 0. */
const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let remainder = index << 24
  for (let bit = 0; bit < 8; bit++) remainder = (remainder << 1) ^ (remainder < 0 ? 0x04c11db7 : 0)
  return remainder
})

/** The checksum of a page, with its checksum field taken as zero. */
function checksum(page: Uint8Array): number {
  let remainder = 0
  for (let index = 0; index < page.length; index++) {
    const byte = index >= CHECKSUM && index < CHECKSUM + 4 ? 0 : page[index]!
    remainder = (remainder << 8) ^ TABLE[((remainder >>> 24) ^ byte) & 0xff]!
  }
  return remainder >>> 0
}
