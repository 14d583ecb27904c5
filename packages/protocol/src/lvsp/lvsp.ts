// LVSP: opcodes, info types, close codes and messages between a chat backend and a node.
// Each message is JSON: `{ op, d }`, and `s` in a numbered INFO of the node. INFO (op 6) carries an info type and its
// data. The texts of `describe` are published: `npm run docs` writes the tables of docs/lvsp.md and the JSON Schema
// files from these values.
import { z } from 'zod'
import { SessionId, Snowflake } from '../ids.ts'
import { PROTOCOL_LIMITS } from '../limits.ts'
import { LvspChannelProperties, VOICE_STATE_RESTRICTIONS } from './properties.ts'
import { VIDEO_SOURCE_FIELDS, VIDEO_VIEW_FIELDS } from './video.ts'

/** Opcodes of LVSP. */
export const LvspOp = {
  /** Node: the first message of a connection, with the nonce to authenticate over. */
  Hello: 0,
  /** Backend: authenticates. */
  Identify: 1,
  /** Backend: authenticates and asks for what it missed. */
  Resume: 2,
  /** Node: the backend is authenticated; INFO is read from now on. */
  Ready: 3,
  /** Backend: keeps the connection alive; no data. */
  Heartbeat: 4,
  /** Node: reply to op 4, with the node's health. */
  HeartbeatAck: 5,
  /** Both: everything about channels and voice states. */
  Info: 6,
} as const
export type LvspOp = (typeof LvspOp)[keyof typeof LvspOp]

/** Info types. 0–6 are those of the specification; extensions start at 16 and need an agreed capability (16 does not). */
export const LvspInfo = {
  /** Backend: create or find a channel. */
  ChannelRequest: 0,
  /** Node: the channel is ready. */
  ChannelAssign: 1,
  /** Backend: end a channel. */
  ChannelDestroy: 2,
  /** Backend: let a user into a channel. */
  VoiceStateCreate: 3,
  /** Node: the user can connect; session id, token and endpoint. */
  VoiceStateDone: 4,
  /** Backend: remove a user. */
  VoiceStateDestroy: 5,
  /** Backend: change the restrictions of a user. */
  VoiceStateUpdate: 6,
  /** Backend: change properties of a channel. */
  ChannelUpdate: 16,
  /** Node: a command was refused. */
  Failure: 17,
  /** Node: a user's media is established. */
  VoiceStateConnected: 18,
  /** Node: a user's voice connection ended. */
  VoiceStateDisconnected: 19,
  /** Node: a user's speaking flags or video changed. */
  VoiceStateSpeaking: 20,
  /** Backend: the complete list of its channels and users. */
  Sync: 21,
  /** Backend: replace a user's token. */
  TokenRefresh: 22,
  /** Both: request and reply, the load of the node. */
  Stats: 23,
  /** Node: the end-to-end encryption of a channel changed. */
  ChannelDave: 24,
  /** Node: whether this connection or another one of the backend receives INFO. */
  Receiver: 25,
  /** Node: move the users of a channel elsewhere, the node is about to stop. */
  ChannelDraining: 26,
  /** Node: what a viewer is sent of a source of video changed. */
  VideoView: 27,
  /** Node: a source of video began, paused or ended, or its number of viewers changed. */
  VideoSource: 28,
  /** Node, to a front: a channel as another front or the node changed it. */
  ChannelMirror: 29,
  /** Node, to a front: the same for a voice state. */
  VoiceStateMirror: 30,
  /** Front: whether its backend is connected to it. */
  FrontBackend: 31,
} as const
export type LvspInfo = (typeof LvspInfo)[keyof typeof LvspInfo]

/**
 * Close codes of LVSP. After GeneralError (4000) the backend reconnects and resumes; AuthenticationFailed (4001) means
 * a wrong token or none in time; DecodeError (4002) means a message that is not a JSON object or is too long.
 */
export const LvspClose = { GeneralError: 4000, AuthenticationFailed: 4001, DecodeError: 4002 } as const
export type LvspClose = (typeof LvspClose)[keyof typeof LvspClose]

