// Errors by their origin. Each connection has one `catch`, which turns them into a close code.
import { DecodeError } from '@parley/protocol'
import type { z } from 'zod'

/** The peer violated the protocol; its connection closes with this code and reason. */
export class ProtocolError extends Error {
  readonly code: number
  constructor(code: number, reason: string) {
    super(reason)
    this.name = 'ProtocolError'
    this.code = code
  }
}

/** The result of a decoder. Its DecodeError is the peer's fault and becomes a ProtocolError with this close code. */
export function decodedOr<T>(code: number, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    throw error instanceof DecodeError ? new ProtocolError(code, error.message) : error
  }
}

/** What was thrown by a fault of the program, for the log: its stack, or its text. */
export const stackOf = (error: unknown): string => (error instanceof Error && error.stack) || String(error)

/** Acts on each item, also on those after one at which it throws. The first error is thrown at the end. */
export function actOnEach<Item>(items: Iterable<Item>, act: (item: Item) => void): void {
  const errors: unknown[] = []
  for (const item of items) {
    try {
      act(item)
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}

/** The first fault that a schema found, with its place: `data` for the message as a whole. */
export function faultOf({ issues: [issue] }: z.ZodError): string {
  return `${issue?.path.join('.') || 'data'}: ${issue?.message ?? 'malformed'}`
}
