// Parses the JSON of a received message.
import { DecodeError, decodeJson } from '@parley/protocol'

/** The value of a JSON text without loss of digits; undefined if it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return decodeJson(text)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
