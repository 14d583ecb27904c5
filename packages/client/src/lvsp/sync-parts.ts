// Cuts a SYNC into messages that a node takes: one cannot name all users of a large backend.
import { LVSP_SYNC_CHANNELS } from '@parley/protocol'
import type { ChannelRef } from './outputs.ts'

/** A channel the backend has, and who is in it. */
export interface SyncedChannel extends ChannelRef {
  userIds: readonly string[]
}

interface WireChannel {
  channel_id: string
  guild_id?: string | undefined
  users: { user_id: string }[]
}
export interface SyncPart {
  channels: WireChannel[]
  more?: boolean | undefined
}

/** An entry is a few dozen characters long; so many stay well below the 64 KiB of a message. */
const ENTRIES_PER_PART = 500

/** A channel with many users is named in several parts. There is at least one part, and all but the last say `more`. */
export function syncParts(channels: readonly SyncedChannel[]): SyncPart[] {
  const parts: SyncPart[] = [{ channels: [] }]
  let entries = 0
  for (const { channelId, guildId, userIds } of channels)
    for (let at = 0; at === 0 || at < userIds.length; ) {
      if (entries >= ENTRIES_PER_PART || parts.at(-1)!.channels.length >= LVSP_SYNC_CHANNELS) {
        parts.push({ channels: [] })
        entries = 0
      }
      const users = userIds.slice(at, at + ENTRIES_PER_PART - entries).map(user_id => ({ user_id }))
      parts.at(-1)!.channels.push({ channel_id: channelId, guild_id: guildId, users })
      entries += 1 + users.length
      at += users.length || 1
    }
  return parts.map((part, i) => (i < parts.length - 1 ? { ...part, more: true } : part))
}
