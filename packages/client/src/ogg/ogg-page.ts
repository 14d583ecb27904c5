// Pages of an Ogg stream (RFC 3533 §6), read and written with their checksum.
//
//   0  "OggS"  4  u8 version 0  5  u8 flags  6  i64le granule position  14  u32le serial  18  u32le sequence  22  u32le CRC
//  26  u8 segments   27  segments × u8 lacing values   then the body, as long as the lacing values sum up to

/** The bytes are not what they claim to be. */
export class OggError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'OggError'
  }
}

export const PageFlag = { Continued: 1, First: 2, Last: 4 } as const

export interface OggPage {
  /** Bits of PageFlag. */
  flags: number
  /** Of the last packet that ends on the page; −1 if none does. */
  granule: bigint
  serial: number
  sequence: number
  /** One value per segment; below 255 it ends a packet. */
  lacing: Uint8Array
  body: Uint8Array
}

const HEADER = 27
const GRANULE = 6
const SERIAL = 14
const SEQUENCE = 18
const CHECKSUM = 22
const SEGMENTS = 26
const CAPTURE = 0x4f676753
/** The most segments of a page, and the most bytes of each. */
export const MOST_SEGMENTS = 255
export const LONGEST_SEGMENT = 255

/** Reads the page at `offset`, and where the next one starts. Throws OggError if it is cut, broken or none. */
export function readPage(bytes: Uint8Array, offset: number): { page: OggPage; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (offset + HEADER > bytes.length) throw new OggError(`expected a page at byte ${offset}, found the end`)
  if (view.getUint32(offset) !== CAPTURE) throw new OggError(`expected a page at byte ${offset}, found something else`)
  if (bytes[offset + 4] !== 0) throw new OggError(`expected version 0, found ${bytes[offset + 4]}`)
  const body = offset + HEADER + bytes[offset + SEGMENTS]!
  const lacing = bytes.subarray(offset + HEADER, body)
  const end = body + lacing.reduce((sum, value) => sum + value, 0)
  if (body > bytes.length || end > bytes.length) throw new OggError(`the page at byte ${offset} is cut`)
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

/** Writes a page; its lacing values must sum up to the length of its body. */
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

/** The lacing values of one packet: 255 as often as it fits, then the rest, which may be 0. */
export function lace(length: number): Uint8Array {
  const lacing = new Uint8Array(Math.floor(length / LONGEST_SEGMENT) + 1).fill(LONGEST_SEGMENT)
  lacing[lacing.length - 1] = length % LONGEST_SEGMENT
  return lacing
}

/** CRC-32 with polynomial 04c11db7, most significant bit first, start and end value 0. */
const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let remainder = index << 24
  for (let bit = 0; bit < 8; bit++) remainder = (remainder << 1) ^ (remainder < 0 ? 0x04c11db7 : 0)
  return remainder
})

/** Of a whole page, taking its own checksum field as zero. */
function checksum(page: Uint8Array): number {
  let remainder = 0
  for (let index = 0; index < page.length; index++) {
    const byte = index >= CHECKSUM && index < CHECKSUM + 4 ? 0 : page[index]!
    remainder = (remainder << 8) ^ TABLE[((remainder >>> 24) ^ byte) & 0xff]!
  }
  return remainder >>> 0
}
