// Identifiers on the wire: snowflakes, session ids, SSRCs.
import { z } from 'zod'
import { PROTOCOL_LIMITS } from './limits.ts'

/** 2^64 − 1. Texts of equal length compare like the numbers. */
const MAX_SNOWFLAKE = '18446744073709551615'

/**
 * A 64-bit id as a decimal string. Some clients and backends send integers: `decodeJson` has turned those beyond 2^53 into strings,
 * smaller ones are converted here. Output is always a string.
 */
export const Snowflake = z.union(
  [
    z
      .string()
      .regex(/^(0|[1-9][0-9]{0,19})$/, 'expected a snowflake: a decimal string of at most 20 digits')
      .refine(
        text => text.length < MAX_SNOWFLAKE.length || text <= MAX_SNOWFLAKE,
        'expected a snowflake: at most 64 bits',
      ),
    z.int().nonnegative().transform(String),
  ],
  'expected a snowflake: a decimal string or an integer',
)
export type Snowflake = z.infer<typeof Snowflake>

/** An opaque session id, chosen by the backend or the node. */
export const SessionId = z.string().min(1).max(PROTOCOL_LIMITS.sessionId)
export type SessionId = z.infer<typeof SessionId>

/** RTP synchronization source. The node assigns values below 2^31: several clients hold it in a signed 32-bit integer. */
export const Ssrc = z.int().min(0).max(0xffff_ffff)
export type Ssrc = z.infer<typeof Ssrc>
