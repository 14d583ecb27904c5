// Credentials of a user for a call: the JSON that `parley demo --credentials` prints and `parley talk` reads.
import { SessionId, Snowflake } from '@parley/protocol'
import { z } from 'zod'

export const Credentials = z.object({
  /** `host:port` of the voice gateway, without scheme. */
  endpoint: z.string().min(1).max(512),
  /** The guild; in a DM or group call the channel. */
  server_id: Snowflake,
  channel_id: Snowflake,
  user_id: Snowflake,
  session_id: SessionId,
  token: z.string().min(1).max(512),
  /** Path of a PEM file with the certificate to trust, if the system does not trust it already. */
  ca: z.string().min(1).max(4096).optional(),
})
export type Credentials = z.infer<typeof Credentials>
