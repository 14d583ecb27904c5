// Selects the voice states that a message of LVSP names, without a search over channels.
import type { BackendId } from '../channel/channel-ref.ts'
import type { Channels } from '../channel/channels.ts'
import type { Place } from '../channel/voice-states/voice-state-index.ts'
import type { VoiceStateSelector } from '../lvsp/node-control.ts'

/** Every field given has to match, so that a message about an old voice state does not end a newer one. */
export function selectPlaces(channels: Channels, backend: BackendId, selector: VoiceStateSelector): Place[] {
  const { sessionId, userId, channelId, guildId } = selector
  return candidates(channels, backend, selector).filter(
    ({ channel, state }) =>
      channel.backend === backend &&
      (sessionId === undefined || state.sessionId === sessionId) &&
      (userId === undefined || state.userId === userId) &&
      (channelId === undefined || channel.channelId === channelId) &&
      (guildId === undefined || channel.guildId === guildId),
  )
}

/** The narrowest index that the selector allows. */
function candidates(channels: Channels, backend: BackendId, selector: VoiceStateSelector): readonly Place[] {
  const { sessionId, userId, channelId, guildId } = selector
  const channel = channelId === undefined ? undefined : channels.find(backend, channelId)
  if (channelId !== undefined && channel === undefined) return []
  if (userId !== undefined && channel !== undefined) {
    const state = channel.voiceStates.get(userId)
    return state === undefined ? [] : [{ channel, state }]
  }
  if (userId !== undefined && guildId !== undefined) return channels.voiceStates.ofUser(guildId, userId)
  if (sessionId === undefined) return []
  return channels.voiceStates.ofSession(backend, sessionId, channel?.serverId ?? guildId)
}
