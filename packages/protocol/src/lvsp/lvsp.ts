// LVSP's opcodes, info types, close codes and messages: what a chat backend and the node say to each other.
import { z } from 'zod'
import { SessionId, Snowflake } from '../ids.ts'
import { LvspChannelProperties, VOICE_STATE_RESTRICTIONS } from './properties.ts'

/** Opcodes of LVSP. */
export const LvspOp = {
  Hello: 0,
  Identify: 1,
  Resume: 2,
  Ready: 3,
  Heartbeat: 4,
  HeartbeatAck: 5,
  Info: 6,
} as const
export type LvspOp = (typeof LvspOp)[keyof typeof LvspOp]

/** Info types. 0–6 are the specification's; those from 16 on are ours and need an agreed capability (16 does not). */
export const LvspInfo = {
  ChannelRequest: 0,
  ChannelAssign: 1,
  ChannelDestroy: 2,
  VoiceStateCreate: 3,
  VoiceStateDone: 4,
  VoiceStateDestroy: 5,
  VoiceStateUpdate: 6,
  ChannelUpdate: 16,
  Failure: 17,
  VoiceStateConnected: 18,
  VoiceStateDisconnected: 19,
  VoiceStateSpeaking: 20,
  Sync: 21,
  TokenRefresh: 22,
  Stats: 23,
  ChannelDave: 24,
} as const
export type LvspInfo = (typeof LvspInfo)[keyof typeof LvspInfo]

/** Close codes of LVSP. */
export const LvspClose = { GeneralError: 4000, AuthenticationFailed: 4001, DecodeError: 4002 } as const
export type LvspClose = (typeof LvspClose)[keyof typeof LvspClose]

/** What the two sides may agree on in HELLO, IDENTIFY or RESUME, and READY. */
export const LvspCapability = {
  /** TOKEN_REFRESH; the token of one user in DONE is sent in any case. */
  UserToken: 'user_token',
  /** FAILURE. */
  Failure: 'failure',
  /** VOICE_STATE_CONNECTED, VOICE_STATE_DISCONNECTED, VOICE_STATE_SPEAKING. */
  Events: 'events',
  /** SYNC. */
  Sync: 'sync',
  /** STATS. */
  Stats: 'stats',
  /** CHANNEL_DAVE. */
  Dave: 'dave',
} as const
export type LvspCapability = (typeof LvspCapability)[keyof typeof LvspCapability]

/** `code` of FAILURE: why nothing was changed. */
export const LvspFailure = {
  InvalidData: 1,
  UnknownType: 2,
  NotAgreed: 3,
  UnknownChannel: 4,
  UnknownVoiceState: 5,
  ChannelConflict: 6,
  TooManyChannels: 7,
  TooManyVoiceStates: 8,
  Draining: 9,
  Unavailable: 10,
} as const
export type LvspFailure = (typeof LvspFailure)[keyof typeof LvspFailure]

/** What each failure code means. */
export const LVSP_FAILURE_MEANINGS: Readonly<Record<LvspFailure, string>> = {
  [LvspFailure.InvalidData]: 'the data does not have the shape of its info type',
  [LvspFailure.UnknownType]: 'no such info type, or one that only a node sends',
  [LvspFailure.NotAgreed]: 'the info type needs a capability that was not agreed on',
  [LvspFailure.UnknownChannel]: 'no such channel',
  [LvspFailure.UnknownVoiceState]: 'no such voice state',
  [LvspFailure.ChannelConflict]: 'the channel exists, but in another guild',
  [LvspFailure.TooManyChannels]: 'the backend has as many channels as the node allows',
  [LvspFailure.TooManyVoiceStates]: 'the channel has as many voice states as the node allows',
  [LvspFailure.Draining]: 'the node takes no new channels, because it is about to stop',
  [LvspFailure.Unavailable]: 'the node cannot serve it now, for a reason of its own',
}

const Health = z.number().min(0).max(1).describe('health of the node: 0 is the worst, 1 the best')
const Capabilities = z.array(z.string().max(64)).max(64)
const GuildId = Snowflake.nullable()
  .transform(id => id ?? undefined)
  .optional()
  .describe('guild id; absent (or null) for a DM or group call')
const ChannelId = Snowflake.describe('channel id')
const UserId = Snowflake.describe('user id')
const Endpoint = z.string().max(512).optional().describe('`host[:port]` that users dial; an addition of ours')
const Seq = z.int().nonnegative()

/** What every message looks like before its opcode is known. `s` numbers the INFO messages that a node sends. */
export const LvspMessage = z.object({ op: z.int(), d: z.unknown().optional(), s: Seq.nullish() })
export type LvspMessage = z.infer<typeof LvspMessage>

