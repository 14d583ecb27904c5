// Decodes the JSON and the data of messages; malformed ones close the connection.
import { decodeJson, VoiceClose, VoiceOp } from '@parley/protocol'
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

interface HeartbeatMessage {
  readonly op: typeof VoiceOp.Heartbeat
  readonly d?: unknown
}

/**
 * Whether a parsed message is a heartbeat. These two functions do not use zod: 5,000 idle members send 364 heartbeats a second, and nothing else.
 * The schemas `VoiceMessage` and `Heartbeat` define what is accepted; the test compares.
 */
export const isHeartbeat = (message: unknown): message is HeartbeatMessage =>
  isRecord(message) && message.op === VoiceOp.Heartbeat

/** `seq_ack` of a heartbeat's data; `false` if it has another type, or the data is no object. */
export function readSeqAck(data: unknown): number | null | undefined | false {
  if (!isRecord(data)) return false
  const ack = data.seq_ack
  return ack === undefined || ack === null || (typeof ack === 'number' && Number.isSafeInteger(ack)) ? ack : false
}

/** A JSON object. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
