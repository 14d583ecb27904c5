// Names of backends and channels.

/** A backend's id from the configuration. Each backend has its own name space of channels and users. */
export type BackendId = string

/** How a backend names a channel. `guildId` is absent for a DM or group call. */
export interface ChannelRef {
  channelId: string
  guildId?: string | undefined
}

/** Whether a message about `asked` means the channel: one without a guild id matches a channel of any guild. */
export const isSameGuild = (channel: ChannelRef, asked: ChannelRef): boolean =>
  asked.guildId === undefined || asked.guildId === channel.guildId

/** A channel of a node and the fencing number of its placement in a cluster; 0 without a front. */
export interface LocalPlacement {
  readonly tenant: BackendId
  readonly channelId: string
  readonly epoch: number
}
