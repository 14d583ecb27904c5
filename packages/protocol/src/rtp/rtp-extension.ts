// RTP header extensions (RFC 8285): finds elements in one-byte and two-byte form.
//
//   one-byte form, profile BEDE:   u4 id, u4 length − 1, data     a byte 00 is padding, id 15 ends the block
//   two-byte form, profile 100x:   u8 id, u8 length, data         a byte 00 is padding
import { ONE_BYTE_EXTENSIONS, RTP_CSRC_COUNT, RTP_EXTENSION_BIT, RTP_HEADER } from './rtp.ts'

const TWO_BYTE_MASK = 0xfff0
const TWO_BYTE_EXTENSIONS = 0x1000
/** Element ids of native clients, which do not negotiate them. `speaker` is Discord's own. */
export const NATIVE_EXTENSIONS = { audioLevel: 1, videoOrientation: 4, playoutDelay: 6, speaker: 9 } as const
/** The highest id in one-byte form. */
export const MAX_ONE_BYTE_EXTENSION_ID = 14

/**
 * Position and length of the data of element `id` in the plain packet at `offset` with a header of `header` bytes, as
 * `position * 256 + length`; −1 if it is absent. Per packet: no allocation, no throw.
 */
export function findExtension(view: DataView, offset: number, header: number, id: number): number {
  const first = view.getUint8(offset)
  if ((first & RTP_EXTENSION_BIT) === 0 || id === 0) return -1
  const start = offset + RTP_HEADER + (first & RTP_CSRC_COUNT) * 4
  const profile = view.getUint16(start)
  const end = offset + header
  if (profile === ONE_BYTE_EXTENSIONS) return findOneByte(view, start + 4, end, id)
  if ((profile & TWO_BYTE_MASK) === TWO_BYTE_EXTENSIONS) return findTwoByte(view, start + 4, end, id)
  return -1
}

/** Position and length in a result of `findExtension`. */
export const extensionPlace = (found: number): number => Math.floor(found / 256)
export const extensionLength = (found: number): number => found & 0xff

/** RFC 8285 §4.2. Ends at id 15, and at an element that exceeds the block. */
function findOneByte(view: DataView, start: number, end: number, id: number): number {
  for (let at = start; at < end; ) {
    const head = view.getUint8(at)
    if (head === 0) {
      at++
      continue
    }
    const length = (head & 15) + 1
    if (head >> 4 === 15 || at + 1 + length > end) return -1
    if (head >> 4 === id) return (at + 1) * 256 + length
    at += 1 + length
  }
  return -1
}

/** RFC 8285 §4.3. The length counts the data only, and may be 0. */
function findTwoByte(view: DataView, start: number, end: number, id: number): number {
  for (let at = start; at < end; ) {
    if (view.getUint8(at) === 0) {
      at++
      continue
    }
    if (at + 2 > end) return -1
    const length = view.getUint8(at + 1)
    if (at + 2 + length > end) return -1
    if (view.getUint8(at) === id) return (at + 2) * 256 + length
    at += 2 + length
  }
  return -1
}
