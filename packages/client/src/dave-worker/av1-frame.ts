// The last OBU of an AV1 frame. DAVE seals it without a size (the trailer follows its payload), and a browser that receives the frame
// adds one, which would be authenticated with the rest of the header.

const HAS_EXTENSION = 0x04
const HAS_SIZE = 0x02
/** A size is a leb128 number of at most eight bytes; those of frames need four (AV1 §4.10.5). */
const LONGEST_SIZE = 4

/** The frame as it was sealed: without the size of its last OBU. Returns other bytes, and OBUs that do not end with the frame, unchanged. */
export function withoutLastSize(frame: Uint8Array): Uint8Array {
  for (let at = 0; at < frame.length; ) {
    const header = frame[at]!
    const sizeAt = at + ((header & HAS_EXTENSION) === 0 ? 1 : 2)
    if ((header & HAS_SIZE) === 0) return frame
    const payloadAt = endOfSize(frame, sizeAt)
    if (payloadAt < 0) return frame
    const end = payloadAt + sizeOf(frame, sizeAt, payloadAt)
    if (end === frame.length) return spliced(frame, at, sizeAt, payloadAt)
    at = end
  }
  return frame
}

/** Where the payload begins; −1 if the size is malformed. */
function endOfSize(frame: Uint8Array, sizeAt: number): number {
  for (let at = sizeAt; at < Math.min(frame.length, sizeAt + LONGEST_SIZE); at++) if (frame[at]! < 0x80) return at + 1
  return -1
}

function sizeOf(frame: Uint8Array, sizeAt: number, payloadAt: number): number {
  let size = 0
  for (let at = payloadAt - 1; at >= sizeAt; at--) size = (size << 7) | (frame[at]! & 0x7f)
  return size
}

function spliced(frame: Uint8Array, headerAt: number, sizeAt: number, payloadAt: number): Uint8Array {
  const bytes = new Uint8Array(frame.length - (payloadAt - sizeAt))
  bytes.set(frame.subarray(0, sizeAt))
  bytes.set(frame.subarray(payloadAt), sizeAt)
  bytes[headerAt]! &= ~HAS_SIZE
  return bytes
}
