// Public names that run in any JavaScript environment, browsers included: sessions without sockets, and codecs.
// A session is a state machine: its host feeds it WebSocket events with the time, drains `takeOutputs` after each call,
// and calls `tick` at `deadline`. `SessionLoop` is such a host for code that has timers.
export type { AssignedChannel, ChannelEncryption, ChannelRef } from './lvsp/channel.ts'
export type { LvspCommandInput } from './lvsp/commands.ts'
export { LvspClosedError, LvspRequestError } from './lvsp/lvsp-errors.ts'
export type {
  DrainingChannel,
  LvspAnswer,
  LvspOutput,
  MirroredChannel,
  MirroredVoiceState,
  NodeReady,
  NodeStats,
  ReceiverChange,
  RequestFailure,
  RequestId,
} from './lvsp/lvsp-outputs.ts'
export {
  LvspClientSession,
  type LvspSessionOptions,
  type LvspSessionState,
} from './lvsp/session.ts'
export { type SyncedChannel, type SyncPart, syncParts } from './lvsp/sync-parts.ts'
export type { VideoSource, VideoView } from './lvsp/video.ts'
export type {
  GrantedVoiceState,
  UserRef,
  VoiceStateConnected,
  VoiceStateDisconnected,
  VoiceStateSpeaking,
} from './lvsp/voice-state.ts'
export { type OggOpus, readOggOpus } from './ogg/ogg-opus.ts'
export { type OggOpusOptions, OggOpusWriter, writeOggOpus } from './ogg/ogg-opus-writer.ts'
export { OggError, type OggPage, PageFlag, readPage, writePage } from './ogg/ogg-page.ts'
export { OPUS_RATE, opusSamples } from './ogg/opus-packet.ts'
export { type Looped, SessionLoop } from './session-loop.ts'
export {
  ClientDave,
  type DaveCodec,
  type DaveKeys,
  type DaveLibrary,
  type DaveMedia,
  type DaveOutlet,
  type RemoteDave,
} from './voice/dave/dave.ts'
export type { DaveCommand, DaveEvent, DaveOutput } from './voice/dave/dave-messages.ts'
export { type Clock, paced } from './voice/media/pacer.ts'
export type { VoiceCredentials, VoiceSessionOptions } from './voice/session/credentials.ts'
export type { Member, MembersView } from './voice/session/members.ts'
export { VoiceClientSession } from './voice/session/session.ts'
export type { VoiceSessionState } from './voice/session/session-state.ts'
export type {
  ProtocolSelection,
  UdpDescription,
  VoiceDescription,
  VoiceOutput,
  VoiceReady,
  WebrtcDescription,
  WebrtcSelection,
} from './voice/session/voice-outputs.ts'
