// What runs anywhere, a browser included: sessions without sockets, and codecs. Listed one by one.
export { LvspClosedError, LvspRequestError } from './lvsp/lvsp-errors.ts'
export type {
  AssignedChannel,
  ChannelEncryption,
  ChannelRef,
  GrantedVoiceState,
  LvspOutput,
  NodeReady,
  NodeStats,
  RequestFailure,
  RequestId,
  UserRef,
  VoiceStateConnected,
  VoiceStateDisconnected,
  VoiceStateSpeaking,
} from './lvsp/outputs.ts'
export { LvspClientSession, type LvspCommandInput, type LvspSessionOptions } from './lvsp/session.ts'
export { type SyncedChannel, type SyncPart, syncParts } from './lvsp/sync-parts.ts'
export { type Looped, SessionLoop } from './session-loop.ts'
export { type Reaction, reactionTo } from './voice/close-policy.ts'
export { ClientDave, type DaveKeys, type DaveLibrary, type DaveOutlet } from './voice/dave.ts'
export type { Member, MembersView } from './voice/members.ts'
export { type OggOpus, readOggOpus } from './voice/ogg-opus.ts'
export { type OggOpusOptions, OggOpusWriter, writeOggOpus } from './voice/ogg-opus-writer.ts'
export { OggError, type OggPage, PageFlag, readPage, writePage } from './voice/ogg-page.ts'
export { OPUS_RATE, opusSamples } from './voice/opus-packet.ts'
export type {
  ProtocolSelection,
  VoiceDescription,
  VoiceOutput,
  VoiceReady,
  WebrtcDescription,
  WebrtcSelection,
} from './voice/outputs.ts'
export { type Clock, paced } from './voice/pacer.ts'
export { VoiceClientSession, type VoiceCredentials, type VoiceSessionOptions } from './voice/session.ts'
