// What a backend says of channels and users, and how it goes over the wire.
import type { ChannelRef, UserRef } from './outputs.ts'

/** What a backend may say of a channel. What is left out stays as it is. */
export interface ChannelProperties {
  /** Bits per second, a hint. */
  bitrate?: number | undefined
  /** How many users there shall be, a hint: the backend decides who comes in. */
  userLimit?: number | undefined
  video?: boolean | undefined
  kind?: 'voice' | 'stage' | 'stream' | undefined
  /** Of a stream: whose media it carries. */
  ownerId?: string | undefined
  /** End-to-end encryption: never, whenever every client can, or only with clients that can. */
  dave?: 'off' | 'allowed' | 'required' | undefined
}

/** What a backend may say of a user in a channel. What is left out stays as it is. */
export interface VoiceStateRestrictions {
  mute?: boolean | undefined
  deaf?: boolean | undefined
  suppress?: boolean | undefined
  priority?: boolean | undefined
  flags?: number | undefined
  platform?: number | undefined
}

export interface NewVoiceState extends VoiceStateRestrictions {
  /** The user's main gateway session id. Without it the node invents one, which official clients do not accept. */
  sessionId?: string | undefined
}

/** One voice state, or all of a user in a guild. */
export type VoiceStateSelector = { sessionId: string } | UserRef | { userId: string; guildId: string }

export const wireChannel = ({ channelId, guildId }: ChannelRef) => ({ channel_id: channelId, guild_id: guildId })
export const wireUser = (user: UserRef) => ({ user_id: user.userId, ...wireChannel(user) })
export const wireProperties = ({ userLimit, ownerId, bitrate, video, kind, dave }: ChannelProperties) => ({
  bitrate,
  user_limit: userLimit,
  video,
  kind,
  owner_id: ownerId,
  dave,
})

export function wireSelector(which: VoiceStateSelector) {
  if ('sessionId' in which) return { session_id: which.sessionId }
  const channelId = 'channelId' in which ? which.channelId : undefined
  return { user_id: which.userId, channel_id: channelId, guild_id: which.guildId }
}
