// The public names of the client, listed one by one: all of `sessions`, and what needs Node.js.
export { LvspClient, type LvspClientEvents, type LvspClientOptions } from './lvsp/client.ts'
export {
  Fleet,
  type FleetChannel,
  type FleetEvents,
  type FleetNode,
  type FleetOptions,
  type MovedChannel,
} from './lvsp/fleet.ts'
export type { ChannelProperties, NewVoiceState, VoiceStateRestrictions, VoiceStateSelector } from './lvsp/wire.ts'
export * from './sessions.ts'
export { VoiceClient, type VoiceClientEvents, type VoiceClientOptions } from './voice/client.ts'
export { loadDavey } from './voice/dave/davey.ts'
export { type VoiceTarget, type VoiceTls, voiceUrl } from './voice/endpoint.ts'
export type { HeardFrame, MediaReport } from './voice/media/media.ts'
export { openPacket, type PacketKind, PacketProtection, sealPacket } from './voice/media/packet.ts'
export type { SourceReport } from './voice/media/receive-stats.ts'
export { VoiceClosedError } from './voice/voice-closed-error.ts'
