// WebSocket frames of a server (RFC 6455 §5.2), many in one buffer: the messages that one input causes are sent in one write.
//
//   1 0 0 0 | opcode     0 | length 0–125, or 126 and u16, or 127 and u64     payload, unmasked

const FINAL_TEXT = 0x81
const FINAL_BINARY = 0x82
const SHORT = 125
const MEDIUM = 0xffff
/** UTF-8 takes at most three bytes for a code unit of UTF-16. */
const BYTES_PER_UNIT = 3
const SHORT_TEXT = Math.floor(SHORT / BYTES_PER_UNIT)

/** Whether a close frame may carry the code: RFC 6455 §7.4 reserves 1004 to 1006 and 1015. */
export const isSendable = (code: number): boolean =>
  (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)

/** Bytes of a frame's header, by the length of its payload. */
const headerLength = (length: number) => (length <= SHORT ? 2 : length <= MEDIUM ? 4 : 10)

/** One frame per message, in order: text for strings, binary for bytes. */
export function encodeFrames(messages: readonly (string | Uint8Array)[]): Buffer {
  const [first] = messages
  if (messages.length === 1 && typeof first === 'string' && first.length <= SHORT_TEXT) return encodeShort(first)
  const lengths = messages.map(message => (typeof message === 'string' ? Buffer.byteLength(message) : message.length))
  const total = lengths.reduce((sum, length) => sum + headerLength(length) + length, 0)
  const frames = Buffer.allocUnsafe(total)
  let offset = 0
  for (const [index, message] of messages.entries()) {
    const length = lengths[index]!
    frames[offset] = typeof message === 'string' ? FINAL_TEXT : FINAL_BINARY
    writeLength(frames, offset + 1, length)
    offset += headerLength(length)
    if (typeof message === 'string') frames.write(message, offset)
    else frames.set(message, offset)
    offset += length
  }
  return frames
}

/** One text message that is short in any encoding, as the answer to a heartbeat is. */
function encodeShort(message: string): Buffer {
  const frame = Buffer.allocUnsafe(2 + message.length * BYTES_PER_UNIT)
  const length = frame.write(message, 2)
  frame[0] = FINAL_TEXT
  frame[1] = length
  return frame.subarray(0, 2 + length)
}

/** The length field: 1, 3 or 9 bytes. */
function writeLength(frames: Buffer, offset: number, length: number): void {
  if (length <= SHORT) frames[offset] = length
  else if (length <= MEDIUM) {
    frames[offset] = 126
    frames.writeUInt16BE(length, offset + 1)
  } else {
    frames[offset] = 127
    frames.writeBigUInt64BE(BigInt(length), offset + 1)
  }
}

/** How a node tells the relay whose client it has authenticated: in a ping of the relayed WebSocket, which clients do not see. */
const PREFIX = 'parley-backend '
const FORM = /^parley-backend ([A-Za-z0-9][A-Za-z0-9_-]{0,31})$/
/** RFC 6455 §5.5: the longest payload of a control frame. */
const LONGEST = 125

export const backendPing = (backend: string): string => PREFIX + backend

/** The backend that a ping names; undefined for any other ping. */
export const readBackendPing = (payload: Uint8Array): string | undefined =>
  payload.length > LONGEST ? undefined : FORM.exec(Buffer.from(payload).toString('latin1'))?.[1]
