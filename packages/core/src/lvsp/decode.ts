// Decodes the messages of backends.
import { decodeJson, LvspClose, LvspMessage } from '@parley/protocol'
import { decodedOr, ProtocolError } from '../errors.ts'
import { LIMITS } from '../limits.ts'

/** Throws ProtocolError with 4002 for anything but a JSON object. Returns undefined if the object has no valid opcode. */
export function decode(data: string | Uint8Array): LvspMessage | undefined {
  if (typeof data !== 'string')
    throw new ProtocolError(LvspClose.DecodeError, 'expected a text message, found a binary one')
  if (data.length > LIMITS.jsonMessage)
    throw new ProtocolError(LvspClose.DecodeError, `expected at most ${LIMITS.jsonMessage} characters`)
  // Without loss of digits: snowflakes may be integers beyond 2^53.
  const value = decodedOr(LvspClose.DecodeError, () => decodeJson(data))
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ProtocolError(LvspClose.DecodeError, 'expected a JSON object')
  return LvspMessage.safeParse(value).data
}