/** Op 0, from the node, once a connection is open. */
export const LvspHello = z.object({
  heartbeat_interval: z.int().positive().max(86_400_000).describe('milliseconds between heartbeats'),
  nonce: z.string().min(1).max(128).describe('10 random characters of `[A-Za-z0-9]`, used once'),
  server: z
    .object({ name: z.string().max(64), version: z.string().max(64) })
    .optional()
    .describe('what the node is; an addition of ours'),
  capabilities: Capabilities.optional().describe('what the node can do beyond the specification; an addition of ours'),
})
export type LvspHello = z.infer<typeof LvspHello>

/** Op 1, from the backend. */
export const LvspIdentify = z.object({
  token: z
    .string()
    .min(1)
    .max(512)
    .describe('HMAC-SHA256 of the nonce under the shared secret: hex, or base64 or base64url of the 32 bytes'),
  capabilities: Capabilities.nullish().describe('which of the capabilities in HELLO the backend wants'),
})
export type LvspIdentify = z.infer<typeof LvspIdentify>

/** Op 2, from the backend, instead of Identify. */
export const LvspResume = LvspIdentify.extend({
  seq: Seq.nullish().describe('`s` of the last INFO received; without it the state is sent again'),
  session: SessionId.nullish().describe('`session` of READY'),
})
export type LvspResume = z.infer<typeof LvspResume>

/** Op 3, from the node, after Identify; after what Resume replays. */
export const LvspReady = z.object({
  health: Health,
  session: SessionId.optional().describe('names what RESUME resumes; an addition of ours'),
  seq: Seq.optional().describe('`s` of the newest INFO of the session; an addition of ours'),
  resumed: z
    .enum(['replay', 'state'])
    .optional()
    .describe('after RESUME: whether missed INFO were replayed, or the state was sent again; an addition of ours'),
  capabilities: Capabilities.optional().describe('the capabilities agreed on; an addition of ours'),
})
export type LvspReady = z.infer<typeof LvspReady>

/** Op 5, from the node. Op 4, HEARTBEAT, has no fields. */
export const LvspHeartbeatAck = z.object({ health: Health })
export type LvspHeartbeatAck = z.infer<typeof LvspHeartbeatAck>

/** Op 6, from both sides: `data` by info type, see `LvspCommands` and `LvspEvents`. */
export const LvspInfoMessage = z.object({
  type: z.int().describe('info type'),
  data: z.unknown().optional().describe('info data, by info type'),
})
export type LvspInfoMessage = z.infer<typeof LvspInfoMessage>

const Channel = z.object({ channel_id: ChannelId, guild_id: GuildId })
const UserInChannel = z.object({ user_id: UserId, channel_id: ChannelId, guild_id: GuildId })

const VoiceStateName = z.object({
  session_id: SessionId.nullish().describe('session id of the voice state'),
  user_id: UserId.nullish(),
  channel_id: ChannelId.nullish(),
  guild_id: GuildId,
})
const isNamed = (d: { session_id?: unknown; user_id?: unknown; channel_id?: unknown; guild_id?: unknown }) =>
  typeof d.session_id === 'string' || (d.user_id != null && (d.channel_id != null || d.guild_id != null))
const NOT_NAMED = 'expected session_id, or user_id with channel_id or guild_id'

/** The most channels in one SYNC message; longer lists are sent in parts. */
export const LVSP_SYNC_CHANNELS = 1_000

const SyncChannel = Channel.extend({
  users: z
    .array(z.object({ user_id: UserId, session_id: SessionId.nullish() }))
    .max(5_000)
    .describe('who is in the channel'),
})