/** Extensions that the two sides agree on in HELLO, IDENTIFY or RESUME, and READY. */
export const LvspCapability = {
  /** TOKEN_REFRESH. VOICE_STATE_DONE carries the token of the user in any case. */
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
  /** RECEIVER. */
  Receiver: 'receiver',
  /** CHANNEL_DRAINING. */
  Draining: 'draining',
  /** VIDEO_VIEW, VIDEO_SOURCE. */
  Video: 'video',
  /** `front` in IDENTIFY and RESUME; CHANNEL_MIRROR, VOICE_STATE_MIRROR, FRONT_BACKEND. */
  Front: 'front',
  /** `token` in VOICE_STATE_CREATE. READY grants it only to a backend that is configured so. */
  AdoptToken: 'adopt_token',
} as const
export type LvspCapability = (typeof LvspCapability)[keyof typeof LvspCapability]

const Health = z.number().min(0).max(1).describe('health of the node, 0 (worst) to 1 (best)')
const Name = z.string().max(PROTOCOL_LIMITS.name)
const Capabilities = z.array(Name).max(PROTOCOL_LIMITS.names)
const GuildId = Snowflake.nullable()
  .transform(id => id ?? undefined)
  .optional()
  .describe('guild id; absent (or null) for a DM or group call')
const ChannelId = Snowflake.describe('channel id')
const UserId = Snowflake.describe('user id')
const Endpoint = z
  .string()
  .max(PROTOCOL_LIMITS.endpoint)
  .optional()
  .describe('`host[:port]` to which users connect; an extension')
const Token = z.string().max(PROTOCOL_LIMITS.token)
const Seq = z.int().nonnegative()
/** Fencing number of a placement: see docs/cluster.md. */
const Epoch = z.int().min(1).max(PROTOCOL_LIMITS.clusterEpoch)

/** Any message before its opcode is known. `s` numbers the INFO messages of a node. */
export const LvspMessage = z.object({ op: z.int(), d: z.unknown().optional(), s: Seq.nullish() })
export type LvspMessage = z.infer<typeof LvspMessage>

/** Op 0, from the node, when a connection opens. */
export const LvspHello = z.object({
  heartbeat_interval: z
    .int()
    .positive()
    .max(PROTOCOL_LIMITS.lvspHeartbeatInterval)
    .describe('milliseconds between heartbeats'),
  nonce: z.string().min(1).max(PROTOCOL_LIMITS.lvspNonce).describe('10 random characters `[A-Za-z0-9]`, used once'),
  server: z.object({ name: Name, version: Name }).optional().describe('name and version of the node; an extension'),
  capabilities: Capabilities.optional().describe('capabilities that the node offers; an extension'),
})
export type LvspHello = z.infer<typeof LvspHello>

/** Op 1, from the backend. */
export const LvspIdentify = z.object({
  token: Token.min(1).describe(
    'HMAC-SHA256 of the nonce under the shared secret: hex, or base64 or base64url of the 32 bytes',
  ),
  capabilities: Capabilities.nullish().describe('capabilities that the backend requests; an extension'),
  front: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/)
    .nullish()
    .describe('from the front of a cluster: its id. It has a session of its own; needs `front`'),
})
export type LvspIdentify = z.infer<typeof LvspIdentify>

/** Op 2, from the backend, instead of Identify. */
export const LvspResume = LvspIdentify.extend({
  seq: Seq.nullish().describe('`s` of the last INFO received; without it the complete state is sent again'),
  session: SessionId.nullish().describe('`session` of READY'),
})
export type LvspResume = z.infer<typeof LvspResume>

/** Op 3, from the node, after IDENTIFY, or after the replay of RESUME. */
export const LvspReady = z.object({
  health: Health,
  session: SessionId.optional().describe('id of the session for RESUME; an extension'),
  seq: Seq.optional().describe('`s` of the newest INFO of the session; an extension'),
  resumed: z
    .enum(['replay', 'state'])
    .optional()
    .describe('after RESUME: whether missed INFO messages were replayed, or the state was sent again; an extension'),
  capabilities: Capabilities.optional().describe('capabilities agreed on; an extension'),
})
export type LvspReady = z.infer<typeof LvspReady>

/** Op 5, from the node. Op 4, HEARTBEAT, has no fields. */
export const LvspHeartbeatAck = z.object({ health: Health })
export type LvspHeartbeatAck = z.infer<typeof LvspHeartbeatAck>

/** Op 6, from both sides. `data` depends on the info type: see `LvspCommands` and `LvspEvents`. */
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
/** Whether a message names its voice states: by session id, or by user id together with a channel or a guild. */
const isNamed = (d: { session_id?: unknown; user_id?: unknown; channel_id?: unknown; guild_id?: unknown }) =>
  typeof d.session_id === 'string' || (d.user_id != null && (d.channel_id != null || d.guild_id != null))
