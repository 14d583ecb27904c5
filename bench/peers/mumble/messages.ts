// The messages of Mumble's control channel (Mumble.proto), as far as a load needs them: protobuf fields of numbers and bytes.
const HEADER = 6
const VARINT = 0
const BYTES = 2

export const MessageType = {
  Version: 0,
  Authenticate: 2,
  Ping: 3,
  Reject: 4,
  ServerSync: 5,
  ChannelState: 7,
  UserState: 9,
  CryptSetup: 15,
} as const

export type Fields = Record<number, number | string | Uint8Array>

/** A message with its header: u16 type, u32 length. */
export function encodeMessage(type: number, fields: Fields): Buffer {
  const body = Buffer.concat(Object.entries(fields).map(([field, value]) => encodeField(Number(field), value)))
  const header = Buffer.alloc(HEADER)
  header.writeUInt16BE(type)
  header.writeUInt32BE(body.length, 2)
  return Buffer.concat([header, body])
}

function encodeField(field: number, value: number | string | Uint8Array): Buffer {
  if (typeof value === 'number') return Buffer.from([...varint((field << 3) | VARINT), ...varint(value)])
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([...varint((field << 3) | BYTES), ...varint(bytes.length)]), bytes])
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 0x80))]
}

interface MumbleMessage {
  readonly type: number
  readonly body: Buffer
}

/** Cuts a stream of bytes into messages. */
export class MessageReader {
  #left: Buffer = Buffer.alloc(0)

  /** The complete messages. */
  read(chunk: Buffer): MumbleMessage[] {
    const messages: MumbleMessage[] = []
    let left = Buffer.concat([this.#left, chunk])
    for (let end = endOf(left); end <= left.length; end = endOf(left)) {
      messages.push({ type: left.readUInt16BE(), body: left.subarray(HEADER, end) })
      left = left.subarray(end)
    }
    this.#left = left
    return messages
  }
}

/** Where the first message ends; Infinity if its header is incomplete. */
const endOf = (bytes: Buffer): number => (bytes.length < HEADER ? Infinity : HEADER + bytes.readUInt32BE(2))

/** Numbers and bytes by field; the last of a repeated field. Mumble sends no fields of other kinds in the messages that are read. */
export function decodeFields(body: Buffer): Map<number, number | Buffer> {
  const fields = new Map<number, number | Buffer>()
  let at = 0
  const number = () => {
    let value = 0
    for (let shift = 1; ; shift *= 0x80) {
      const byte = body[at++] ?? 0
      value += (byte & 0x7f) * shift
      if (byte < 0x80) return value
    }
  }
  while (at < body.length) {
    const key = number()
    const value = number()
    if ((key & 7) === VARINT) {
      fields.set(key >>> 3, value)
      continue
    }
    fields.set(key >>> 3, body.subarray(at, at + value))
    at += value
  }
  return fields
}
