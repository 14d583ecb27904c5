// Frames of AV1 from the payloads of RTP packets, and payloads of a frame. OBUs of the frame have a size, the last one has none, as DAVE
// requires.
import { concat, type Payloads, partsOf, withHeader } from './payloads.ts'

/** The RTP payload of AV1, §4.4: Z continues an OBU, Y is continued, W counts the elements, of which the last has no size. */
export const av1: Payloads = {
  begins: payload => (payload[0]! & 0x80) === 0,
  join(payloads) {
    const units: Uint8Array[] = []
    for (const bytes of payloads)
      for (const [index, element] of elementsOf(bytes).entries())
        if (index === 0 && (bytes[0]! & 0x80) !== 0) units.push(concat([units.pop() ?? new Uint8Array(), element]))
        else units.push(element)
    return concat(units.map((unit, index) => (index === units.length - 1 ? unit : sized(unit))))
  },
  // The OBUs before the last one are short, and share the first packet with its beginning: without a dependency descriptor Chromium takes
  // a packet that ends with an OBU for the last of a frame.
  split(frame) {
    const units = unitsOf(frame)
    const isKeyframe = (units[0]![0]! & 0x78) === 0x08
    const before = concat(units.slice(0, -1).map(elementWithSize))
    return partsOf(units.at(-1)!).map((part, place, { length }) => {
      const edges = (place > 0 ? 0x80 : 0) | (place < length - 1 ? 0x40 : 0)
      if (place > 0) return withHeader(edges | 0x10, part)
      return concat([Uint8Array.of(edges | (units.length << 4) | (isKeyframe ? 0x08 : 0)), before, part])
    })
  },
}

function elementsOf(bytes: Uint8Array): Uint8Array[] {
  const count = (bytes[0]! >> 4) & 3
  const elements: Uint8Array[] = []
  for (let at = 1; at < bytes.length; ) {
    const isUnsized = count > 0 && elements.length === count - 1
    const [length, size] = isUnsized ? [bytes.length - at, 0] : readSize(bytes, at)
    elements.push(bytes.subarray(at + size, at + size + length))
    at += size + length
  }
  return elements
}

/** An OBU with its size after the header. */
function sized(unit: Uint8Array): Uint8Array {
  const header = (unit[0]! & 0x04) === 0 ? 1 : 2
  const size = sizeField(unit.length - header)
  return concat([Uint8Array.of(unit[0]! | 0x02), unit.subarray(1, header), size, unit.subarray(header)])
}

const elementWithSize = (unit: Uint8Array): Uint8Array => concat([sizeField(unit.length), unit])

/** A leb128 number. */
function sizeField(length: number): Uint8Array {
  const bytes: number[] = []
  for (let left = length; bytes.length === 0 || left > 0; left >>= 7)
    bytes.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0))
  return Uint8Array.from(bytes)
}

/** The OBUs of a frame, without sizes. */
function unitsOf(frame: Uint8Array): Uint8Array[] {
  const units: Uint8Array[] = []
  for (let at = 0; at < frame.length; ) {
    const header = (frame[at]! & 0x04) === 0 ? 1 : 2
    const hasSize = (frame[at]! & 0x02) !== 0
    const [length, size] = hasSize ? readSize(frame, at + header) : [frame.length - at - header, 0]
    const start = at + header + size
    units.push(
      concat([
        Uint8Array.of(frame[at]! & ~0x02),
        frame.subarray(at + 1, at + header),
        frame.subarray(start, start + length),
      ]),
    )
    at = start + length
  }
  return units
}

/** A leb128 number, and its bytes. */
function readSize(bytes: Uint8Array, at: number): [value: number, length: number] {
  let value = 0
  for (let index = 0; ; index++) {
    const byte = bytes[at + index] ?? 0
    value |= (byte & 0x7f) << (7 * index)
    if ((byte & 0x80) === 0) return [value, index + 1]
  }
}