const NOT_NAMED = 'expected session_id, or user_id with channel_id or guild_id'

const SyncChannel = Channel.extend({
  users: z
    .array(z.object({ user_id: UserId, session_id: SessionId.nullish() }))
    .max(PROTOCOL_LIMITS.syncUsers)
    .describe('users with a voice state in the channel'),
})

/** Data of the INFO messages of a backend by info type: `LvspCommands[type].safeParse(data)` decodes one. */
export const LvspCommands = {
  [LvspInfo.ChannelRequest]: Channel.extend({
    channel_properties: LvspChannelProperties.optional().describe('as in CHANNEL_UPDATE; an extension'),
    epoch: Epoch.optional().describe(
      'from the front of a cluster: the fencing number of the placement; of others ignored',
    ),
  }).describe('Creates a channel, or finds it. Answered by CHANNEL_ASSIGN.'),
  [LvspInfo.ChannelDestroy]: Channel.extend({
    epoch: Epoch.optional().describe(
      'from the front of a cluster: a channel that was placed with a higher epoch stays; of others ignored',
    ),
  }).describe('Ends a channel; its users are disconnected. No answer.'),
  [LvspInfo.VoiceStateCreate]: UserInChannel.extend({
    session_id: SessionId.nullish().describe('session id to use instead of a generated one; an extension'),
    token: Token.min(1).nullish().describe('token to use instead of a generated one; needs `adopt_token`'),
    ...VOICE_STATE_RESTRICTIONS,
  }).describe('Creates a voice state, and its channel if necessary. Answered by VOICE_STATE_DONE.'),
  [LvspInfo.VoiceStateDestroy]: VoiceStateName.refine(isNamed, NOT_NAMED).describe(
    'Ends a voice state, or all voice states of a user in a guild; the user is disconnected. No answer.',
  ),
  [LvspInfo.VoiceStateUpdate]: VoiceStateName.extend(VOICE_STATE_RESTRICTIONS)
    .refine(isNamed, NOT_NAMED)
    .describe('Changes the restrictions of a voice state. No answer.'),
  [LvspInfo.ChannelUpdate]: Channel.extend({
    channel_properties: LvspChannelProperties.describe('properties to change'),
  }).describe('Changes properties of a channel. No answer. Needs no capability.'),
  [LvspInfo.Sync]: z
    .object({
      channels: z.array(SyncChannel).max(PROTOCOL_LIMITS.syncChannels).describe('channels of the backend'),
      more: z.boolean().optional().describe('the list continues in the next SYNC; the node acts on the last one'),
      grace: z
        .int()
        .min(0)
        .max(PROTOCOL_LIMITS.syncGrace)
        .optional()
        .describe(
          'seconds until what is not listed is destroyed, unless it is created again; default 0; of the last part',
        ),
    })
    .describe('Lists all channels and voice states of the backend; all others are destroyed. No answer. Needs `sync`.'),
  [LvspInfo.TokenRefresh]: UserInChannel.describe(
    'Replaces the token of a voice state. Answered by VOICE_STATE_DONE. Needs `user_token`.',
  ),
  [LvspInfo.FrontBackend]: z
    .object({
      connected: z.boolean().describe('whether the backend has a connection to this front'),
      video: z.boolean().optional().describe('whether the backend agreed to `video` there; otherwise that is not sent'),
      fresh: z
        .boolean()
        .optional()
        .describe(
          'a connection of the backend is ready without a replay: the node resends the messages that follow READY',
        ),
    })
    .describe(
      'From a front. Of the fronts with a connection of the backend, the last one passes events on: RECEIVER. No answer. Needs `front`.',
    ),
  [LvspInfo.Stats]: z.object({}).describe('Requests the load of the node. Answered by STATS. Needs `stats`.'),
} as const
/** Info type of a backend's message. */
export type LvspCommand = keyof typeof LvspCommands
/** Decoded data of a backend's message. */
export type LvspCommandData<T extends LvspCommand> = z.infer<(typeof LvspCommands)[T]>

