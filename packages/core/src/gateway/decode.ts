// Decodes the JSON and the data of messages; malformed ones close the connection.
import { DecodeError, decodeJson, VoiceClose } from '@parley/protocol'
import type { z } from 'zod'
import { ProtocolError } from '../errors.ts'

/** Decodes the data of a message. Throws ProtocolError with `code` and the place of the first fault. */
export function decode<Schema extends z.ZodType>(schema: Schema, data: unknown, code: number): z.output<Schema> {
  const result = schema.safeParse(data)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new ProtocolError(code, `${issue?.path.join('.') || 'data'}: ${issue?.message ?? 'malformed'}`)
}

/** Decodes a JSON message without loss of digits. Throws ProtocolError. */
export function parseJson(text: string): unknown {
  try {
    return decodeJson(text)
  } catch (error) {
    throw error instanceof DecodeError ? new ProtocolError(VoiceClose.DecodeError, error.message) : error
  }
}
