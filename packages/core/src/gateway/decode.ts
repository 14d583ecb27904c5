// Decodes the JSON and the data of messages; malformed ones close the connection.
import { decodeJson, VoiceClose } from '@parley/protocol'
import type { z } from 'zod'
import { decodedOr, faultOf, ProtocolError } from '../errors.ts'

/** Decodes the data of a message. Throws ProtocolError with `code` and the place of the first fault. */
export function decode<Schema extends z.ZodType>(schema: Schema, data: unknown, code: number): z.output<Schema> {
  const result = schema.safeParse(data)
  if (result.success) return result.data
  throw new ProtocolError(code, faultOf(result.error))
}

/** Decodes a JSON message without loss of digits. Throws ProtocolError. */
export const parseJson = (text: string): unknown => decodedOr(VoiceClose.DecodeError, () => decodeJson(text))
