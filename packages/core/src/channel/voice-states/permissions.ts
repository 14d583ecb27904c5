// Who may send and receive in a channel: what voice states, stages and streams allow.
import type { ChannelProperties } from '@parley/protocol'
import type { VoiceState } from './voice-state.ts'

/** Whether any media of this user is forwarded: not muted, not in the audience of a stage. A stream carries only its owner's. */
export const maySend = ({ kind, ownerId }: ChannelProperties, state: VoiceState): boolean =>
  !state.mute &&
  !state.mutedByOperator &&
  !state.suppress &&
  (kind !== 'stream' || ownerId === undefined || ownerId === state.userId)

/** Whether video of this user is forwarded, if it sends any. */
export const maySendVideo = (properties: ChannelProperties, state: VoiceState): boolean =>
  properties.video !== false && maySend(properties, state)

/** Whether media of others is forwarded to this user. */
export const mayReceive = ({ deaf }: VoiceState): boolean => !deaf
