// The state of a backend as LVSP reports it: channels, voice states and encryption.
import type { Channel } from '../channel/channel.ts'
import type { BackendId } from '../channel/channel-ref.ts'
import type { Channels } from '../channel/channels.ts'
import type { VoiceState } from '../channel/voice-states/voice-state.ts'
import type { ChannelGrant, StateItem, VoiceStateGrant } from '../lvsp/node-control.ts'

/** What CHANNEL_ASSIGN carries. */
export const channelGrant = ({ channelId, guildId, token }: Channel): ChannelGrant => ({ channelId, guildId, token })

/** What VOICE_STATE_DONE carries. `connected` is true also for a session that waits for Resume. */
export function voiceStateGrant(channel: Channel, { userId, sessionId, token }: VoiceState): VoiceStateGrant {
  const { channelId, guildId } = channel
  return { channelId, guildId, userId, sessionId, token, connected: channel.sessionOf(userId) !== undefined }
}

/** First the channels, then the voice states, then the encryption. Undefined is a step without an item. */
export function* stateOf(channels: Channels, backend: BackendId): Generator<StateItem | undefined, void> {
  for (const channel of channels.ofBackend(backend)) yield { kind: 'channel', grant: channelGrant(channel) }
  for (const channel of channels.ofBackend(backend)) {
    yield undefined
    for (const state of channel.voiceStates.values())
      yield { kind: 'voiceState', grant: voiceStateGrant(channel, state) }
  }
  for (const { channelId, guildId, encryption } of channels.ofBackend(backend)) {
    const { version, epoch, members } = encryption.state
    yield version > 0 ? { kind: 'encryption', state: { channelId, guildId, version, epoch, members } } : undefined
  }
}
