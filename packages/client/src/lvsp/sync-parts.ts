// Splits a SYNC into messages below the size limit: one message cannot hold all users of a large backend.
import { PROTOCOL_LIMITS } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import type { ChannelRef } from './channel.ts'

/** A channel of the backend with its users. */
export interface SyncedChannel extends ChannelRef {
  /** Snowflakes of the users with a voice state in the channel. */
  userIds: readonly string[]
}

interface WireChannel {
  channel_id: string
  guild_id?: string | undefined
  users: { user_id: string }[]
}
/** Data of one SYNC message. */
export interface SyncPart {
  channels: WireChannel[]
  /** True on all parts but the last: the node acts on the last one. */
  more?: boolean | undefined
  /** Seconds; on the last part. */
  grace?: number | undefined
}

/** The parts of a SYNC, at least one. A channel with many users occurs in several parts. */
export function syncParts(channels: readonly SyncedChannel[], grace?: number): SyncPart[] {
  const parts: SyncPart[] = [{ channels: [] }]
  let entries = 0
  for (const { channelId, guildId, userIds } of channels)
    for (let at = 0; at === 0 || at < userIds.length; ) {
      if (entries >= LIMITS.syncEntries || parts.at(-1)!.channels.length >= PROTOCOL_LIMITS.syncChannels) {
        parts.push({ channels: [] })
        entries = 0
      }
      const users = userIds.slice(at, at + LIMITS.syncEntries - entries).map(user_id => ({ user_id }))
      parts.at(-1)!.channels.push({ channel_id: channelId, guild_id: guildId, users })
      entries += 1 + users.length
      at += users.length || 1
    }
  return parts.map((part, i) =>
    i < parts.length - 1 ? { ...part, more: true } : grace === undefined ? part : { ...part, grace },
  )
}
