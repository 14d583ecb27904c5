// Frames of a codec from the payloads of RTP packets, and payloads of a frame, as libwebrtc makes them. Frames of H264 have start codes
// of four bytes.
import { av1 } from './av1-payloads.ts'
import { concat, MOST_BYTES, type Payloads, partsOf, withHeader } from './payloads.ts'

export type VideoCodec = 'VP8' | 'VP9' | 'H264' | 'AV1'

const START_CODE = Uint8Array.of(0, 0, 0, 1)

/** RFC 7741 §4.2. S marks the first packet of the frame. */
const vp8: Payloads = {
  begins: payload => (payload[0]! & 0x10) !== 0,
  join: payloads => concat(payloads.map(bytes => bytes.subarray(vp8Descriptor(bytes)))),
  split: frame => partsOf(frame).map((part, index) => withHeader(index === 0 ? 0x10 : 0, part)),
}

function vp8Descriptor(payload: Uint8Array): number {
  if ((payload[0]! & 0x80) === 0) return 1
  const extension = payload[1]!
  const isLong = (payload[2]! & 0x80) !== 0
  const picture = (extension & 0x80) === 0 ? 0 : isLong ? 2 : 1
  return 2 + picture + ((extension & 0x40) === 0 ? 0 : 1) + ((extension & 0x30) === 0 ? 0 : 1)
}

/** RFC 9628 §4.2. B marks the first packet of the frame, E the last, P a frame that is no keyframe. */
const vp9: Payloads = {
  begins: payload => (payload[0]! & 0x08) !== 0,
  join: payloads => concat(payloads.map(bytes => bytes.subarray(vp9Descriptor(bytes)))),
  isKeyframe: payload => (payload[0]! & 0x40) === 0,
  split: (frame, isKeyframe) =>
    partsOf(frame).map((part, index, { length }) => {
      const edges = (index === 0 ? 0x08 : 0) | (index === length - 1 ? 0x04 : 0)
      return withHeader(edges | (isKeyframe ? 0 : 0x40), part)
    }),
}

function vp9Descriptor(payload: Uint8Array): number {
  const first = payload[0]!
  let at = 1
  if ((first & 0x80) !== 0) at += (payload[at]! & 0x80) === 0 ? 1 : 2
  if ((first & 0x20) !== 0) at += (first & 0x10) === 0 ? 2 : 1
  // Reference indices of flexible mode; N says that another one follows.
  if ((first & 0x50) === 0x50) for (let isLast = false; !isLast; ) isLast = (payload[at++]! & 0x01) === 0
  return (first & 0x02) === 0 ? at : at + scalabilityStructure(payload, at)
}

function scalabilityStructure(payload: Uint8Array, start: number): number {
  const first = payload[start]!
  let at = start + 1
  if ((first & 0x10) !== 0) at += 4 * ((first >> 5) + 1)
  if ((first & 0x08) === 0) return at - start
  for (let pictures = payload[at++]!; pictures > 0; pictures--) at += 1 + ((payload[at]! >> 2) & 3)
  return at - start
}

/** RFC 6184 §5: single NAL units, STAP-A and FU-A. */
const h264: Payloads = {
  // A sequence parameter set, alone or first in a STAP-A. Other frames say nothing.
  begins: ([header = 0, , , inner = 0]) => (((header & 0x1f) === 24 ? inner : header) & 0x1f) === 7,
  join(payloads) {
    const parts: Uint8Array[] = []
    for (const bytes of payloads) {
      const [indicator = 0, header = 0] = bytes
      const type = indicator & 0x1f
      if (type < 24) parts.push(START_CODE, bytes)
      else if (type === 24) parts.push(...aggregated(bytes))
      else if ((header & 0x80) !== 0)
        parts.push(START_CODE, withHeader((indicator & 0xe0) | (header & 0x1f), bytes.subarray(2)))
      else parts.push(bytes.subarray(2))
    }
    return concat(parts)
  },
  split: frame =>
    nalUnits(frame).flatMap(unit => {
      if (unit.length <= MOST_BYTES) return [unit]
      const [header = 0] = unit
      return partsOf(unit.subarray(1)).map((part, index, { length }) => {
        const edge = index === 0 ? 0x80 : index === length - 1 ? 0x40 : 0
        return concat([Uint8Array.of((header & 0xe0) | 28, edge | (header & 0x1f)), part])
      })
    }),
}

function aggregated(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 1; at + 2 < bytes.length; ) {
    const length = (bytes[at]! << 8) | bytes[at + 1]!
    parts.push(START_CODE, bytes.subarray(at + 2, at + 2 + length))
    at += 2 + length
  }
  return parts
}

function nalUnits(frame: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
  const units: Uint8Array[] = []
  for (let at = bytes.indexOf(START_CODE); at >= 0; ) {
    const next = bytes.indexOf(START_CODE, at + 4)
    units.push(bytes.subarray(at + 4, next < 0 ? undefined : next))
    at = next
  }
  return units
}

export const PAYLOADS: Readonly<Record<VideoCodec, Payloads>> = { VP8: vp8, VP9: vp9, H264: h264, AV1: av1 }

/** Width of the picture of a keyframe of VP8 (RFC 6386 §9.1); undefined for other frames. */
export const vp8Width = (frame: Uint8Array): number | undefined =>
  frame[3] === 0x9d && frame[4] === 0x01 && frame[5] === 0x2a ? (frame[6]! | (frame[7]! << 8)) & 0x3fff : undefined
