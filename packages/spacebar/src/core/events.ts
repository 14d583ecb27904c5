// The events of Spacebar's bus that concern voice: their shapes, and the decoder that drops all others.
// Spacebar's events have more fields than are read here. An event that does not decode is ignored: the next
// reconciliation repairs what it would have said.
import { z } from 'zod'
import { LIMITS } from '../limits.ts'
import { Flag, optional, Snowflake } from '../shapes.ts'
import type { Place, Restrictions } from './place.ts'

const Token = z.string().min(1).max(LIMITS.token)
const Endpoint = z.string().min(1).max(LIMITS.endpoint)
const StreamKey = z.string().max(LIMITS.streamKey)

/** How Spacebar wraps each event: its name, its data and its recipient. */
const Envelope = z.object({
  event: z.string(),
  data: z.unknown(),
  guild_id: optional(Snowflake),
  channel_id: optional(Snowflake),
  user_id: optional(Snowflake),
})
type Envelope = z.infer<typeof Envelope>

const VoiceStateUpdate = z.object({
  user_id: Snowflake,
  guild_id: optional(Snowflake),
  channel_id: optional(Snowflake),
  session_id: optional(z.string().min(1).max(LIMITS.sessionId)),
  mute: Flag,
  deaf: Flag,
  suppress: Flag,
  self_stream: optional(z.boolean()),
  /** Absent for a user who is not a member of the guild: Spacebar does not check that. */
  member: optional(z.object({})),
})
const VoiceServerUpdate = z.object({
  token: Token,
  endpoint: optional(Endpoint),
  guild_id: optional(Snowflake),
  channel_id: optional(Snowflake),
})
const MemberGone = z.object({ guild_id: Snowflake, user: z.object({ id: Snowflake }) })
const Named = z.object({ id: Snowflake })
const StreamCreate = z.object({ stream_key: StreamKey, rtc_server_id: Snowflake })
const StreamServerUpdate = z.object({ stream_key: StreamKey, token: Token, endpoint: optional(Endpoint) })
const StreamDelete = z.object({ stream_key: StreamKey })

/** `guild:<guild>:<channel>:<owner>` or `call:<channel>:<owner>`. */
export interface StreamName {
  key: string
  place: Place
  ownerId: string
}

/** An event that concerns voice, in the bridge's words. Absent guilds mean a DM or group call. */
export type BusEvent =
  | {
      kind: 'voiceState'
      userId: string
      place: Place
      sessionId: string
      restrictions: Restrictions
      isMember: boolean
      /** Undefined where the event does not say. */
      isStreaming: boolean | undefined
    }
  /** `channelId` is where the user was, if the event says so. */
  | { kind: 'left'; userId: string; guildId: string | undefined; channelId: string | undefined }
  | {
      kind: 'voiceServer'
      userId: string
      guildId: string | undefined
      channelId: string | undefined
      token: string
      endpoint: string
    }
  | { kind: 'memberGone'; userId: string; guildId: string }
  | { kind: 'channelGone'; channelId: string }
  | { kind: 'recipientGone'; userId: string; channelId: string }
  | { kind: 'guildGone'; guildId: string }
  | { kind: 'streamCreated'; stream: StreamName; serverId: string }
  | { kind: 'streamServer'; stream: StreamName; userId: string; token: string; endpoint: string }
  | { kind: 'streamEnded'; stream: StreamName }
  | { kind: 'viewerLeft'; stream: StreamName; userId: string }

/** The event in an envelope; undefined for events of other kinds, and for invalid ones. */
export function decodeEvent(value: unknown): BusEvent | undefined {
  const envelope = Envelope.safeParse(value)
  if (!envelope.success) return undefined
  const decode = DECODERS.get(envelope.data.event)
  return decode?.(envelope.data)
}

/** By the name of the event. */
const DECODERS = new Map<string, (envelope: Envelope) => BusEvent | undefined>([
  ['VOICE_STATE_UPDATE', voiceState],
  ['VOICE_SERVER_UPDATE', voiceServer],
  ['GUILD_MEMBER_REMOVE', memberGone],
  ['GUILD_BAN_ADD', memberGone],
  ['CHANNEL_DELETE', channelGone],
  ['GUILD_DELETE', guildGone],
  ['STREAM_CREATE', streamCreated],
  ['STREAM_SERVER_UPDATE', streamServer],
  ['STREAM_DELETE', streamGone],
])

/**
 * Cheap test before a message is parsed: whether it may hold one of the events above. Quotation marks inside text are escaped in
 * JSON, so that no message of a user matches by its contents.
 */
export const mayConcernVoice = (json: string): boolean =>
  /"event"\s*:\s*"(?:VOICE_S|STREAM_|CHANNEL_DELETE|GUILD_(?:MEMBER_REMOVE|BAN_ADD|DELETE))/.test(json)