/** Data of the INFO messages of a node by info type. */
export const LvspEvents = {
  [LvspInfo.ChannelAssign]: Channel.extend({
    token: Token.describe('authentication token for all users of the channel'),
    endpoint: Endpoint,
  }).describe('A channel is ready.'),
  [LvspInfo.VoiceStateDone]: UserInChannel.extend({
    session_id: SessionId.describe('session id of the voice state'),
    token: Token.optional().describe('authentication token of this user; an extension'),
    endpoint: Endpoint,
    connected: z.boolean().optional().describe('whether the user has a voice session; an extension'),
  }).describe('A voice state is ready: the user can connect.'),
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
        .describe('info type of the refused message, and the ids that it named'),
      code: z.int().describe('failure code, see the table'),
      message: z.string().max(PROTOCOL_LIMITS.text).describe('human-readable reason'),
    })
    .describe('A message was refused and changed nothing. Needs `failure`.'),
  [LvspInfo.VoiceStateConnected]: UserInChannel.extend({
    session_id: SessionId,
    protocol: z.enum(['udp', 'webrtc']).describe('media transport of the user'),
  }).describe('The media of a user is established. Needs `events`.'),
  [LvspInfo.VoiceStateDisconnected]: UserInChannel.extend({
    session_id: SessionId,
    protocol: z.enum(['udp', 'webrtc']),
    code: z.int().describe('close code of the voice connection'),
    resumable: z.boolean().describe('whether the user can still resume'),
  }).describe('The voice connection of a user ended. The voice state remains. Needs `events`.'),
  [LvspInfo.VoiceStateSpeaking]: UserInChannel.extend({
    speaking: z.int().min(0).describe('speaking flags'),
    video: z.boolean().describe('whether the user sends video'),
  }).describe('Speaking flags or video of a user changed. Needs `events`.'),
  [LvspInfo.ChannelDave]: Channel.extend({
    protocol_version: z.int().min(0).describe('DAVE version in force; 0 is a call without end-to-end encryption'),
    epoch: z.int().min(0).describe('epoch of the MLS group; 0 while there is none'),
    members: z.int().min(0).describe('users in the MLS group'),
  }).describe('The end-to-end encryption of a channel changed. Needs `dave`.'),
  [LvspInfo.Receiver]: z
    .object({
      receives: z.boolean().describe('whether this connection receives the other INFO messages from now on'),
    })
    .describe(
      'Another connection of the backend receives the INFO messages instead of this one, or this one does again. Not numbered. Needs `receiver`.',
    ),
  [LvspInfo.ChannelDraining]: Channel.extend({
    timeout: z.int().nonnegative().describe('milliseconds until the node closes the voice connections that are left'),
  }).describe('The node is about to stop: move the users of the channel to another one. Needs `draining`.'),
  [LvspInfo.VideoView]: UserInChannel.extend(VIDEO_VIEW_FIELDS).describe(
    'The layer that a viewer is sent of a source of video changed, or the reason for it. Needs `video`.',
  ),
  [LvspInfo.VideoSource]: UserInChannel.extend(VIDEO_SOURCE_FIELDS).describe(
    'A source of video began, paused or ended, or its number of viewers changed. Needs `video`.',
  ),
  [LvspInfo.ChannelMirror]: Channel.extend({
    token: Token.optional(),
    endpoint: Endpoint,
    epoch: z.int().min(0).max(PROTOCOL_LIMITS.clusterEpoch).optional().describe('fencing number of the placement'),
    channel_properties: LvspChannelProperties.optional().describe('all properties'),
    ended: z.boolean().optional().describe('the channel has ended'),
  }).describe('To a front: a channel that it did not change itself; after IDENTIFY each channel. Needs `front`.'),
  [LvspInfo.VoiceStateMirror]: UserInChannel.extend({
    session_id: SessionId.optional(),
    token: Token.optional(),
    endpoint: Endpoint,
    connected: z.boolean().optional(),
    ...VOICE_STATE_RESTRICTIONS,
    ended: z.boolean().optional().describe('the voice state has ended'),
  }).describe('To a front: the same for a voice state. Needs `front`.'),
  [LvspInfo.Stats]: z
    .object({
      channels: z.int().nonnegative().describe('channels of the backend'),
      sessions: z.int().nonnegative().describe('voice sessions of the backend'),
      views: z
        .record(z.string(), z.int().nonnegative())
        .optional()
        .describe(
          'viewers of video of the backend, each counted per source, by what limits their layer; `best`: nothing',
        ),
      egress_bps: z.number().nonnegative().describe('bits per second that the node sends in total'),
      health: Health,
    })
    .describe('Load of the node. Needs `stats`.'),
} as const
/** Info type of a node's message. */
export type LvspEvent = keyof typeof LvspEvents
/** Decoded data of a node's message. */
export type LvspEventData<T extends LvspEvent> = z.infer<(typeof LvspEvents)[T]>
