// Keyframes of H.264 (RFC 6184 §5) and H.265 (RFC 7798 §4.4), by the headers of their NAL units. DAVE leaves these clear.

const H264_TYPE = 0x1f
const H264_SLICE_IDR = 5
const H264_PARAMETERS = 7
const STAP_A = 24
const FU_A = 28
/** A fragment begins its NAL unit. */
const FU_START = 0x80
/** The first bit of a slice whose first macroblock is that of the picture: `first_mb_in_slice` is 0. */
const FIRST_SLICE = 0x80

const H265_IRAP_FIRST = 16
const H265_IRAP_LAST = 23
const H265_PARAMETERS_FIRST = 32
const H265_PARAMETERS_LAST = 34
const AGGREGATION = 48
const FRAGMENT = 49

/** Whether the H.264 payload begins a keyframe: with parameter sets, or with the first slice of an IDR picture. */
export function isH264Keyframe(view: DataView, offset: number, length: number): boolean {
  if (length < 2) return false
  const type = view.getUint8(offset) & H264_TYPE
  const second = view.getUint8(offset + 1)
  if (type === STAP_A) return hasH264Keyframe(view, offset + 1, offset + length)
  if (type !== FU_A) return isH264Start(type, second)
  return (second & FU_START) !== 0 && length > 2 && isH264Start(second & H264_TYPE, view.getUint8(offset + 2))
}

/** The units of an aggregation packet, each behind its length. */
function hasH264Keyframe(view: DataView, start: number, end: number): boolean {
  for (let at = start; at + 4 <= end; ) {
    const size = view.getUint16(at)
    if (size < 2 || at + 2 + size > end) return false
    if (isH264Start(view.getUint8(at + 2) & H264_TYPE, view.getUint8(at + 3))) return true
    at += 2 + size
  }
  return false
}

const isH264Start = (type: number, next: number): boolean =>
  type === H264_PARAMETERS || (type === H264_SLICE_IDR && (next & FIRST_SLICE) !== 0)

/**
 * Whether the H.265 payload begins a keyframe: with parameter sets, or with a slice of an IRAP picture. DAVE seals the slice header,
 * so that the first slice of a picture cannot be told from the others.
 */
export function isH265Keyframe(view: DataView, offset: number, length: number): boolean {
  if (length < 3) return false
  const type = h265Type(view, offset)
  if (type === AGGREGATION) return hasH265Keyframe(view, offset + 2, offset + length)
  if (type !== FRAGMENT) return isH265Start(type)
  const header = view.getUint8(offset + 2)
  return (header & FU_START) !== 0 && isH265Start(header & 0x3f)
}

function hasH265Keyframe(view: DataView, start: number, end: number): boolean {
  for (let at = start; at + 4 <= end; ) {
    const size = view.getUint16(at)
    if (size < 2 || at + 2 + size > end) return false
    if (isH265Start(h265Type(view, at + 2))) return true
    at += 2 + size
  }
  return false
}

const h265Type = (view: DataView, at: number): number => (view.getUint8(at) >> 1) & 0x3f

const isH265Start = (type: number): boolean =>
  (type >= H265_IRAP_FIRST && type <= H265_IRAP_LAST) || (type >= H265_PARAMETERS_FIRST && type <= H265_PARAMETERS_LAST)
