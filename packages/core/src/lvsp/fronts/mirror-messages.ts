// The messages that keep a front's view of a node: CHANNEL_MIRROR and VOICE_STATE_MIRROR.
import { type LvspEventData, type LvspInfo, wireChannelProperties } from '@parley/protocol'
import type { MirrorItem } from '../node-control.ts'

type Mirrored = Exclude<MirrorItem, { kind: 'encryption' }>
type OfVoiceState = Extract<Mirrored, { kind: 'voiceState' | 'voiceStateEnded' }>
type OfChannel = Exclude<Mirrored, OfVoiceState>

export const isOfVoiceState = (item: Mirrored): item is OfVoiceState =>
  item.kind === 'voiceState' || item.kind === 'voiceStateEnded'

export function channelMirror(item: OfChannel, endpoint: string): LvspEventData<typeof LvspInfo.ChannelMirror> {
  const { channelId: channel_id, guildId: guild_id } = item.kind === 'channel' ? item.grant : item.channel
  if (item.kind === 'channelEnded') return { channel_id, guild_id, epoch: item.epoch, ended: true }
  const channel_properties = wireChannelProperties(item.properties)
  return { channel_id, guild_id, token: item.grant.token, endpoint, epoch: item.epoch, channel_properties }
}

export function voiceStateMirror(
  item: OfVoiceState,
  endpoint: string,
): LvspEventData<typeof LvspInfo.VoiceStateMirror> {
  const { channelId: channel_id, guildId: guild_id } = item.kind === 'voiceState' ? item.grant : item.channel
  if (item.kind === 'voiceStateEnded') return { user_id: item.userId, channel_id, guild_id, ended: true }
  const { userId: user_id, sessionId: session_id, token, connected } = item.grant
  return { user_id, channel_id, guild_id, session_id, token, endpoint, connected, ...item.restrictions }
}