/** VOICE_STATE_UPDATE: with a channel a join, move or change; without one a leave. */
function voiceState({ data, channel_id: before }: Envelope): BusEvent | undefined {
  const parsed = VoiceStateUpdate.safeParse(data)
  if (!parsed.success) return undefined
  const { user_id: userId, guild_id: guildId, channel_id: channelId, session_id: sessionId } = parsed.data
  if (channelId === undefined) return { kind: 'left', userId, guildId, channelId: before }
  if (sessionId === undefined) return undefined
  const { mute, deaf, suppress, member, self_stream: isStreaming } = parsed.data
  return {
    kind: 'voiceState',
    userId,
    place: { guildId, channelId },
    sessionId,
    restrictions: { mute, deaf, suppress },
    isMember: guildId === undefined || member !== undefined,
    isStreaming,
  }
}

/** VOICE_SERVER_UPDATE. Without an endpoint the voice server is away, and another update follows. */
function voiceServer({ data, user_id: userId }: Envelope): BusEvent | undefined {
  const parsed = VoiceServerUpdate.safeParse(data)
  if (!parsed.success || userId === undefined || parsed.data.endpoint === undefined) return undefined
  const { token, endpoint, guild_id: guildId, channel_id: channelId } = parsed.data
  return { kind: 'voiceServer', userId, guildId, channelId, token, endpoint }
}

/** GUILD_MEMBER_REMOVE and GUILD_BAN_ADD. */
function memberGone({ data }: Envelope): BusEvent | undefined {
  const parsed = MemberGone.safeParse(data)
  return parsed.success ? { kind: 'memberGone', userId: parsed.data.user.id, guildId: parsed.data.guild_id } : undefined
}

/** Sent to one user, it means that this user was removed from a group. */
function channelGone({ data, guild_id, channel_id, user_id }: Envelope): BusEvent | undefined {
  const parsed = Named.safeParse(data)
  if (!parsed.success) return undefined
  const { id: channelId } = parsed.data
  if (guild_id !== undefined || channel_id !== undefined || user_id === undefined)
    return { kind: 'channelGone', channelId }
  return { kind: 'recipientGone', channelId, userId: user_id }
}

/** Sent to one user, it means that this user left the guild or was removed from it. */
function guildGone({ data, guild_id, user_id }: Envelope): BusEvent | undefined {
  const parsed = Named.safeParse(data)
  if (!parsed.success) return undefined
  const { id: guildId } = parsed.data
  if (guild_id !== undefined || user_id === undefined) return { kind: 'guildGone', guildId }
  return { kind: 'memberGone', guildId, userId: user_id }
}

/** STREAM_CREATE: the stream's channel id on the node is `rtc_server_id`. */
function streamCreated({ data }: Envelope): BusEvent | undefined {
  const parsed = StreamCreate.safeParse(data)
  const stream = parsed.success ? streamName(parsed.data.stream_key) : undefined
  return stream && { kind: 'streamCreated', stream, serverId: parsed.data!.rtc_server_id }
}

/** STREAM_SERVER_UPDATE: the token of the owner or of one viewer. */
function streamServer({ data, user_id: userId }: Envelope): BusEvent | undefined {
  const parsed = StreamServerUpdate.safeParse(data)
  const stream = parsed.success ? streamName(parsed.data.stream_key) : undefined
  const endpoint = parsed.data?.endpoint
  if (stream === undefined || userId === undefined || endpoint === undefined) return undefined
  return { kind: 'streamServer', stream, userId, token: parsed.data!.token, endpoint }
}

/** Sent to the channel, it ends the stream; sent to one viewer, that viewer stops watching. */
function streamGone({ data, guild_id, channel_id, user_id }: Envelope): BusEvent | undefined {
  const parsed = StreamDelete.safeParse(data)
  const stream = parsed.success ? streamName(parsed.data.stream_key) : undefined
  if (stream === undefined) return undefined
  const isForAll = guild_id !== undefined || channel_id !== undefined
  if (isForAll || user_id === undefined || user_id === stream.ownerId) return { kind: 'streamEnded', stream }
  return { kind: 'viewerLeft', stream, userId: user_id }
}

/** See `StreamName`. */
const STREAM_KEY = /^(?:guild:(\d{1,20})|call):(\d{1,20}):(\d{1,20})$/

/** Undefined for a key that is not one of Spacebar. */
export function streamName(key: string): StreamName | undefined {
  const [, guildId, channelId, ownerId] = STREAM_KEY.exec(key) ?? []
  if (channelId === undefined || ownerId === undefined) return undefined
  return { key, place: { guildId, channelId }, ownerId }
}