/** Data of the INFO messages a backend sends, by info type. */
export const LvspCommands = {
  [LvspInfo.ChannelRequest]: Channel.extend({
    channel_properties: LvspChannelProperties.optional().describe('as in CHANNEL_UPDATE; an addition of ours'),
  }).describe('Makes a channel, or finds it. Answered by CHANNEL_ASSIGN.'),
  [LvspInfo.ChannelDestroy]: Channel.describe('Ends a channel; its users are disconnected. No answer.'),
  [LvspInfo.VoiceStateCreate]: UserInChannel.extend({
    session_id: SessionId.nullish().describe('session id to use instead of one of ours; an addition of ours'),
    ...VOICE_STATE_RESTRICTIONS,
  }).describe('Lets a user into a channel, which is made if there is none. Answered by VOICE_STATE_DONE.'),
  [LvspInfo.VoiceStateDestroy]: VoiceStateName.refine(isNamed, NOT_NAMED).describe(
    'Ends a voice state, or all of a user in a guild; the user is disconnected. No answer.',
  ),
  [LvspInfo.VoiceStateUpdate]: VoiceStateName.extend(VOICE_STATE_RESTRICTIONS)
    .refine(isNamed, NOT_NAMED)
    .describe('Changes what a user may do. No answer.'),
  [LvspInfo.ChannelUpdate]: Channel.extend({
    channel_properties: LvspChannelProperties.describe('what changes'),
  }).describe('Changes a channel. No answer. Needs no capability.'),
  [LvspInfo.Sync]: z
    .object({
      channels: z.array(SyncChannel).max(LVSP_SYNC_CHANNELS).describe('everything the backend has'),
      more: z.boolean().optional().describe('the list goes on in the next SYNC, which is then the one that acts'),
    })
    .describe('Lists everything the backend has; what is not listed is destroyed. No answer. Needs `sync`.'),
  [LvspInfo.TokenRefresh]: UserInChannel.describe(
    'Replaces the token of a voice state. Answered by VOICE_STATE_DONE. Needs `user_token`.',
  ),
  [LvspInfo.Stats]: z.object({}).describe('Asks for numbers. Answered by STATS. Needs `stats`.'),
} as const
/** An info type that a backend sends. */
export type LvspCommand = keyof typeof LvspCommands
export type LvspCommandData<T extends LvspCommand> = z.infer<(typeof LvspCommands)[T]>

/** Data of the INFO messages a node sends, by info type. */
export const LvspEvents = {
  [LvspInfo.ChannelAssign]: Channel.extend({
    token: z.string().max(512).describe('authentication token that everyone in the channel may use'),
    endpoint: Endpoint,
  }).describe('A channel is ready.'),
  [LvspInfo.VoiceStateDone]: UserInChannel.extend({
    session_id: SessionId.describe('session id of the voice state'),
    token: z.string().max(512).optional().describe("the user's own authentication token; an addition of ours"),
    endpoint: Endpoint,
  }).describe('A voice state is ready: the user may connect.'),
  [LvspInfo.Failure]: z
    .object({
      in_reply_to: z
        .object({
          type: z.int(),
          data: z.object({
            channel_id: Snowflake.optional(),
            guild_id: GuildId,
            user_id: Snowflake.optional(),
            session_id: SessionId.optional(),
          }),
        })
        .describe('info type of the message that failed, as it was sent, and the ids it named'),
      code: z.int().describe('why, see the table of failure codes'),
      message: z.string().max(512).describe('why, for a person'),
    })
    .describe('Nothing was changed. Needs `failure`.'),
  [LvspInfo.VoiceStateConnected]: UserInChannel.extend({
    session_id: SessionId,
    protocol: z.enum(['udp', 'webrtc']).describe("how the user's media travels"),
  }).describe("A user's media is connected. Needs `events`."),
  [LvspInfo.VoiceStateDisconnected]: UserInChannel.extend({
    session_id: SessionId,
    protocol: z.enum(['udp', 'webrtc']),
    code: z.int().describe("close code of the user's voice connection"),
    resumable: z.boolean().describe('whether the user may still resume'),
  }).describe("A user's voice connection ended. The voice state stays. Needs `events`."),
  [LvspInfo.VoiceStateSpeaking]: UserInChannel.extend({
    speaking: z.int().min(0).describe('speaking flags'),
    video: z.boolean().describe('whether video is being sent'),
  }).describe("A user's speaking flags or video changed. Needs `events`."),
  [LvspInfo.ChannelDave]: Channel.extend({
    protocol_version: z.int().min(0).describe('DAVE version in force; 0 is a call without end-to-end encryption'),
    epoch: z.int().min(0).describe('epoch of the MLS group; 0 while there is none'),
    members: z.int().min(0).describe('users in the MLS group'),
  }).describe("How a channel's end-to-end encryption stands. Needs `dave`."),
  [LvspInfo.Stats]: z
    .object({
      channels: z.int().nonnegative().describe("the backend's channels"),
      sessions: z.int().nonnegative().describe("the backend's voice sessions"),
      egress_bps: z.number().nonnegative().describe('bits per second that the whole node sends'),
      health: Health,
    })
    .describe('Numbers. Needs `stats`.'),
} as const
/** An info type that a node sends. */
export type LvspEvent = keyof typeof LvspEvents
export type LvspEventData<T extends LvspEvent> = z.infer<(typeof LvspEvents)[T]>
