// A message of a relayed voice connection, decoded as far as faults and traces need it. Unchanged messages keep their bytes.
import { decodeClientBinary, decodeNodeBinary, encodeClientBinary, encodeNodeBinary } from '@parley/protocol'
import type { RawData } from 'ws'

export interface JsonMessage {
  format: 'json'
  op: number
  /** The whole message. Numbers above 2^53 are not exact; see `text`. */
  body: { op: number; d?: unknown; seq?: number } & Record<string, unknown>
  /** As received; undefined after a change. */
  text: string | undefined
}

export interface BinaryMessage {
  format: 'binary'
  op: number
  seq: number | undefined
  payload: Uint8Array
}

/** Neither JSON with an opcode nor a numbered binary message. */
export interface UnknownMessage {
  format: 'unknown'
  op: -1
  bytes: Uint8Array
  isBinary: boolean
}

export type LinkMessage = JsonMessage | BinaryMessage | UnknownMessage

/** Never throws: the node judges what this cannot read. */
export function readLinkMessage(data: RawData, isBinary: boolean, from: 'client' | 'node'): LinkMessage {
  const bytes = new Uint8Array(data as Buffer)
  return (isBinary ? binary(bytes, from) : json(String(data))) ?? { format: 'unknown', op: -1, bytes, isBinary }
}

/** An unchanged message is written as it was received, byte for byte. */
export function writeLinkMessage(message: LinkMessage, to: 'client' | 'node'): string | Uint8Array {
  switch (message.format) {
    case 'json':
      return message.text ?? JSON.stringify(message.body)
    case 'binary': {
      const { seq, op, payload } = message
      return to === 'client' ? encodeNodeBinary(seq, op, payload) : encodeClientBinary(op, payload)
    }
    case 'unknown':
      return message.isBinary ? message.bytes : Buffer.from(message.bytes).toString('utf8')
  }
}

/** A message of the test server's own, without a number. */
export const jsonMessage = (op: number, d: unknown): JsonMessage => ({
  format: 'json',
  op,
  body: { op, d },
  text: undefined,
})

function json(text: string): JsonMessage | undefined {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body !== 'object' || body === null || !('op' in body) || !Number.isInteger(body.op)) return undefined
    return { format: 'json', op: body.op as number, body: body as JsonMessage['body'], text }
  } catch {
    return undefined
  }
}

function binary(bytes: Uint8Array, from: 'client' | 'node'): BinaryMessage | undefined {
  try {
    if (from === 'node') return { format: 'binary', ...decodeNodeBinary(bytes) }
    return { format: 'binary', seq: undefined, ...decodeClientBinary(bytes) }
  } catch {
    return undefined
  }
}
