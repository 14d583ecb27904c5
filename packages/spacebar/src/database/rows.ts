// The rows of Spacebar's database as the bridge reads them. A row of another shape is left out.
import { z } from 'zod'
import { streamName } from '../core/events.ts'
import type { StoredStreamSession, StoredVoiceState } from '../core/snapshot.ts'
import { LIMITS } from '../limits.ts'
import { Flag, optional, Snowflake } from '../shapes.ts'

const VoiceStateRow = z.object({
  user_id: Snowflake,
  guild_id: optional(Snowflake),
  channel_id: Snowflake,
  session_id: z.string().min(1).max(LIMITS.sessionId),
  token: z.string().min(1).max(LIMITS.token),
  mute: Flag,
  deaf: Flag,
  suppress: Flag,
  region: optional(z.string()),
  is_member: z.boolean(),
})

/** Undefined for a row of another shape. */
export function voiceStateOf(row: unknown): StoredVoiceState | undefined {
  const parsed = VoiceStateRow.safeParse(row)
  if (!parsed.success) return undefined
  const { user_id, guild_id, channel_id, session_id, token, mute, deaf, suppress, region, is_member } = parsed.data
  return {
    userId: user_id,
    place: { guildId: guild_id, channelId: channel_id },
    sessionId: session_id,
    token,
    restrictions: { mute, deaf, suppress },
    region,
    isMember: is_member,
  }
}

const StreamSessionRow = z.object({
  server_id: Snowflake,
  owner_id: Snowflake,
  channel_id: Snowflake,
  guild_id: optional(Snowflake),
  endpoint: z.string().min(1).max(LIMITS.endpoint),
  user_id: Snowflake,
  token: z.string().min(1).max(LIMITS.token),
})

/** Undefined for a row of another shape. The key is the one that Spacebar's events have. */
export function streamSessionOf(row: unknown): StoredStreamSession | undefined {
  const parsed = StreamSessionRow.safeParse(row)
  if (!parsed.success) return undefined
  const { server_id, owner_id, channel_id, guild_id, endpoint, user_id, token } = parsed.data
  const key = guild_id === undefined ? `call:${channel_id}:${owner_id}` : `guild:${guild_id}:${channel_id}:${owner_id}`
  const stream = streamName(key)
  return stream && { stream, serverId: server_id, endpoint, userId: user_id, token }
}
