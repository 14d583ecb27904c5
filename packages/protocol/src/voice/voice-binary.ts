// The binary messages of the voice gateway (opcodes 25–30), which carry the MLS messages of DAVE.
// A message of the node is `u16 seq, u8 opcode, payload`; one of a client has no number. Vectors are those of MLS (RFC
// 9420 §2.1.2).
import { ByteReader, ByteWriter, DecodeError } from '../bytes.ts'
import { type Commit, readCommit, readWelcome, type Welcome } from '../dave/mls-message.ts'

/** Decodes a binary message of a client: u8 opcode, payload. Throws a DecodeError if it is empty. */
export function decodeClientBinary(bytes: Uint8Array): { op: number; payload: Uint8Array } {
  const reader = new ByteReader(bytes)
  return { op: reader.u8(), payload: reader.take(reader.remaining) }
}

/** Encodes a binary message of a client. */
export const encodeClientBinary = (op: number, payload: Uint8Array): Uint8Array =>
  new ByteWriter().u8(op).raw(payload).bytes()

/**
 * Decodes a binary message of the node: u16 seq, shared with JSON messages, u8 opcode, payload. Below gateway version 8 messages are
 * not numbered (`isNumbered` false) and start with the opcode. Throws a DecodeError.
 */
export function decodeNodeBinary(
  bytes: Uint8Array,
  isNumbered = true,
): { seq: number | undefined; op: number; payload: Uint8Array } {
  const reader = new ByteReader(bytes)
  const seq = isNumbered ? reader.u16() : undefined
  return { seq, op: reader.u8(), payload: reader.take(reader.remaining) }
}

/** Encodes a binary message of the node; without `seq` for gateway versions below 8. */
export const encodeNodeBinary = (seq: number | undefined, op: number, payload: Uint8Array): Uint8Array => {
  const writer = seq === undefined ? new ByteWriter() : new ByteWriter().u16(seq)
  return writer.u8(op).raw(payload).bytes()
}

/** Payload of op 27 from the node: MLSMessages to append. The node never revokes, because MLS libraries differ there. */
export const encodeProposals = (messages: readonly Uint8Array[]): Uint8Array =>
  new ByteWriter().u8(0).vectorOf(messages).bytes()

/** Decodes the payload of op 27: operation 0 appends, 1 revokes; `messages` is the vector. Throws a DecodeError. */
export function decodeProposals(payload: Uint8Array): { operation: 0 | 1; messages: Uint8Array } {
  const reader = new ByteReader(payload)
  const operation = reader.u8()
  if (operation !== 0 && operation !== 1) throw new DecodeError(`expected operation 0 or 1, found ${operation}`)
  const messages = reader.take(reader.remaining)
  return { operation, messages }
}

/** Decodes the payload of op 28: a commit, followed by a bare Welcome if it adds members. Throws a DecodeError. */
export function decodeCommitWelcome(payload: Uint8Array): { commit: Commit; welcome: Welcome | undefined } {
  const reader = new ByteReader(payload)
  const commit = readCommit(reader)
  const welcome = reader.remaining > 0 ? readWelcome(reader) : undefined
  reader.end()
  return { commit, welcome }
}

/** Payload of op 29 or op 30: u16 transition id, then a commit or a bare Welcome. */
export const encodeTransition = (transitionId: number, body: Uint8Array): Uint8Array =>
  new ByteWriter().u16(transitionId).raw(body).bytes()

/** Decodes the payload of op 29 or op 30. Throws a DecodeError. */
export function decodeTransition(payload: Uint8Array): { transitionId: number; body: Uint8Array } {
  const reader = new ByteReader(payload)
  return { transitionId: reader.u16(), body: reader.take(reader.remaining) }
}
