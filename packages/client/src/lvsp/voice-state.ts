// Voice states as a backend creates them and as a node reports them.
import type { VoiceStateRestrictions } from '@parley/protocol'
import { type ChannelRef, wireChannel } from './channel.ts'

/** Names one user in one channel. */
export interface UserRef extends ChannelRef {
  /** Snowflake of the user. */
  userId: string
}

/** A voice state to create. */
export interface NewVoiceState extends VoiceStateRestrictions {
  /**
   * The user's session id on the main gateway. Without it the node creates one; official clients do not accept that, because
   * they expect their own.
   */
  sessionId?: string | undefined
  /**
   * The backend's own token for the user, 1 to 512 characters: for backends whose clients receive a token that the node did not create.
   * The node accepts it only from a backend that is configured with `adopts_tokens`. Sent again, it replaces the last one.
   */
  token?: string | undefined
}

/** Selects one voice state by session id or by user and channel, or all voice states of a user in a guild. */
export type VoiceStateSelector = { sessionId: string } | UserRef | { userId: string; guildId: string }

/** A voice state on a node (VOICE_STATE_DONE): what the user needs to connect. */
export interface GrantedVoiceState extends UserRef {
  /** Session id to send to the user in the voice state update. */
  sessionId: string
  /** Authenticates this user only; absent on nodes that know only the token of the channel. */
  token?: string | undefined
  /** `host[:port]` of the voice gateway; absent on nodes that do not announce it. */
  endpoint?: string | undefined
  /** Whether the user has a voice session, connected or waiting for Resume; undefined on nodes that do not report it. */
  connected?: boolean | undefined
}

/** The media of a user is established (VOICE_STATE_CONNECTED). */
export interface VoiceStateConnected extends UserRef {
  sessionId: string
  /** Media transport of the user. */
  protocol: 'udp' | 'webrtc'
}

/** The voice connection of a user has ended (VOICE_STATE_DISCONNECTED). The voice state remains. */
export interface VoiceStateDisconnected extends VoiceStateConnected {
  /** Close code of the voice connection. */
  code: number
  /** Whether the user can still resume. */
  resumable: boolean
}

/** Speaking flags or video of a user changed (VOICE_STATE_SPEAKING). */
export interface VoiceStateSpeaking extends UserRef {
  /** Bits: 1 voice, 2 soundshare, 4 priority. 0 while silent. */
  speaking: number
  /** Whether the user sends video. */
  video: boolean
}

export const userOf = (data: { user_id: string; channel_id: string; guild_id?: string | undefined }): UserRef => ({
  userId: data.user_id,
  channelId: data.channel_id,
  guildId: data.guild_id,
})

export const wireUser = (user: UserRef) => ({ user_id: user.userId, ...wireChannel(user) })

export function wireSelector(which: VoiceStateSelector) {
  if ('sessionId' in which) return { session_id: which.sessionId }
  const channelId = 'channelId' in which ? which.channelId : undefined
  return { user_id: which.userId, channel_id: channelId, guild_id: which.guildId }
}
