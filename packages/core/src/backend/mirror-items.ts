// What a front keeps of the channels and voice states of a node.
import type { Channel } from '../channel/channel.ts'
import type { BackendId } from '../channel/channel-ref.ts'
import type { Channels } from '../channel/channels.ts'
import type { VoiceState } from '../channel/voice-states/voice-state.ts'
import type { MirrorItem } from '../lvsp/node-control.ts'
import { channelGrant, voiceStateGrant } from './state-items.ts'

export const channelItem = (channel: Channel): MirrorItem => ({
  kind: 'channel',
  grant: channelGrant(channel),
  epoch: channel.epoch,
  properties: channel.properties,
})

export function voiceStateItem(channel: Channel, state: VoiceState): MirrorItem {
  const { mute, deaf, suppress, priority, flags, platform } = state
  const restrictions = { mute, deaf, suppress, priority, flags, platform }
  return { kind: 'voiceState', grant: voiceStateGrant(channel, state), restrictions }
}

export const endedItem = ({ channelId, guildId, epoch }: Channel, userId: string | undefined): MirrorItem =>
  userId === undefined
    ? { kind: 'channelEnded', channel: { channelId, guildId }, epoch }
    : { kind: 'voiceStateEnded', channel: { channelId, guildId }, userId }

/** Each channel, followed by its voice states and its encryption. Undefined is a step without an item. */
export function* mirrorOf(channels: Channels, backend: BackendId): Generator<MirrorItem | undefined, void> {
  for (const channel of channels.ofBackend(backend)) {
    yield channelItem(channel)
    for (const state of channel.voiceStates.values()) yield voiceStateItem(channel, state)
    const { channelId, guildId, encryption } = channel
    const { version, epoch, members } = encryption.state
    yield version > 0 ? { kind: 'encryption', state: { channelId, guildId, version, epoch, members } } : undefined
  }
}
