// What a backend sets on its channels and voice states: the fields on the wire, and the properties that code uses.
import { z } from 'zod'
import { Snowflake } from '../ids.ts'
import { PROTOCOL_LIMITS } from '../limits.ts'

/** Channel properties on the wire (CHANNEL_REQ, CHANNEL_UPDATE). An absent field keeps its value. */
export const LvspChannelProperties = z.object({
  bitrate: z.int().min(0).max(PROTOCOL_LIMITS.bitrate).optional().describe('bits per second; a hint, not enforced'),
  user_limit: z
    .int()
    .min(0)
    .max(PROTOCOL_LIMITS.userLimit)
    .optional()
    .describe('user limit shown by clients; a hint: the backend decides who may join'),
  max_members: z
    .int()
    .min(1)
    .max(PROTOCOL_LIMITS.userLimit)
    .optional()
    .describe('voice states that the channel may have; above it, VOICE_STATE_CREATE is refused with FAILURE'),
  max_bitrate: z
    .int()
    .min(0)
    .max(PROTOCOL_LIMITS.bitrateLimit)
    .optional()
    .describe(
      'bits per second of media that the members may send together; traffic above the limit is dropped, video first; 0: no limit',
    ),
  max_member_bitrate: z
    .int()
    .min(0)
    .max(PROTOCOL_LIMITS.bitrateLimit)
    .optional()
    .describe('the same for each member by itself'),
  video: z.boolean().optional().describe('whether members may send video'),
  video_quality: z
    .int()
    .min(0)
    .max(100)
    .optional()
    .describe('best quality of the layers of video that viewers are sent; the lowest layer always is'),
  kind: z.enum(['voice', 'stage', 'stream']).optional().describe('kind of channel'),
  owner_id: Snowflake.optional().describe('for a stream: the user whose media it carries'),
  region: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/)
    .optional()
    .describe('region of the nodes to prefer, where a front serves several; a single node ignores it'),
  dave: z
    .enum(['off', 'allowed', 'required'])
    .optional()
    .describe('end-to-end encryption: never; whenever every client supports it; only clients that support it'),
})
export type LvspChannelProperties = z.infer<typeof LvspChannelProperties>

/** Properties of a channel. An absent property keeps its value, or its default in a new channel. */
export interface ChannelProperties {
  /** Bits per second; a hint that the node does not enforce. */
  bitrate?: number | undefined
  /** User limit that clients show; a hint, because the backend decides who may join. */
  userLimit?: number | undefined
  /** Voice states that the channel may have; the node refuses more. Default: `max_channel_members` of its configuration. */
  maxMembers?: number | undefined
  /**
   * Bits per second of media that the members may send together: RTP without transport encryption. Traffic above the limit is dropped,
   * video before audio. 0: only `max_channel_kbit` of the node's configuration bounds it, as by default.
   */
  maxBitrate?: number | undefined
  /** The same for each member by itself (`max_member_kbit`). */
  maxMemberBitrate?: number | undefined
  /** Whether members may send video. Default: true. */
  video?: boolean | undefined
  /**
   * Best quality of the layers of video that viewers are sent, 0 to 100, where senders offer several; the lowest layer always is.
   * Default: 100.
   */
  videoQuality?: number | undefined
  /** `voice` is a guild channel or call, `stage` has speakers and an audience, `stream` is a Go Live stream. Default: `voice`. */
  kind?: 'voice' | 'stage' | 'stream' | undefined
  /** For a stream: the user whose media it carries. */
  ownerId?: string | undefined
  /** Region of the nodes to prefer: letters, digits, `-` and `_`, at most 32. For fronts; a single node ignores it. */
  region?: string | undefined
  /**
   * End-to-end encryption (DAVE): `off` never, `allowed` whenever every client supports it, `required` only clients that
   * support it may join. Default: the node's `voice.dave`; `off` for a stage.
   */
  dave?: 'off' | 'allowed' | 'required' | undefined
}

/** Each wire field and the property that holds it. */
const PROPERTIES = {
  bitrate: 'bitrate',
  user_limit: 'userLimit',
  max_members: 'maxMembers',
  max_bitrate: 'maxBitrate',
  max_member_bitrate: 'maxMemberBitrate',
  video: 'video',
  video_quality: 'videoQuality',
  kind: 'kind',
  owner_id: 'ownerId',
  region: 'region',
  dave: 'dave',
} as const satisfies Record<keyof LvspChannelProperties, keyof ChannelProperties>

/** Renames wire fields to properties. Absent fields become undefined, which means "keep the value". */
export const channelPropertiesOf = (wire: LvspChannelProperties): ChannelProperties =>
  Object.fromEntries(Object.entries(PROPERTIES).map(([field, name]) => [name, wire[field as keyof typeof PROPERTIES]]))

/** The reverse of `channelPropertiesOf`. JSON omits properties that are undefined. */
export const wireChannelProperties = (properties: ChannelProperties): LvspChannelProperties =>
  Object.fromEntries(
    Object.entries(PROPERTIES).map(([field, name]) => [field, properties[name as keyof ChannelProperties]]),
  )

/** Restrictions of a voice state: fields of VOICE_STATE_CREATE and VOICE_STATE_UPDATE, with the same names in code. */
export const VOICE_STATE_RESTRICTIONS = {
  mute: z.boolean().optional().describe('muted by a moderator: media of this user is not forwarded'),
  deaf: z.boolean().optional().describe('deafened by a moderator: media is not forwarded to this user'),
  suppress: z.boolean().optional().describe('in the audience of a stage: like `mute`'),
  priority: z.boolean().optional().describe('may set the priority speaker flag'),
  flags: z
    .int()
    .min(0)
    .max(PROTOCOL_LIMITS.memberFlags)
    .optional()
    .describe('client flags (voice gateway op 18), sent to the other members'),
  platform: z
    .int()
    .min(0)
    .max(PROTOCOL_LIMITS.memberFlags)
    .optional()
    .describe('platform (voice gateway op 20), sent to the other members'),
}

/** What a user may do in a channel. An absent field keeps its value; in a new voice state it is false or unset. */
export interface VoiceStateRestrictions {
  /** Muted by a moderator: media of this user is not forwarded. */
  mute?: boolean | undefined
  /** Deafened by a moderator: media is not forwarded to this user. */
  deaf?: boolean | undefined
  /** In the audience of a stage: like `mute`. */
  suppress?: boolean | undefined
  /** May set the priority speaker flag. */
  priority?: boolean | undefined
  /** Client flags (voice gateway op 18), sent to the other members. */
  flags?: number | undefined
  /** Platform (voice gateway op 20): 0 desktop, 1 mobile, 2 Xbox, 3 PlayStation. Sent to the other members. */
  platform?: number | undefined
}
