// Channels as a backend names them and as a node serves them.

/** Names a channel. */
export interface ChannelRef {
  /** Snowflake of the channel. */
  channelId: string
  /** Snowflake of the guild; absent for a DM or group call. */
  guildId?: string | undefined
}

/** For the front of a cluster; backends do not need it. */
export interface ChannelPlacement {
  /** Fencing number: a node ignores a CHANNEL_DESTROY that is older than the placement of its channel. */
  epoch?: number | undefined
}

/** A channel on a node (CHANNEL_ASSIGN). */
export interface AssignedChannel extends ChannelRef {
  /** Authenticates any user of the channel. Prefer the token of a voice state, which authenticates one user. */
  token: string
  /** `host[:port]` of the voice gateway; absent on nodes that do not announce it. */
  endpoint?: string | undefined
}

/** State of a channel's end-to-end encryption (CHANNEL_DAVE). */
export interface ChannelEncryption extends ChannelRef {
  /** DAVE version in force; 0 while the call is not encrypted end to end. */
  protocolVersion: number
  /** MLS epoch of the group; 0 while there is none. */
  epoch: number
  /** Users in the MLS group. */
  members: number
}

export const wireChannel = ({ channelId, guildId }: ChannelRef) => ({ channel_id: channelId, guild_id: guildId })
