// Why a node refuses a message of a backend.
/** `code` of FAILURE. A refused command changes nothing. */
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
  TooMuchMemory: 11,
} as const
export type LvspFailure = (typeof LvspFailure)[keyof typeof LvspFailure]

/** Meaning of each failure code. */
export const LVSP_FAILURE_MEANINGS: Readonly<Record<LvspFailure, string>> = {
  [LvspFailure.InvalidData]: 'the data does not have the shape of its info type',
  [LvspFailure.UnknownType]: 'unknown info type, or one that only a node sends',
  [LvspFailure.NotAgreed]: 'the info type needs a capability that was not agreed on',
  [LvspFailure.UnknownChannel]: 'unknown channel',
  [LvspFailure.UnknownVoiceState]: 'unknown voice state',
  [LvspFailure.ChannelConflict]: 'the channel exists in another guild',
  [LvspFailure.TooManyChannels]: 'the backend has as many channels as the node allows',
  [LvspFailure.TooManyVoiceStates]: 'the channel or the backend has as many voice states as the node allows',
  [LvspFailure.Draining]: 'the node is draining and accepts no new channels',
  [LvspFailure.Unavailable]: 'the node cannot serve the request now',
  [LvspFailure.TooMuchMemory]: 'the backend occupies as much memory as the node allows',
}
