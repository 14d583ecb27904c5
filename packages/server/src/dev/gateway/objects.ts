// Discord's objects, as the main gateway and REST send them.
// Fields that do not concern voice are present with neutral values, because typed libraries require them.
import type { Directory } from '../directory.ts'
import { EVERYONE } from '../permissions.ts'
import type { TestChannel, TestGuild, TestUser } from '../world.ts'

/** The part of a member of a call that a voice state shows. */
export interface VoiceStateFields {
  readonly user: TestUser
  readonly guildId: string
  channelId: string
  /** Of the user's session on the main gateway. */
  sessionId: string
  selfMute: boolean
  selfDeaf: boolean
  mute: boolean
  deaf: boolean
  /** In the audience of a stage. */
  suppress: boolean
}

/** Channel types: voice, and stage. */
const CHANNEL_TYPE = { voice: 2, stage: 13 } as const
const JOINED_AT = '2026-01-01T00:00:00.000000+00:00'

/** https://discord.com/developers/docs/resources/user */
export const userObject = ({ id, name, bot }: TestUser) => ({
  id,
  username: name,
  discriminator: '0',
  global_name: null,
  avatar: null,
  bot,
  flags: 0,
  public_flags: 0,
})

/** Of the user itself, in Ready and `/users/@me`. */
export const ownUserObject = (user: TestUser) => ({
  ...userObject(user),
  mfa_enabled: false,
  verified: true,
  email: null,
  locale: 'en-US',
})

/** A bot's application has the id of its user. */
export const applicationObject = (user: TestUser) => ({
  id: user.id,
  name: user.name,
  description: '',
  icon: null,
  bot_public: false,
  bot_require_code_grant: false,
  verify_key: '0'.repeat(64),
  flags: 0,
  team: null,
  owner: userObject(user),
  bot: userObject(user),
})

/** https://discord.com/developers/docs/resources/guild#guild-member-object */
export const memberObject = (user: TestUser, voice?: VoiceStateFields) => ({
  user: userObject(user),
  nick: null,
  avatar: null,
  roles: [],
  joined_at: JOINED_AT,
  premium_since: null,
  pending: false,
  communication_disabled_until: null,
  flags: 0,
  mute: voice?.mute ?? false,
  deaf: voice?.deaf ?? false,
})

/** https://discord.com/developers/docs/resources/channel */
export const channelObject = (guildId: string, channel: TestChannel, position = 0) => ({
  id: channel.id,
  guild_id: guildId,
  type: CHANNEL_TYPE[channel.kind],
  name: channel.name,
  position,
  permission_overwrites: channel.permission_overwrites,
  bitrate: channel.bitrate,
  user_limit: 0,
  rate_limit_per_user: 0,
  nsfw: false,
  parent_id: null,
  rtc_region: null,
  flags: 0,
})

/** The role that every member has; its id is that of the guild. */
export const roleObject = (guildId: string) => ({
  id: guildId,
  name: '@everyone',
  color: 0,
  colors: { primary_color: 0, secondary_color: null, tertiary_color: null },
  hoist: false,
  position: 0,
  permissions: String(EVERYONE),
  managed: false,
  mentionable: false,
  flags: 0,
})

/** A guild without its channels and members, as REST sends it. */
export const guildObject = ({ id, name }: TestGuild) => ({
  id,
  name,
  icon: null,
  splash: null,
  discovery_splash: null,
  banner: null,
  description: null,
  owner_id: id,
  region: 'parley',
  afk_channel_id: null,
  afk_timeout: 300,
  verification_level: 0,
  default_message_notifications: 0,
  explicit_content_filter: 0,
  mfa_level: 0,
  nsfw_level: 0,
  premium_tier: 0,
  premium_subscription_count: 0,
  premium_progress_bar_enabled: false,
  preferred_locale: 'en-US',
  system_channel_id: null,
  system_channel_flags: 0,
  rules_channel_id: null,
  public_updates_channel_id: null,
  safety_alerts_channel_id: null,
  application_id: null,
  vanity_url_code: null,
  max_members: 1_000,
  max_presences: null,
  max_video_channel_users: 25,
  features: [],
  emojis: [],
  stickers: [],
  roles: [roleObject(id)],
})

/** GUILD_CREATE. */
export function guildCreate(guild: TestGuild, directory: Directory, voices: readonly VoiceStateFields[]) {
  const users = [...directory.users.values()]
  return {
    ...guildObject(guild),
    joined_at: JOINED_AT,
    large: false,
    unavailable: false,
    member_count: users.length,
    members: users.map(user =>
      memberObject(
        user,
        voices.find(voice => voice.user === user),
      ),
    ),
    channels: guild.channels.map((channel, position) => channelObject(guild.id, channel, position)),
    voice_states: voices.map(voice => voiceStateObject(voice)),
    presences: [],
    threads: [],
    stage_instances: [],
    guild_scheduled_events: [],
    soundboard_sounds: [],
  }
}

/** VOICE_STATE_UPDATE. */
export const voiceStateObject = (voice: VoiceStateFields, hasLeft = false) => ({
  guild_id: voice.guildId,
  channel_id: hasLeft ? null : voice.channelId,
  user_id: voice.user.id,
  session_id: voice.sessionId,
  member: memberObject(voice.user, voice),
  mute: voice.mute,
  deaf: voice.deaf,
  self_mute: voice.selfMute,
  self_deaf: voice.selfDeaf,
  self_video: false,
  suppress: voice.suppress,
  request_to_speak_timestamp: null,
})
