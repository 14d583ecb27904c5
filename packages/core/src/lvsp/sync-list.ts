// The list of a SYNC, collected from its parts: a backend with many users cannot list all of them in one message.
import type { LvspCommandData, LvspInfo } from '@parley/protocol'
import type { ChannelRef } from '../channel/channel-ref.ts'
import { LIMITS } from '../limits.ts'

type SyncPart = LvspCommandData<typeof LvspInfo.Sync>['channels']

export class SyncList {
  readonly #channels = new Map<string, ChannelRef & { userIds: string[] }>()
  #users = 0

  /** Adds a part; a channel may occur in several. Returns false if the list is too long. */
  add(part: SyncPart): boolean {
    for (const { channel_id: channelId, guild_id: guildId, users } of part) {
      const channel = this.#channels.get(channelId) ?? { channelId, guildId, userIds: [] }
      this.#channels.set(channelId, channel)
      this.#users += users.length
      if (this.#channels.size > LIMITS.channelsPerBackend || this.#users > LIMITS.lvspSyncUsers) return false
      for (const user of users) channel.userIds.push(user.user_id)
    }
    return true
  }

  channels(): readonly (ChannelRef & { userIds: readonly string[] })[] {
    return [...this.#channels.values()]
  }
}
