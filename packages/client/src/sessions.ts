// What runs anywhere, a browser included: sessions without sockets, and codecs. Listed one by one.
export { type Reaction, reactionTo } from './voice/close-policy.ts'
export type { Member, MembersView } from './voice/members.ts'
export { type OggOpus, readOggOpus } from './voice/ogg-opus.ts'
export { type OggOpusOptions, OggOpusWriter, writeOggOpus } from './voice/ogg-opus-writer.ts'
export { OggError, type OggPage, PageFlag, readPage, writePage } from './voice/ogg-page.ts'
export { OPUS_RATE, opusSamples } from './voice/opus-packet.ts'
export type { ProtocolSelection, VoiceDescription, VoiceOutput, VoiceReady } from './voice/outputs.ts'
export { VoiceClientSession, type VoiceCredentials, type VoiceSessionOptions } from './voice/session.ts'
