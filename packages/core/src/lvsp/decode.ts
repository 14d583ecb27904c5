// Decodes the messages of backends.
import { DecodeError, decodeJson, LvspClose, LvspMessage } from '@parley/protocol'
import { ProtocolError } from '../errors.ts'
import { LIMITS } from '../limits.ts'

/** Throws ProtocolError with 4002 for anything but a JSON object. Returns undefined if the object has no valid opcode. */
export function decode(data: string | Uint8Array): LvspMessage | undefined {
  if (typeof data !== 'string')
    throw new ProtocolError(LvspClose.DecodeError, 'expected a text message, found a binary one')
  if (data.length > LIMITS.jsonMessage)
    throw new ProtocolError(LvspClose.DecodeError, `expected at most ${LIMITS.jsonMessage} characters`)
  const value = parse(data)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ProtocolError(LvspClose.DecodeError, 'expected a JSON object')
  return LvspMessage.safeParse(value).data
}

/** JSON without loss of digits: snowflakes may be integers beyond 2^53. */
function parse(text: string): unknown {
  try {
    return decodeJson(text)
  } catch (error) {
    throw error instanceof DecodeError ? new ProtocolError(LvspClose.DecodeError, error.message) : error
  }
}
