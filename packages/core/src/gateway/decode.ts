// Decodes the JSON and the data of messages; malformed ones close the connection.
import { VoiceClose } from '@parley/protocol'
import type { z } from 'zod'
import { ProtocolError } from '../errors.ts'

/** Decodes the data of a message. Throws ProtocolError with `code` and the place of the first fault. */
export function decode<Schema extends z.ZodType>(schema: Schema, data: unknown, code: number): z.output<Schema> {
  const result = schema.safeParse(data)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new ProtocolError(code, `${issue?.path.join('.') || 'data'}: ${issue?.message ?? 'malformed'}`)
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ProtocolError(VoiceClose.DecodeError, 'expected JSON')
  }
}
