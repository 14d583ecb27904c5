// The voice gateway's binary messages (opcodes 25–31): what frames the MLS of DAVE.
import { ByteReader, ByteWriter, DecodeError } from '../bytes.ts'
import { type Commit, readCommit, readWelcome, type Welcome } from '../dave/mls-message.ts'

/** A binary message of a client: opcode and payload. */
export function decodeClientBinary(bytes: Uint8Array): { op: number; payload: Uint8Array } {
  const reader = new ByteReader(bytes)
  return { op: reader.u8(), payload: reader.take(reader.remaining) }
}

export const encodeClientBinary = (op: number, payload: Uint8Array): Uint8Array =>
  new ByteWriter().u8(op).raw(payload).bytes()

/** A binary message of the node: the number it shares with JSON messages, opcode and payload. */
export function decodeNodeBinary(bytes: Uint8Array): { seq: number; op: number; payload: Uint8Array } {
  const reader = new ByteReader(bytes)
  return { seq: reader.u16(), op: reader.u8(), payload: reader.take(reader.remaining) }
}

export const encodeNodeBinary = (seq: number, op: number, payload: Uint8Array): Uint8Array =>
  new ByteWriter().u16(seq).u8(op).raw(payload).bytes()

/** Op 27, node to client: MLSMessages to append. Revoking is never used: clients do not survive it alike. */
export const encodeProposals = (messages: readonly Uint8Array[]): Uint8Array =>
  new ByteWriter().u8(0).vectorOf(messages).bytes()

/** Op 27 as a client reads it: `operation` 0 appends, 1 revokes; `messages` as MLS libraries take them. */
export function decodeProposals(payload: Uint8Array): { operation: 0 | 1; messages: Uint8Array } {
  const reader = new ByteReader(payload)
  const operation = reader.u8()
  if (operation !== 0 && operation !== 1) throw new DecodeError(`unknown operation ${operation}`)
  const messages = reader.take(reader.remaining)
  return { operation, messages }
}

/** Op 28, client to node: a commit, and right behind it a bare Welcome if it adds anybody. */
export function decodeCommitWelcome(payload: Uint8Array): { commit: Commit; welcome: Welcome | undefined } {
  const reader = new ByteReader(payload)
  const commit = readCommit(reader)
  const welcome = reader.remaining > 0 ? readWelcome(reader) : undefined
  reader.end()
  return { commit, welcome }
}

/** Op 29 and op 30, node to client: a transition id, and a commit or a bare Welcome. */
export const encodeTransition = (transitionId: number, body: Uint8Array): Uint8Array =>
  new ByteWriter().u16(transitionId).raw(body).bytes()

export function decodeTransition(payload: Uint8Array): { transitionId: number; body: Uint8Array } {
  const reader = new ByteReader(payload)
  return { transitionId: reader.u16(), body: reader.take(reader.remaining) }
}
